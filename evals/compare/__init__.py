"""Comparing runs: is the new one worse, could it have been noticed, and does the gate let it pass."""
