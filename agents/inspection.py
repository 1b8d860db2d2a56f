"""What the inspection profile adds: items, risk, action, and whether they match the declaration.

A scan that could not be examined is never `clear`: it goes to a person.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.profiles import RiskPolicy
from core.contracts import Evidence, Inspection
from core.text import content_words, has_negation, sentences


def inspect(evidence: Sequence[Evidence], declared: Sequence[str], policy: RiskPolicy) -> Inspection:
    """Derive the verdict from what the vision model saw, by the profile's risk policy."""
    seen = [item for item in evidence if item.kind == "vlm"]
    if not seen:
        return Inspection(
            detected_items=(),
            risk_level=policy.inspect_from,
            action="manual_inspection",
            match_declaration=None,
            reasoning="No vision model examined this scan, so a person has to.",
        )
    items = _named_items(seen, policy)
    matches = _matches(items, declared) if declared else None
    level = policy.level(items, undeclared=matches is False)
    found = ", ".join(items) or "no item of the risk list"
    return Inspection(
        detected_items=tuple(items),
        risk_level=level,
        action=policy.action(level),
        match_declaration=matches,
        reasoning=f"The vision model reported {found}; risk {level}.",
    )


def _named_items(evidence: Sequence[Evidence], policy: RiskPolicy) -> list[str]:
    """Return the items of the risk list that a sentence without a negation names."""
    listed = [mark for _, marks in policy.words_by_level for mark in marks]
    found: dict[str, None] = {}
    for item in evidence:
        for sentence in sentences(item.content):
            if not has_negation(sentence):
                present = {word.removesuffix("s") for word in content_words(sentence)}
                found.update({mark: None for mark in listed if mark in present})
    return list(found)


def _matches(items: Sequence[str], declared: Sequence[str]) -> bool:
    stated = {word.removesuffix("s") for item in declared for word in content_words(item)}
    return all(item in stated for item in items)
