"""What runs: clients for every model role and the embedded runtimes."""
