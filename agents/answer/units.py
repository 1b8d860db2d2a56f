"""Passages cut into units that can be quoted: sentences, list items and table rows, by exact place."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.answer.base import AnswerTask
from agents.check.commands import is_command
from agents.quarantine import PROSE
from core.contracts import Evidence
from core.text import CAPITALS

_SENTENCE_END = re.compile(
    rf"[.!?][\"')\]*]*(?=\s+[\"'(\[`*«„¿¡]*[{CAPITALS}0-9`])|[.!؟](?=\s+[\u0620-\u06ff])|[。！？](?=.)"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|cf|figs?|al|dr|mr|mrs|ms|no|approx|ca|inc|ltd|st|etc|jr|sr|co)\.|\b[A-Z]\.)$", re.I
)
_LIST_ITEM = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")


@dataclass(frozen=True)
class Unit:
    """A sentence, list item or table row. `text` is the exact slice of the evidence's content.

    `heading` is the nearest heading above with the document's title; `header` the exact header row of its
    table; `before` what leads into it.
    """

    evidence: Evidence
    text: str
    heading: str = ""
    header: str = ""
    before: str = ""
    position: float = 0.0

    @property
    def is_row(self) -> bool:
        """Whether the unit is a row of a Markdown table."""
        return self.text.startswith("|")


@dataclass(frozen=True)
class Prose:
    """The passages of a task and their units, without those that order somebody to do something."""

    passages: tuple[Evidence, ...]
    units: tuple[Unit, ...]


def prose(task: AnswerTask) -> Prose:
    """Return what documents say in a task."""
    passages = tuple(item for item in task.evidence if item.kind in PROSE and item.trust != "trusted")
    units = (unit for item in passages for unit in units_of(item))
    return Prose(passages, tuple(unit for unit in units if not is_command(unit.text)))


def units_of(item: Evidence) -> list[Unit]:
    """Cut the content of a passage into units, in order."""
    title = str(item.metadata.get("title", "") or "")
    top = " ".join(part for part in (title, item.locator.section or "") if part)
    found: list[Unit] = []
    heading, header, lead = top, "", ""
    for start, end in _blocks(item.content):
        block = item.content[start:end]
        if block.startswith("#"):
            heading, header, lead = f"{top} {block.lstrip('# ')}".strip(), "", ""
            continue
        if block.startswith("|"):
            if re.fullmatch(r"[|\s:\-]+", block):
                header = found.pop().text if found and found[-1].is_row else header
                continue
            found.append(Unit(item, block, heading, header, lead))
            continue
        header = ""
        for a, b in _sentence_spans(block):
            text = block[a:b]
            is_item = _LIST_ITEM.match(block) is not None
            previous = found[-1].text if found else ""
            found.append(Unit(item, text, heading, "", f"{lead} {previous}" if is_item else previous or lead))
        lead = block if block.rstrip().endswith(":") else lead
    count = max(1, len(found) - 1)
    return [_placed(unit, place / count) for place, unit in enumerate(found)]


def _placed(unit: Unit, position: float) -> Unit:
    return Unit(unit.evidence, unit.text, unit.heading, unit.header, unit.before, position)


def _blocks(text: str) -> list[tuple[int, int]]:
    """Return the paragraphs, headings, list items and table rows of a text, without fenced code's marks."""
    spans: list[tuple[int, int]] = []
    open_start: int | None = None
    open_end = 0
    place = 0
    for line in text.splitlines(keepends=True):
        start, stripped = place, line.strip()
        place += len(line)
        begin = start + len(line) - len(line.lstrip())
        end = begin + len(stripped)
        alone = not stripped or stripped[0] in "#|" or stripped.startswith("```")
        if (alone or _LIST_ITEM.match(line)) and open_start is not None:
            spans.append((open_start, open_end))
            open_start = None
        if not stripped or stripped.startswith("```"):
            continue
        if alone:
            spans.append((begin, end))
        else:
            open_start, open_end = begin if open_start is None else open_start, end
    if open_start is not None:
        spans.append((open_start, open_end))
    return spans


def _sentence_spans(block: str) -> list[tuple[int, int]]:
    mark = _LIST_ITEM.match(block)
    start = mark.end() if mark else 0
    spans: list[tuple[int, int]] = []
    for match in _SENTENCE_END.finditer(block, start):
        if _ABBREVIATION.search(block[start : match.start() + 1]):
            continue
        spans.append((start, match.end()))
        start = match.end() + len(block[match.end() :]) - len(block[match.end() :].lstrip())
    spans.append((start, len(block)))
    return [(a, b) for a, b in spans if b > a]
