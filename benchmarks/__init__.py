"""Benchmarks: figures with their baselines. Nothing here is a timed test."""
