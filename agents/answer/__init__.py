"""Answers from evidence, one file a route; every route returns candidates with quoted claims."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from agents.answer.base import AnswerTask, Extractor
from core.contracts import Candidate

CANDIDATES_PER_NEED = 6
"""What the state carries to the check; more would only grow the checkpoints."""


@cache
def default_extractors() -> tuple[Extractor, ...]:
    """Return one instance of every route that answers in code."""
    from agents.answer.charts import ChartExtractor
    from agents.answer.code import CodeExtractor
    from agents.answer.fields import FieldExtractor
    from agents.answer.looked import LookedExtractor
    from agents.answer.ocr_text import OcrTextExtractor
    from agents.answer.passages import PassageExtractor

    return (
        FieldExtractor(),
        ChartExtractor(),
        OcrTextExtractor(),
        PassageExtractor(),
        CodeExtractor(),
        LookedExtractor(),
    )


def propose(extractors: Sequence[Extractor], task: AnswerTask) -> list[Candidate]:
    """Return the best candidates of every route, best first, with ids of their own."""
    found = [
        candidate.model_copy(update={"id": f"{extractor.name}-{task.subquestion_id}-{place}"})
        for extractor in extractors
        for place, candidate in enumerate(extractor.propose(task)[:3])
    ]
    return sorted(found, key=lambda candidate: -candidate.score)[:CANDIDATES_PER_NEED]
