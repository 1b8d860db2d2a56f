"""Long work in a process of its own: evaluations, data sets, training."""
