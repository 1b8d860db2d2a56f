"""Budgets of a question; reaching one ends in the best supported answer, marked."""

from __future__ import annotations

from core.contracts import Usage
from core.settings import Settings


def exhausted(usage: Usage, settings: Settings, *, steps: int, rounds: int) -> str:
    """Return the name of the first budget that is used up, or an empty string."""
    spent = {
        "steps": steps >= settings.max_steps,
        "tool calls": usage.tool_calls >= settings.max_tool_calls,
        "VLM calls": usage.vlm_calls >= settings.max_vlm_calls > 0,
        "tokens": usage.tokens_in + usage.tokens_out >= settings.max_tokens > 0,
        "seconds": usage.ms >= settings.max_seconds * 1000,
        "planning rounds": rounds >= settings.max_rounds,
    }
    return next((name for name, over in spent.items() if over), "")


def seconds_left(usage: Usage, settings: Settings) -> float:
    """Return the seconds that the run may still take, at least one."""
    return max(1.0, settings.max_seconds - usage.ms / 1000)
