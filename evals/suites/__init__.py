"""The suites, a file for each task. A file has `SUITES`; a new one is listed here."""

MODULES = (
    "routing",
    "safety",
    "passages",
    "answers",
    "charts",
    "vqa",
    "documents",
    "forms",
    "tools",
    "code",
    "biomedical",
    "planning",
    "pictures",
    "languages",
    "ragas",
    "personas",
    "robustness",
    "bias",
    "judging",
    "known_failures",
)
