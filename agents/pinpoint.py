"""Point at the answer itself: the part of a cited line of text that says it, with its own box.

A line is what the check reads; an answer is often one value in it (`Date : 02/01/2018`). The region is cut
from the line's box in proportion to its characters, so that it is as good as the type is even.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.contracts import Box, Citation, Evidence
from core.text import find_dates, find_numbers

_SLACK = 2
"""A line that says hardly more than the value needs no second box."""


def pinpoint(short_answer: str, lines: Iterable[Evidence]) -> list[Evidence]:
    """Return a `region` for each line of read text in which the answer is only a part.

    Args:
        short_answer: The answer; a date or number is found in whatever form the line has it.
        lines: The cited evidence; only upright lines read from an image (`ocr` with a box) give a region.
    """
    found: list[Evidence] = []
    for line in lines:
        box = line.locator.box
        if line.kind != "ocr" or box is None or box[3] - box[1] > box[2] - box[0]:
            continue
        span = _span(short_answer, line.content)
        if span is not None and span[1] - span[0] < len(line.content.strip()) - _SLACK:
            found.append(_region(line, box, span))
    return found


def citation_of(evidence: Evidence) -> Citation:
    """Return the citation of a piece of evidence by all that it says."""
    return Citation.of(evidence)


def _span(answer: str, text: str) -> tuple[int, int] | None:
    dates = find_dates(answer)
    if dates:
        same = [item for item in find_dates(text) if item.iso == dates[0].iso]
        return (same[0].start, same[0].end) if same else None
    whole = re.search(rf"(?<!\w){re.escape(answer.strip())}(?![\w.,]*\d)(?!\w)", text, re.I)
    if whole is not None and whole.group():
        return whole.span()
    numbers = find_numbers(answer)
    if len(numbers) != 1:
        return None
    alike = [item for item in find_numbers(text) if item.value == numbers[0].value]
    # The currency before the figure is not part of the answer.
    figure = re.search(r"[-+(]?[.\d]", alike[-1].text) if alike else None
    return (alike[-1].start + figure.start(), alike[-1].end) if figure else None


def _region(line: Evidence, box: Box, span: tuple[int, int]) -> Evidence:
    width = (box[2] - box[0]) / max(len(line.content), 1)
    left, right = (round(box[0] + width * place, 1) for place in span)
    return Evidence(
        kind="region",
        source=line.source,
        locator=line.locator.model_copy(update={"box": (left, box[1], right, box[3])}),
        content=line.content[slice(*span)],
        score=line.score,
        trust=line.trust,
        retrieved_at=line.retrieved_at,
        tool=line.tool,
        tool_version=line.tool_version,
    )
