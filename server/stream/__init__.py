"""The stream of a run: typed events in a bounded log, sent as server-sent events."""
