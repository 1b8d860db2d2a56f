"""What the inspection profile adds: items, risk, action, and whether they match the declaration.

A scan that could not be examined is never `clear`: it goes to a person.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.contracts import Evidence, Inspection
from core.text import content_words, has_negation, sentences

_RISK: dict[str, tuple[str, ...]] = {
    "critical": ("gun", "pistol", "firearm", "rifle", "revolver", "bomb", "explosive", "grenade"),
    "high": ("knife", "blade", "dagger", "machete", "shuriken", "razor", "ammunition", "bullet"),
    "medium": ("scissors", "wrench", "pliers", "hammer", "screwdriver", "lighter", "bat", "battery"),
    "low": ("bottle", "liquid", "laptop", "umbrella"),
}
_ORDER = ("none", "low", "medium", "high", "critical")


def inspect(evidence: Sequence[Evidence], declared: Sequence[str]) -> Inspection:
    """Derive the inspection verdict from what the VLM and OCR saw."""
    seen = [item for item in evidence if item.kind in ("vlm", "region")]
    if not seen:
        return Inspection(
            detected_items=(),
            risk_level="medium",
            action="manual_inspection",
            match_declaration=None,
            reasoning="No vision model examined this scan, so a person has to.",
        )
    items = _items(seen)
    level = max((risk for _, risk in items), key=_ORDER.index, default="none")
    names = tuple(dict.fromkeys(name for name, _ in items))
    matches = _matches(names, declared) if declared else None
    # A declaration that does not match is a reason to look, however harmless the items are.
    action = "alert" if level in ("high", "critical") else "manual_inspection"
    if level in ("none", "low") and matches is not False:
        action = "clear"
    found = ", ".join(names) or "no prohibited item"
    return Inspection(
        detected_items=names,
        risk_level=level,  # type: ignore[arg-type]
        action=action,  # type: ignore[arg-type]
        match_declaration=matches,
        reasoning=f"The vision model reported {found}; risk {level}.",
    )


def _items(evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    found = []
    for item in evidence:
        for sentence in sentences(item.content):
            if has_negation(sentence):
                continue
            present = {_singular(word) for word in content_words(sentence)}
            found += [(name, risk) for risk, names in _RISK.items() for name in names if name in present]
    return found


def _singular(word: str) -> str:
    if word in ("knives", "scissors", "pliers"):
        return {"knives": "knife"}.get(word, word)
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _matches(names: Sequence[str], declared: Sequence[str]) -> bool:
    stated = {_singular(word) for item in declared for word in content_words(item)}
    return all(name in stated for name in names)
