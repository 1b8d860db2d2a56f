"""Questions about a baggage scan from its labels: is there a threat, which, where.

What may be asked depends on how complete the labels are. `exhaustive` labels name every item, so that `no` is
a true answer. `scope` labels are complete for the items named. `at least` labels say what is there and
nothing about the rest: from them no question is made whose answer is `no`, or a full list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from core.contracts import Box
from finetune.data.convert.base import Draft

NO_THREAT = "none"


def scan_questions(
    base: Draft,
    items: Mapping[str, Sequence[Box]],
    *,
    complete: bool,
    scope: Sequence[str] = (),
    vocabulary: Sequence[str] = (),
) -> Iterator[Draft]:
    """Yield the questions that the labels of one scan answer.

    Args:
        base: The scan's image, split, place and metadata; its question and answers are replaced.
        items: The prohibited items that are labelled, with their boxes where there are any.
        complete: Whether nothing else is in the scan (within the scope, if one is given).
        scope: The items that the labels are complete for; empty for all.
        vocabulary: Names of items, of which one that is absent is asked about.
    """
    names = sorted(items)
    what = _either(scope) if scope else "a prohibited item"
    if names or complete:
        yield _ask(base, f"Is there {what} in this scan?", "yes" if names else "no", "threat")
    if complete:
        which = (
            "Which prohibited items are in this scan?"
            if not scope
            else f"Which of these are in this scan: {', '.join(scope)}?"
        )
        yield _ask(base, which, ", ".join(names) or NO_THREAT, "which")
    for name in names:
        yield _ask(base, f"Is there {_a(name)} in this scan?", "yes", "item")
        if items[name]:
            at = replace(base, boxes=tuple(items[name]))
            yield replace(_ask(at, f"Where is the {name} in this scan?", "", "where"), answer_from="place")
            yield replace(_ask(at, f"Give the box of the {name}.", "", "grounding"), answer_from="boxes")
    absent = [name for name in (scope or vocabulary) if name not in items]
    if complete and absent:
        # Always the same one for a scan, and all of them equally often over many scans.
        draw = int.from_bytes(hashlib.sha256(base.where.encode()).digest()[:4], "big")
        yield _ask(base, f"Is there {_a(absent[draw % len(absent)])} in this scan?", "no", "item")


def _ask(base: Draft, question: str, answer: str, kind: str) -> Draft:
    return replace(base, question=question, answers=(answer,) if answer else (), kind=kind)


def _a(name: str) -> str:
    plural = name.endswith("s") and not name.endswith("ss")
    return name if plural else f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _either(names: Sequence[str]) -> str:
    return " or ".join(_a(name) for name in names)
