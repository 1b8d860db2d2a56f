"""The suites, a file for each task. A file has `SUITES`; a new one is listed here."""

MODULES = (
    "routing",
    "safety",
    "passages",
    "answers",
    "charts",
    "documents",
    "tools",
    "code",
    "biomedical",
    "planning",
    "pictures",
    "languages",
    "personas",
    "known_failures",
)
