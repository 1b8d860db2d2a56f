# ruff: noqa: E501 - tables of patterns, one group to a line
"""Multiple choice over a chart: every option is tested as a statement, the best supported one is chosen."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agents.answer.chart_facts import claim, number
from agents.answer.chart_intent import HIGH, LOW
from agents.answer.chart_limits import CANNOT, limit_of, period_change, years_beyond
from agents.answer.chart_table import Cell, Chart, in_order, named_in
from agents.answer.chart_trend import one_way, shape_of
from core.contracts import Citation, DraftClaim
from core.text import find_numbers

_NONE = re.compile(r"^\s*none of (?:the )?(?:above|these)", re.I)
_NOT = re.compile(r"\b(?:not|never|no|neither|n['’]t)\b", re.I)
_UP = re.compile(
    r"\b(?:increas\w*|ris(?:e|es|ing|en)|rose|grow\w*|grew|upward\w*|improv\w*|climb\w*|gain\w*)\b", re.I
)
_DOWN = re.compile(
    r"\b(?:decreas\w*|fall\w*|fell|declin\w*|drop\w*|downward\w*|shr[aiu]nk\w*|reduc\w*)\b", re.I
)
_FLAT = re.compile(
    r"\b(?:constant|stable|flat|almost the same|unchanged|steady at|minor changes|identical|no meaningful variation|about the same)\b",
    re.I,
)
_ERRATIC = re.compile(
    r"\b(?:erratic\w*|fluctuat\w*|unpredictab\w*|rises and falls|ups and downs|irregular)\b", re.I
)
_STRICT = re.compile(
    r"\b(?:every (?:year|month|day|quarter)|steadily|consistent\w*|continuous\w*|always|from year to year)\b",
    re.I,
)
_SHARP = re.compile(
    r"\b(?:sharp\w*|dramatic\w*|steep\w*|plummet\w*|soar\w*|surge\w*|large fluctuations)\b", re.I
)
_SAME = re.compile(r"\b(?:equal|same|identical)\b", re.I)
_MORE = re.compile(r"\b(?:higher|larger|greater|more|bigger|exceeds?|above|over)\b", re.I)
_LESS = re.compile(r"\b(?:lower|smaller|less|fewer|below|under)\b", re.I)
_FRACTIONS = {
    "one-half": 0.5, "one half": 0.5, "half": 0.5, "one-third": 1 / 3, "one third": 1 / 3, "third": 1 / 3,
    "two-thirds": 2 / 3, "two thirds": 2 / 3, "one-quarter": 0.25, "one quarter": 0.25, "quarter": 0.25,
    "three-quarters": 0.75, "three quarters": 0.75, "one-fifth": 0.2, "one fifth": 0.2, "fifth": 0.2,
    "one-tenth": 0.1, "tenth": 0.1, "twice": 2.0, "double": 2.0,
}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """How far the table supports an option (-1 to 1), and the cells that say so."""

    score: float
    cells: tuple[Cell, ...] = ()
    claims: tuple[DraftClaim, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The chosen letter with its score and claims."""

    letter: str
    score: float
    claims: tuple[DraftClaim, ...]


def choose(chart: Chart, stem: str, options: Mapping[str, str]) -> Choice | None:
    """Return the option that the table supports best, or None when it supports none."""
    verdicts = {letter: judge(chart, stem, text) for letter, text in options.items()}
    verdicts |= _periods(chart, stem, options)
    none = next((letter for letter, text in options.items() if _NONE.match(text)), None)
    if none is not None:
        others = [v for letter, v in verdicts.items() if letter != none]
        refuted = all(v.score < -0.2 for v in others)
        verdicts[none] = Verdict(0.6 if refuted else -0.5, (), tuple(c for v in others for c in v.claims)[:4])
    ranked = sorted(verdicts.items(), key=lambda pair: -pair[1].score)
    letter, best = ranked[0]
    if best.score < 0.25:
        return _left_over(verdicts)
    lead = best.score - ranked[1][1].score
    claims = best.claims or _about(chart)
    if not claims:
        return None
    sure = min(0.9, 0.35 + 0.45 * best.score + 0.2 * min(1.0, lead))
    cells = [cell.sure for cell in best.cells]
    return Choice(letter, sure * (0.5 + 0.5 * (min(cells) if cells else 0.8)), claims)


def _periods(chart: Chart, stem: str, options: Mapping[str, str]) -> dict[str, Verdict]:
    """Compare periods offered as options, for `which period has the larger increase (or decrease)`."""
    asks = re.search(
        r"\b(?:larger|largest|greater|greatest|bigger|biggest|smaller|smallest|steeper|steepest)\b",
        stem,
        re.I,
    )
    if asks is None or len(chart.series) > 1 or not (_UP.search(stem) or _DOWN.search(stem)):
        return {}
    changes = {
        letter: change
        for letter, text in options.items()
        if len(text) < 40 and (change := period_change(chart.cells, text)) is not None
    }
    if len(changes) < 2:
        return {}
    sign = -1 if _DOWN.search(stem) else 1
    sign *= -1 if asks.group().lower().startswith("small") else 1
    best = max(changes, key=lambda letter: sign * changes[letter][0])
    cells = tuple(cell for change in changes.values() for cell in change[1:])
    return {letter: Verdict(0.9 if letter == best else -0.9, cells, _state(cells)) for letter in changes}


def _left_over(verdicts: dict[str, Verdict]) -> Choice | None:
    """Choose what remains when the table refutes every other option."""
    refuted = [letter for letter, verdict in verdicts.items() if verdict.score <= -0.3]
    rest = [letter for letter in verdicts if letter not in refuted]
    if len(rest) != 1 or len(refuted) < 2:
        return None
    claims = tuple(claim for letter in refuted for claim in verdicts[letter].claims)[:6]
    return Choice(rest[0], 0.45, claims) if claims else None


def _about(chart: Chart) -> tuple[DraftClaim, ...]:
    if chart.head is None:
        return ()
    return (DraftClaim(text=chart.head.content, citations=(Citation.of(chart.head),)),)


def judge(chart: Chart, stem: str, option: str) -> Verdict:
    """Test one option against the table."""
    if CANNOT.search(option):
        return _cannot(chart, stem, option)
    if not chart.cells:
        return Verdict(-0.1)
    if years_beyond(chart, option):
        return Verdict(-0.3)  # it speaks of what is not shown
    for test in (_superlatives, _fraction, _ratio, _numeric, _comparison, _trend):
        verdict = test(chart, stem, option)
        if verdict is not None:
            return verdict
    return Verdict(0.0)


def _cannot(chart: Chart, stem: str, option: str) -> Verdict:
    """Judge `it cannot be told`: right when the scale, the values or the period asked for are missing."""
    found = limit_of(chart, stem, option)
    if found is None:
        return Verdict(-0.25)
    score, cells = found
    return Verdict(score, cells, _state(cells) or _about(chart))


def _state(cells: Sequence[Cell]) -> tuple[DraftClaim, ...]:
    return tuple(claim(f"{c.full_name}: {number(c.value)}.", [c], derived=False) for c in cells)


def _subject(chart: Chart, option: str, stem: str) -> list[Cell]:
    """Return the cells that an option names, else those that the stem names."""
    for text in (option, stem):
        names = named_in(text, chart.categories)
        series = named_in(text, chart.series)
        cells = [
            c
            for c in chart.cells
            if (c.category in names if names else True) and (c.series in series if series else True)
        ]
        if names or series:
            order = names or series
            return sorted(cells, key=lambda c: order.index(c.category if names else c.series))
    return []


def _superlatives(chart: Chart, stem: str, option: str) -> Verdict | None:
    """`X has the largest share`, `highest in January and lowest in December`."""
    parts = [p for p in re.split(r"\band\b|,|;", option) if re.search(rf"\b(?:{HIGH}|{LOW})\b", p, re.I)]
    verdicts = []
    for part in parts:
        cells = _ends(chart, part)
        if len(cells) != 1:
            continue
        cell = cells[0]
        rivals = [c for c in chart.cells if c.series == cell.series]
        if re.search(r"\bat least\b|\bmore\b.*\bthan\b", part, re.I) or len(rivals) < 2:
            continue
        highest = re.search(rf"\b{LOW}\b", part, re.I) is None
        extreme = (max if highest else min)(rivals, key=lambda c: c.value)
        right = abs(extreme.value - cell.value) <= 0.01 * max(abs(extreme.value), 1e-9)
        right ^= bool(_NOT.search(part))
        word = "highest" if highest else "lowest"
        told = claim(f"{extreme.full_name} has the {word} value: {number(extreme.value)}.", rivals)
        verdicts.append(Verdict((0.92 if highest else 0.9) if right else -0.9, (cell,), (told,)))
    if not verdicts:
        return None
    worst = min(verdicts, key=lambda v: v.score)
    return Verdict(worst.score, worst.cells, tuple(c for v in verdicts for c in v.claims))


def _ends(chart: Chart, text: str) -> list[Cell]:
    """Return named cells; `first`, `final` and `latest` name the ends of an ordered chart."""
    named = _subject(chart, text, "")
    if named:
        return named
    ordered = in_order(chart.cells) if len(chart.series) <= 1 else []
    if ordered and re.search(r"\b(?:final|last|latest|end)\b", text, re.I):
        return [ordered[-1]]
    if ordered and re.search(r"\b(?:first|initial|beginning|start)\b", text, re.I):
        return [ordered[0]]
    return []


def _scaled(chart: Chart, cell: Cell) -> float:
    """Return a cell as a share of the whole: of 100 for percentages, else of the sum."""
    total = sum(c.value for c in chart.cells if c.series == cell.series)
    percent = "%" in chart.y or chart.kind == "pie" or 85 <= total <= 115
    return cell.value / (100.0 if percent and total <= 170 else max(1e-9, total))


def _fraction(chart: Chart, stem: str, option: str) -> Verdict | None:
    text = option.lower()
    word = next((w for w in sorted(_FRACTIONS, key=len, reverse=True) if re.search(rf"\b{w}\b", text)), None)
    if word is None or _FRACTIONS[word] > 1:
        return None
    cells = _subject(chart, option, stem)
    if len(cells) != 1:
        return None
    share, wanted = _scaled(chart, cells[0]), _FRACTIONS[word]
    if re.search(r"\b(?:fewer|less|under|below)\b", text):
        score = 0.85 if share < wanted else -0.9
    elif re.search(r"\b(?:more|over|above|greater|majority)\b", text):
        score = 0.85 if share > wanted else -0.9
    else:
        # Fractions compete with one another: the nearest wins, so closeness is graded.
        score = 0.9 - 8 * abs(share - wanted) if abs(share - wanted) < 0.09 else -0.8
    return Verdict(score, tuple(cells), _state(cells))


def _ratio(chart: Chart, stem: str, option: str) -> Verdict | None:
    match = re.search(r"\b(\d+(?:\.\d+)?)\s*:\s*(\d+(?:\.\d+)?)\b", option)
    times = re.search(r"\b(\d+(?:\.\d+)?)\s*(?:times|x\b|-fold)", option, re.I)
    twice = re.search(r"\b(?:twice|double)\b", option, re.I)
    if not (match or times or twice):
        return None
    cells = _subject(chart, option, stem)
    if len(cells) != 2:
        cells = _subject(chart, stem, option)
    if len(cells) != 2 or not cells[1].value:
        return None
    wanted = float(match[1]) / float(match[2]) if match else (float(times[1]) if times else 2.0)
    off = abs(cells[0].value / cells[1].value - wanted) / max(wanted, 1e-9)
    return Verdict(0.9 - 2 * off if off < 0.15 else -0.8, tuple(cells), _state(cells))


def _numeric(chart: Chart, stem: str, option: str) -> Verdict | None:
    cells = _subject(chart, option, stem)
    if len(cells) != 1 or re.search(r"\b(?:average|mean|total|combined|sum)\b", f"{stem} {option}", re.I):
        return None
    names = {n.value for n in find_numbers(f"{cells[0].category} {cells[0].series}")}
    numbers = [n.value for n in find_numbers(option) if n.value not in names]
    if len(numbers) != 1:
        return None
    wanted, value = numbers[0], cells[0].value
    if re.search(r"\b(?:below|under|less than|fewer than)\b", option, re.I):
        return Verdict(0.8 if value < wanted else -0.9, tuple(cells), _state(cells))
    if re.search(r"\b(?:above|over|more than|exceed\w*)\b", option, re.I):
        return Verdict(0.8 if value > wanted else -0.9, tuple(cells), _state(cells))
    off = abs(value - wanted) / max(abs(value), abs(wanted), 1e-9)
    return Verdict(0.85 - 3 * off if off < 0.1 else -0.8, tuple(cells), _state(cells))


def _comparison(chart: Chart, stem: str, option: str) -> Verdict | None:
    more, less, same = _MORE.search(option), _LESS.search(option), _SAME.search(option)
    word = more or less or same
    if word is None:
        return None
    left = _ends_or_named(chart, option[: word.start()])
    right = _ends_or_named(chart, option[word.end() :])
    if same and (not left or not right):
        both = _subject(chart, option, "")
        left, right = (both[:1], both[1:]) if len(both) == 2 else (left, right)
    if not left or not right:
        return None
    a, b = sum(c.value for c in left), sum(c.value for c in right)
    level = max(abs(a), abs(b), 1e-9)
    near = abs(a - b) / level
    holds = near < 0.03 if same and not more and not less else (a > b if more else a < b) and near > 0.005
    holds ^= bool(_NOT.search(option))
    cells = (*left, *right)
    return Verdict(0.85 if holds else -0.85, cells, _state(cells))


def _ends_or_named(chart: Chart, text: str) -> list[Cell]:
    cells = _ends(chart, text)
    return cells if len(chart.series) <= 1 or len({c.series for c in cells}) == 1 else []


def _trend(chart: Chart, stem: str, option: str) -> Verdict | None:
    """`It increased every year`, `generally decreasing`, `relatively flat`, `dramatic improvement`."""
    if len(chart.cells) < 3 or len({c.series for c in chart.cells}) > 1:
        return None
    cells = in_order(chart.cells)
    values = [c.value for c in cells]
    shape = shape_of(values)
    ends = (cells[0], cells[-1])
    level = max(abs(v) for v in values) or 1.0
    change = abs(values[-1] - values[0]) / level
    up, down = _UP.search(option), _DOWN.search(option)
    score: float | None = None
    if re.search(r"\bby the same amount\b|\bat the same rate\b", option, re.I):
        steps = [b - a for a, b in pairwise(values)]
        even = max(steps) - min(steps) < 0.05 * (max(values) - min(values))
        score = 0.8 if even else -0.7
    elif _FLAT.search(option) or re.search(r"\bslightly\b.*\bsame\b", option, re.I):
        spread = (max(values) - min(values)) / level
        score = 0.8 if spread < 0.05 else (-0.2 if spread < 0.12 else -0.9)
    elif _ERRATIC.search(option):
        score = 0.7 if shape == "fluctuating" else -0.6
    elif up or down:
        direction = 1 if up else -1
        right = shape == ("increasing" if up else "decreasing")
        score = 0.8 if right else -0.8
        if right and _STRICT.search(option) and not one_way(values, direction):
            score = -0.5
        if right and _SHARP.search(option) and change < 0.1:
            score = -0.6
        if _NOT.search(option) and not _STRICT.search(option):
            score = -score
    if score is None:
        return None
    return Verdict(score, ends, _state(ends))
