"""The filter after a run: an answer that holds keys, our instructions to models, or personal data by setting.

It looks at what is told as the answer: its text and its claims. Evidence is what the caller may read anyway,
and stays as it was found.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from agents.prompts import PROMPTS
from core.contracts import Blocked, RunResult
from core.personal import find_personal, mask
from core.secrets import KEYS, secret_values
from core.settings import Settings
from core.text import words

_SHORTEST_SECRET = 8
_RUN = 12
"""Words of a prompt in a row; so many are never the same by chance."""


def filtered(result: RunResult, settings: Settings) -> RunResult:
    """Return an answered result as it may be told: as it is, masked, or kept back with the reason.

    Args:
        result: With an answer.
        settings: `filter_secrets` and `filter_personal`, and the secrets that must not be told.
    """
    blocked = kept_back("\n".join(_told(result)), settings)
    if blocked is not None:
        return result.model_copy(
            update={
                "status": "abstained",
                "answer": "",
                "short_answer": "",
                "answer_type": "none",
                "confidence": 0.0,
                "uncertainty": 1.0,
                "citations": (),
                "claims": (),
                "evidence_level": "",
                "abstain_reason": blocked.message,
                "blocked": blocked,
            }
        )
    return _masked(result) if settings.filter_personal == "mask" else result


def kept_back(text: str, settings: Settings) -> Blocked | None:
    """Return why a text is not told, or None."""
    if settings.filter_secrets == "block":
        if KEYS.search(text) or any(secret in text for secret in _secrets(settings)):
            return Blocked(
                kind="secret",
                message="The answer holds a key or a password of a service, so it is kept back",
                help="Take it out of the documents, or set VIDENCE_FILTER_SECRETS=off.",
            )
        if _prompt_runs() & _runs(text):
            return Blocked(
                kind="instructions",
                message="The answer repeats the instructions that our models are given, so it is kept back",
                help="Ask about images and documents.",
            )
    if settings.filter_personal == "block" and find_personal(text):
        return Blocked(
            kind="personal_data",
            message="The answer holds personal data, which this server keeps back",
            help="Set VIDENCE_FILTER_PERSONAL to mask or off.",
        )
    return None


def never_told(text: str, settings: Settings) -> bool:
    """Return whether words of a model must not be passed on before the check: it would keep or mask them."""
    masked = settings.filter_personal == "mask" and bool(find_personal(text))
    return masked or kept_back(text, settings) is not None


def _told(result: RunResult) -> list[str]:
    return [result.answer, result.short_answer, *(claim.text for claim in result.claims)]


def _masked(result: RunResult) -> RunResult:
    def hidden(text: str) -> str:
        return mask(text, find_personal(text))

    update: dict[str, Any] = {"answer": hidden(result.answer), "short_answer": hidden(result.short_answer)}
    update["claims"] = tuple(claim.model_copy(update={"text": hidden(claim.text)}) for claim in result.claims)
    update["citations"] = tuple(
        citation.model_copy(update={"quote": hidden(citation.quote)}) for citation in result.citations
    )
    return result.model_copy(update=update)


def _secrets(settings: Settings) -> list[str]:
    return [secret for secret in secret_values(settings) if len(secret) >= _SHORTEST_SECRET]


@cache
def _prompt_runs() -> frozenset[str]:
    return frozenset().union(*(_runs(prompt.text) for prompt in PROMPTS.values()))


def _runs(text: str) -> set[str]:
    spoken = words(text)
    return {" ".join(spoken[at : at + _RUN]) for at in range(len(spoken) - _RUN + 1)}
