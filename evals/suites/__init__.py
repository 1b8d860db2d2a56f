"""The suites, a file for each task. A file has `SUITES`; a new one is listed here."""

MODULES = ("routing", "passages", "answers", "charts", "known_failures")
