"""Traffic and time: users who ask a running server, and what a run of the graph costs in this process."""
