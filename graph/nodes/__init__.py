"""The nodes of the graph, one file a node; each returns a partial update."""
