"""Runs: tasks that the server owns, with a lease; they outlive the connection that asked."""
