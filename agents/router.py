"""The router: which action a question asks for, and which kinds of source it needs.

Two steps. First what the words ask for (an intent), from cue patterns alone or from a small head over a
sentence embedding. Then what is there (images and their kind, collections, the profile) is weighed by
rules that can be read below, so that the same words lead to another action in another context.
Deterministic: the same question in the same context always scores the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, cast, get_args

from agents.cues import CUES, MODALITY_CUES, votes
from agents.decompose import decompose
from agents.heads import MODEL, feature_row, load_heads, softmax
from agents.profiles import PROFILES
from core.contracts import Action, ProfileName
from core.text import content_words, words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

ACTIONS: tuple[Action, ...] = get_args(Action)
_FLOOR = -8.0
_IMAGE_WORD = (
    r"(?:images?|pictures?|photos?|photographs?|scans?|films?|x-?rays?|radiographs?|screenshots?|charts?|graphs?"
    r"|plots?|diagrams?|figures?|receipts?|invoices?|pages?|drawings?|posters?|labels?)"
)
_PICTURES = (
    r"images?|pictures?|photos?|photographs?|scans?|x-?rays?|illustrations?|drawings?|posters?|screenshots?"
)
_POINTS_AT_IMAGE = re.compile(
    rf"\b(?:this|these|attached|uploaded|that|above) (?:\w+ )?{_IMAGE_WORD}\b"
    rf"|\b(?:in|on|of|from|at) the (?:\w+ )?{_IMAGE_WORD}\b|\b(?:do|can) you see\b"
    r"|\bthe (?:image|picture|photo) show",
    re.I,
)
_ATTACHED = re.compile(
    rf"\b(?:this|these|attached|uploaded) (?:\w+ )?{_IMAGE_WORD}\b|\b(?:do|can) you see\b", re.I
)
_POINTS_AT_ANOTHER = re.compile(
    r"\b(?:other|previous|prior|earlier|last|older|first|second|former|old) (?:\w+ )?(?:one|image|picture"
    r"|photo|photograph|scan|film|x-?ray|page|version|visit|time)\b|\bsince (?:then|last)\b",
    re.I,
)
_POINTS_AT_BOTH = re.compile(
    r"\b(?:both|two|these|differ\w*|compar\w+|first|second|between|before|after|same|identical|earlier|later"
    r"|changed?|each)\b",
    re.I,
)
_SINGULAR = re.compile(r"\b(?:it|this|that|its)\b", re.I)
_WANTS_IMAGES = re.compile(
    r"\b(?:find|show|get|retrieve|look(?:ing)? for|pull up|fetch|bring up|display|locate|see|need|want|which"
    rf"|any)\b[^?]*\b(?:{_PICTURES})\b",
    re.I,
)
_EXPLICIT_PUBMED = re.compile(r"\bpub ?med\b|\bmedline\b", re.I)
_LOCAL_SOURCE = re.compile(
    r"\b(?:our|polic(?:y|ies)|handbook|manual|protocols?|according to (?:the|our)|agreement|lease"
    r"|in (?:the|my|our) (?:documents?|collection|files)|formulary)\b",
    re.I,
)
_CAN_BE_SPLIT = 1.5
"""Added to `decompose` when the splitter in code finds parts: what it cannot split gains nothing by it."""
_IMAGE_ACTIONS: tuple[Action, ...] = ("look", "read", "read_chart", "compare_images")
_COLLECTION_ACTIONS: tuple[Action, ...] = ("search_text", "decompose", "search_images")
_KIND_BONUS: dict[str, dict[Action, float]] = {
    "page": {"read": 2.0, "look": -1.0, "read_chart": 1.0},
    "picture": {"look": 1.0, "read_chart": -4.0},
    "document": {"read": 2.0, "look": -1.0, "read_chart": -2.5},
    "chart": {"read_chart": 2.5, "look": -1.5, "read": -0.5},
    "photo": {"look": 1.0, "read_chart": -4.0},
    "scan": {"look": 2.0, "read": -1.5, "read_chart": -4.0},
}


@dataclass(frozen=True)
class RouteContext:
    """What is at hand beside the words. `kinds` names what each image is, when it was measured."""

    images: int = 0
    kinds: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    profile: ProfileName = "general"


@dataclass(frozen=True)
class Route:
    """Probabilities by action, highest first, and where the words alone were pointing."""

    scores: dict[Action, float]

    @property
    def action(self) -> Action:
        """The best action."""
        return next(iter(self.scores))

    def close(self, share: float = 0.35) -> tuple[Action, ...]:
        """Return the actions whose score is at least `share` of the best one's."""
        best = self.scores[self.action]
        return tuple(action for action, score in self.scores.items() if score >= share * best)


class Router:
    """Scores actions. Without an embedder the cues decide alone, in microseconds."""

    def __init__(self, embedder: Callable[[], Embedder] | None = None) -> None:
        self._open = embedder
        self._vectors: Callable[[str], NDArray[np.float32] | None] = lru_cache(maxsize=256)(self._embed)

    def route(self, question: str, context: RouteContext) -> Route:
        """Score every action for a question in its context. Blocking when an embedder is set."""
        return weigh(self.intents(question), question, context)

    def intents(self, question: str) -> dict[str, float]:
        """Return a log score for each intent of the words alone."""
        vector = self._vectors(question)
        if vector is None:
            return {label: vote - 3.0 for label, vote in votes(question).items()}
        logits = load_heads()["intent"].logits(feature_row(question, vector, CUES))
        return _log_softmax(logits)

    def modalities(self, question: str) -> frozenset[str]:
        """Return which of text, table and image the question needs; see `modalities`."""
        vector = self._vectors(question)
        if vector is None:
            return modalities(question)
        logits = load_heads()["modality"].logits(feature_row(question, vector, MODALITY_CUES))
        return _needed(logits)

    def _embed(self, question: str) -> NDArray[np.float32] | None:
        if self._open is None:
            return None
        embedder = self._open()
        # The heads were fitted on one model's vectors; another model's would be noise to them.
        return embedder.embed([question])[0] if embedder.name == MODEL else None


def weigh(intents: Mapping[str, float], question: str, context: RouteContext) -> Route:
    """Weigh what the words ask for against what is at hand.

    Args:
        intents: Log scores by intent: the actions, with `vague` for what cannot be understood alone.
        question: The words, for references to images and documents.
        context: Images, their kinds, collections and profile.
    """
    logits = {action: intents.get(action, _FLOOR) for action in ACTIONS}
    logits["ask_user"] = intents.get("vague", _FLOOR)
    # Arithmetic, conversions and greetings are recognised by their form: the cue counts in full.
    logits["answer"] += 0.5 * votes(question)["answer"]
    _weigh_images(logits, question, context)
    _weigh_sources(logits, question, context)
    if context.images == 0 and decompose(question):
        logits["decompose"] += _CAN_BE_SPLIT
    for action in ACTIONS:
        if action not in PROFILES[context.profile].allowed_actions:
            logits[action] = -math.inf
    scores = softmax(logits)
    return Route(dict(sorted(scores.items(), key=lambda item: (-item[1], ACTIONS.index(item[0])))))


def _weigh_images(logits: dict[Action, float], question: str, context: RouteContext) -> None:
    if context.images == 0:
        if not _POINTS_AT_IMAGE.search(question):
            # Without images a comparison is one of things in the documents.
            _move(logits, ("compare_images",), "decompose")
            if context.collections and _WANTS_IMAGES.search(question):
                _move(logits, ("look", "search_text"), "search_images")
        mass = _take(logits, _IMAGE_ACTIONS)
        if _ATTACHED.search(question) or (_POINTS_AT_IMAGE.search(question) and not context.collections):
            _give(logits, "ask_user", mass + 1.0)
        elif context.collections:
            _give(logits, "search_code" if context.profile == "code" else "search_text", mass)
        elif context.profile == "medical":
            _give(logits, "search_pubmed", mass)
        else:
            _give(logits, "abstain", mass)
        return
    for kind in set(context.kinds):
        for action, bonus in _KIND_BONUS.get(kind, {}).items():
            logits[action] += bonus / len(set(context.kinds))
    if context.images == 1:
        _weigh_one_image(logits, question, context)
    elif _POINTS_AT_BOTH.search(question):
        logits["compare_images"] += 2.0
        _move(logits, ("decompose",), "compare_images")
    elif _nothing_but_it(question):
        # Two images and "what does it say?": which one is meant cannot be known.
        _move(logits, ("read", "look", "read_chart"), "ask_user", 1.0)
    logits["search_pubmed"] += 0.0 if _EXPLICIT_PUBMED.search(question) else -3.0
    logits["search_code"] -= 3.0
    logits["decompose"] -= 2.0


def _nothing_but_it(question: str) -> bool:
    """Whether "it" has nothing in the question to stand for: no image word and hardly any noun."""
    named = re.search(_IMAGE_WORD, question, re.I) is not None or len(content_words(question)) > 2
    return _SINGULAR.search(question) is not None and not named


def _weigh_one_image(logits: dict[Action, float], question: str, context: RouteContext) -> None:
    if _POINTS_AT_ANOTHER.search(question) and not context.collections:
        _move(logits, ("compare_images",), "ask_user", 1.0)
    else:
        # With one image at hand, "it" has something to stand for.
        _move(logits, ("ask_user",), _default_view(context), -0.5)
        _move(logits, ("compare_images",), _default_view(context), -1.0)


def _weigh_sources(logits: dict[Action, float], question: str, context: RouteContext) -> None:
    local = bool(_LOCAL_SOURCE.search(question)) or (
        # Beside an image, a shared word ("birds") says little: the image may be of one.
        context.images == 0 and _names_collection(question, context.collections)
    )
    explicit = bool(_EXPLICIT_PUBMED.search(question))
    if context.profile == "medical" and context.images == 0:
        logits["search_pubmed"] += -2.0 if local and context.collections else 1.0
    elif not explicit:
        _move(logits, ("search_pubmed",), "search_text")
    if context.profile == "code" and context.collections:
        _move(logits, ("search_text",), "search_code", 0.3)
    if context.collections:
        if local:
            for action in _COLLECTION_ACTIONS:
                logits[action] += 1.5
            _move(logits, ("look", "read"), "search_text", -3.0)
        elif context.images:
            logits["search_text"] -= 2.0
        return
    searches: tuple[Action, ...] = ("search_text", "search_images", "search_code")
    if context.images:
        _move(logits, searches, _default_view(context), -0.5)
    elif context.profile == "medical" and not local:
        _move(logits, ("search_text", "decompose"), "search_pubmed")
        _move(logits, searches, "abstain")
    else:
        # Nothing to look at and nothing to search: what the words ask for cannot be found here.
        _move(logits, (*searches, "decompose"), "abstain")


def _default_view(context: RouteContext) -> Action:
    kinds = set(context.kinds)
    if kinds & {"document", "page"}:
        return "read"
    return "read_chart" if "chart" in kinds else "look"


def _names_collection(question: str, collections: tuple[str, ...]) -> bool:
    """Whether the question uses a word of a collection's name: `ward_protocols` and "protocol"."""
    asked = {_stem(word) for word in words(question)}
    named = {_stem(word) for name in collections for word in words(name.replace("_", " ").replace("-", " "))}
    return any(len(word) > 3 for word in asked & named)


def _stem(word: str) -> str:
    return re.sub(r"(?:ies|es|s|y)$", "", word)


def _take(logits: dict[Action, float], actions: tuple[Action, ...]) -> float:
    """Rule actions out and return the log of their summed mass."""
    values = [logits[action] for action in actions if logits[action] > -math.inf]
    for action in actions:
        logits[action] = -math.inf
    if not values:
        return -math.inf
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))


def _give(logits: dict[Action, float], action: Action, mass: float) -> None:
    """Add mass (as a log) to an action."""
    low, high = sorted((logits[action], mass))
    logits[action] = high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _move(logits: dict[Action, float], actions: tuple[Action, ...], to: Action, bonus: float = 0.0) -> None:
    _give(logits, to, _take(logits, actions) + bonus)


def _log_softmax(logits: Mapping[str, float]) -> dict[str, float]:
    top = max(logits.values())
    total = top + math.log(sum(math.exp(value - top) for value in logits.values()))
    return {label: value - total for label, value in logits.items()}


def modalities(question: str) -> frozenset[str]:
    """Return which kinds of source a question needs, from its words alone: text, table, image.

    Rules only; `Router.modalities` uses the fitted head when an embedder is there. A question needs at
    most two kinds here: more than that is not seen from the words.
    """
    found = votes(question, MODALITY_CUES)
    return _needed(
        {label: vote - bias for (label, vote), bias in zip(found.items(), (1.9, 2.4, 2.4), strict=True)}
    )


def _needed(logits: Mapping[str, float]) -> frozenset[str]:
    ranked = sorted(logits, key=lambda label: -logits[label])[:2]
    return frozenset(cast("list[str]", [ranked[0], *(label for label in ranked[1:] if logits[label] > 0)]))
