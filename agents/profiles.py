"""Profiles: what a field of work allows, where it searches, what its answers add, how it judges risk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from core.contracts import Action, ProfileName
from core.text import words

RiskLevel = Literal["none", "low", "medium", "high", "critical"]
InspectionAction = Literal["clear", "manual_inspection", "alert"]
_LEVELS: tuple[RiskLevel, ...] = get_args(RiskLevel)
_EVERY: frozenset[Action] = frozenset(get_args(Action))


@dataclass(frozen=True)
class RiskPolicy:
    """How detected items become a risk level and an action. Words are matched as whole words."""

    words_by_level: tuple[tuple[RiskLevel, tuple[str, ...]], ...]
    alert_from: RiskLevel = "high"
    inspect_from: RiskLevel = "medium"
    undeclared_level: RiskLevel = "medium"
    """The least level when something was found that the declaration does not name."""

    def level(self, items: Iterable[str], *, undeclared: bool = False) -> RiskLevel:
        """Return the highest level that any item reaches; any item at all is at least `low`."""
        found: list[RiskLevel] = ["none"]
        for item in items:
            named = {word.removesuffix("s") for word in words(item)}
            found.append("low")
            found += [level for level, marks in self.words_by_level if named & set(marks)]
        if undeclared:
            found.append(self.undeclared_level)
        return max(found, key=_LEVELS.index)

    def action(self, level: RiskLevel) -> InspectionAction:
        """Return what an inspector should do at a level."""
        if _LEVELS.index(level) >= _LEVELS.index(self.alert_from):
            return "alert"
        if _LEVELS.index(level) >= _LEVELS.index(self.inspect_from):
            return "manual_inspection"
        return "clear"


@dataclass(frozen=True)
class Profile:
    """A field of work. `answer_fields` names what its answers carry beside the common fields."""

    name: ProfileName
    title: str
    allowed_actions: frozenset[Action]
    prompts: dict[str, str]
    """Prompt id by role (planner, answer)."""
    default_collections: tuple[str, ...] = ()
    answer_fields: tuple[str, ...] = ()
    notice: str = ""
    """Shown with every answer of this profile."""
    risk: RiskPolicy | None = None
    min_verdict_confidence: float = 0.0
    """Below it a yes or no is not given, whatever the general setting allows."""


def _prompts(name: ProfileName) -> dict[str, str]:
    return {"planner": "planner.system", "answer": f"answer.{name}"}


PROFILES: dict[str, Profile] = {
    "general": Profile(
        "general", "General", allowed_actions=_EVERY - {"search_code"}, prompts=_prompts("general")
    ),
    "medical": Profile(
        "medical",
        "Medical",
        allowed_actions=_EVERY - {"search_code"},
        prompts=_prompts("medical"),
        answer_fields=("evidence_level", "notice"),
        # A verdict's confidence is the head's probability, times how much the reports are about the question.
        min_verdict_confidence=0.4,
        notice="For information and research only: not for diagnosis or treatment decisions.",
    ),
    "inspection": Profile(
        "inspection",
        "Inspection",
        allowed_actions=_EVERY - {"search_pubmed", "search_code"},
        prompts=_prompts("inspection"),
        answer_fields=("detected_items", "risk_level", "action", "match_declaration"),
        notice="A person decides: the scan's findings are a hint, not a clearance.",
        risk=RiskPolicy(
            (
                ("critical", ("gun", "pistol", "firearm", "rifle", "revolver", "weapon", "explosive",
                              "bomb", "grenade", "detonator", "ammunition")),
                ("high", ("knife", "knive", "blade", "razor", "dagger", "sword", "machete", "shuriken",
                          "narcotic", "taser")),
                ("medium", ("scissor", "hammer", "wrench", "plier", "lighter", "battery", "liquid",
                            "crack", "corrosion", "leak", "fracture", "screwdriver")),
            )
        ),
    ),
    "code": Profile(
        "code",
        "Code",
        allowed_actions=_EVERY - {"search_pubmed", "compare_images", "search_images"},
        prompts=_prompts("code"),
        answer_fields=("commit",),
    ),
}  # fmt: skip

_CODE = re.compile(
    r"\b(?:source code|code ?base|unit tests?|stack ?trace|traceback|git commit|pull request)\b"
    r"|\brepo(?:sitory)?\b"
    r"|\b(?:function|method|class|module|decorator|constructor)\s+[`'\"]?[a-z]*(?:_\w+|[a-z][A-Z]\w*|[A-Z]\w*[a-z][A-Z]\w*)"
    r"|\b\w+\.(?:py|js|ts|java|cpp|rs|go)\b|\b[a-z]+(?:_[a-z0-9]+)+\(\)?"
)
_LITERATURE = re.compile(
    r"\bpub ?med\b|\bpmid\b|\brandomi[sz]ed (?:controlled )?trials?\b|\bmeta-analys[ie]s\b"
    r"|\bplacebo-controlled\b",
    re.I,
)
_CLINICAL_IMAGE = re.compile(
    r"\b(?:chest|abdominal|knee|brain|spine|pelvic)?\s?(?:x-?ray|radiograph|ct|mri|ultrasound|mammogram)\b"
    r"|\b(?:pneumothorax|effusion|lesion|nodule|opacity|cardiomegaly|fracture|infarct|hemorrhage|haemorrhage"
    r"|lungs?|liver|kidneys?|ventricles?|aorta)\b",
    re.I,
)
_BAGGAGE = re.compile(
    r"\b(?:prohibited|contraband|undeclared|declared|customs|baggage|luggage|suitcase|security scan)\b",
    re.I,
)


def pick_profile(question: str, *, has_images: bool = False, declared: bool = False) -> ProfileName:
    """Choose a profile when none was given. Conservative: `general` unless the question is clear.

    Args:
        question: The user's words.
        has_images: Whether at least one image came with it.
        declared: Whether declared items came with it, which only an inspection has.
    """
    if declared or (has_images and _BAGGAGE.search(question)):
        return "inspection"
    if _LITERATURE.search(question) or (has_images and _CLINICAL_IMAGE.search(question)):
        return "medical"
    if not has_images and _CODE.search(question):
        return "code"
    return "general"
