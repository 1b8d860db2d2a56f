"""What suites answer with: the graph, collections and readers of the process, opened once for a run."""
