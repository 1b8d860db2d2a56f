"""How it is reached: the command line and the run report."""
