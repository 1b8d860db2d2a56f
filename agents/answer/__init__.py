"""Answers from evidence, one file a route; every route returns candidates with quoted claims."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from agents.answer.base import AnswerTask, Extractor
from core.contracts import Candidate

SHORT_EVIDENCE = 2000
"""Characters that every route reads in a few milliseconds; more is read in a thread."""
CANDIDATES_PER_ROUTE = 3
CANDIDATES_PER_NEED = 6
"""What the state carries to the check; more would only grow the checkpoints."""


@cache
def default_extractors() -> tuple[Extractor, ...]:
    """Return one instance of every route that answers in code."""
    from agents.answer.charts import ChartExtractor
    from agents.answer.code import CodeExtractor
    from agents.answer.fields import FieldExtractor
    from agents.answer.found_images import FoundImagesExtractor
    from agents.answer.looked import LookedExtractor
    from agents.answer.ocr_text import OcrTextExtractor
    from agents.answer.passages import PassageExtractor
    from agents.answer.studied import StudyExtractor

    return (
        FieldExtractor(),
        ChartExtractor(),
        OcrTextExtractor(),
        PassageExtractor(),
        StudyExtractor(),
        CodeExtractor(),
        LookedExtractor(),
        FoundImagesExtractor(),
    )


@dataclass(frozen=True)
class Proposals:
    """Candidates of every route, best first, and the routes that failed with a bug."""

    candidates: tuple[Candidate, ...]
    failed: tuple[str, ...] = ()


def propose(extractors: Sequence[Extractor], task: AnswerTask) -> Proposals:
    """Ask every route; one with a bug is named and left out, because another may still answer."""
    found: list[Candidate] = []
    failed: list[str] = []
    for extractor in extractors:
        try:
            proposed = extractor.propose(task)[:CANDIDATES_PER_ROUTE]
        except Exception as error:  # noqa: BLE001 - named in the run's steps by the caller
            failed.append(f"{extractor.name}: {type(error).__name__}: {error}")
            continue
        found += [
            candidate.model_copy(update={"id": f"{extractor.name}-{task.subquestion_id}-{place}"})
            for place, candidate in enumerate(proposed)
        ]
    best = sorted(found, key=lambda candidate: -candidate.score)[:CANDIDATES_PER_NEED]
    return Proposals(tuple(best), tuple(failed))


async def propose_aside(extractors: Sequence[Extractor], task: AnswerTask) -> Proposals:
    """Ask every route without holding up the event loop; a thread costs more than reading little text."""
    if sum(len(item.content) for item in task.evidence) <= SHORT_EVIDENCE:
        return propose(extractors, task)
    return await asyncio.to_thread(propose, extractors, task)
