"""Inspection from what a vision model said: items of the risk list, the risk, the action, the declaration.

The embedded model reads no scans, so this measures what is made of any model's words: items that are there,
items that are said not to be, and harmless ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from agents.inspection import inspect
from agents.profiles import PROFILES
from core.contracts import Evidence
from evals.made.values import sentence
from evals.metrics.lists import item_f1
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample
from evals.run.scorers import metric_scorer
from evals.run.solver import function_solver

_COUNT = 132
_LISTED = {
    "gun": "critical", "pistol": "critical", "grenade": "critical", "ammunition": "critical", "knife": "high",
    "razor": "high", "dagger": "high", "taser": "high", "hammer": "medium", "wrench": "medium",
    "lighter": "medium", "battery": "medium", "screwdriver": "medium",
}  # fmt: skip
_HARMLESS = ("a laptop", "an umbrella", "a pair of shoes", "a book", "a camera", "a hairbrush", "a towel")
_THERE = ("There is a {item} {where}.", "A {item} can be seen {where}.", "{where} lies a {item}.",
          "The shape {where} is a {item}.")  # fmt: skip
_ABSENT = ("No {item} is visible.", "There is no {item} in the bag.", "It does not contain a {item}.",
           "Nothing looks like a {item}, and no {item} was found.")  # fmt: skip
_PLACES = ("in the left pocket", "beside the laptop", "under the clothes", "at the bottom", "near the handle")
_ORDER = ("none", "low", "medium", "high", "critical")


def _said(number: int) -> tuple[list[str], list[str], list[str]]:
    """Return what a model says of a scan, the items that are there, and what was declared."""
    rng = random.Random(f"scan-{number}")  # noqa: S311 - made-up data, no secret
    there = rng.sample(list(_LISTED), number % 4 if number % 4 < 3 else 1)
    absent = rng.sample([one for one in _LISTED if one not in there], rng.randrange(0, 3))
    lines = [sentence(rng.choice(_THERE).format(item=one, where=rng.choice(_PLACES))) for one in there]
    lines += [rng.choice(_ABSENT).format(item=one) for one in absent]
    lines += [f"There is {rng.choice(_HARMLESS)} as well."] * rng.randrange(0, 2)
    rng.shuffle(lines)
    declared = [*there] if number % 2 else there[1:]
    return lines or ["The bag holds clothes only."], there, [*declared, "clothes"] if number % 3 else []


def _inspect(sample: Sample, seed: int) -> Output:
    policy = PROFILES["inspection"].risk
    assert policy is not None
    evidence = [Evidence(kind="vlm", source="scan.png", content=" ".join(sample.input["said"]))]
    found = inspect(evidence, sample.input["declared"], policy)
    return Output(answer=found.model_dump(mode="json"))


def _f1(sample: Sample, output: Output) -> float | None:
    found, there = output.answer["detected_items"], sample.target["items"]
    # A bag with nothing in it is right when nothing is found.
    return float(not found) if not there else item_f1(list(found), list(there))


def _found(sample: Sample, output: Output) -> list[str]:
    return list(output.answer["detected_items"])


def _there(sample: Sample) -> list[str]:
    return list(sample.target["items"])


def _level(sample: Sample, output: Output) -> str:
    return str(output.answer["risk_level"])


def _same(sample: Sample, output: Output, *, name: str) -> float:
    return float(output.answer[name] == sample.target[name])


def _right(sample: Sample, output: Output) -> float:
    return min(_same(sample, output, name=name) for name in ("risk_level", "action"))


def _declared(sample: Sample, output: Output) -> float | None:
    return _same(sample, output, name="match_declaration") if sample.input["declared"] else None


def _verdict(there: Sequence[str], declared: Sequence[str]) -> dict[str, Any]:
    levels = ["none", *(_LISTED[one] for one in there)]
    matches = set(there) <= set(declared) if declared else None
    if matches is False:
        levels.append("medium")
    level = max(levels, key=_ORDER.index)
    action = {"none": "clear", "low": "clear", "medium": "manual_inspection"}.get(level, "alert")
    return {"items": list(there), "risk_level": level, "action": action, "match_declaration": matches}


@suite(
    "told_scans",
    family="inspection",
    open_solver=function_solver(_inspect),
    scorers=(
        Scorer("verdict_right", _right, help="Risk and action are right."),
        Scorer(
            "items_f1", _f1, judged=False, help="F1 of the items; an empty bag is right when none is named."
        ),
        metric_scorer("items_micro_f1", _found, _there, judged=False),
        metric_scorer("items_macro_f1", _found, _there, judged=False),
        metric_scorer("under_called", _level, lambda sample: sample.target["risk_level"], judged=False),
        Scorer("declaration_right", _declared, judged=False, help="Whether it matches the declaration."),
    ),
)
def told_scans(place: Place) -> Iterator[Sample]:
    """What a vision model says of 132 scans, in words of ours: items, risk, action and declaration."""
    for number in range(_COUNT):
        said, there, declared = _said(number)
        yield Sample(
            id=f"scan-{number:03}",
            suite="told_scans",
            family="inspection",
            kind=f"{len(there)} items",
            modality="text",
            source="made",
            input={"said": said, "declared": declared},
            target=_verdict(there, declared),
        )


SUITES = (told_scans,)
