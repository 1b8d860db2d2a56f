"""What the synthesis commands that ask a chat model share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.markup import escape

from core.errors import VidenceError, invalid_input
from core.prices import Price
from core.settings import Settings
from finetune.synth.chat.caller import ChatCaller
from server.cli.finetune_synth import data_set, make_data_set
from server.cli.output import err_console


def open_caller(settings: Settings, role: str, out: str, per_minute: float | None = None) -> ChatCaller:
    """Return the calls of a role; raises `invalid_input` where the role is embedded.

    Replies are journalled beside the data set, in `.NAME.calls.jsonl`, so that no call is paid twice.
    """
    from models.chat import open_chat

    value = str(getattr(settings, role))
    if value == "embedded":
        raise invalid_input(
            f"No chat model is set for the role `{role}`",
            help=f"Set VIDENCE_{role.upper()}=openai:BASE_URL#MODEL, or leave out --by chat.",
        )
    dataset, name = data_set(settings, out)
    return ChatCaller(
        open_chat(value, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s),
        dataset.folder.parent / f".{name}.calls.jsonl",
        per_minute=settings.chat_calls_per_minute if per_minute is None else per_minute,
        price=Price(tokens_in=settings.chat_price_in, tokens_out=settings.chat_price_out),
    )


def run_with_chat(caller: ChatCaller, *args: Any) -> None:
    """Make a data set and tell, however it ends, what the calls took. Finished work is kept."""
    try:
        make_data_set(*args)
    except VidenceError as error:
        kept = "Finished items and replies are kept; the same command goes on there."
        error.help = f"{error.help} {kept}".strip()
        raise
    finally:
        tell_spent(caller)


def tell_spent(caller: ChatCaller) -> None:
    """Print on stderr what the calls took."""
    spent = caller.spent
    err_console().print(
        f"calls: {spent.calls:,} ({spent.reused:,} more from the journal), tokens: {spent.tokens_in:,} in, "
        f"{spent.tokens_out:,} out, cost {spent.cost:g}"
    )


def chat_charts(
    settings: Settings,
    out: str,
    count: int,
    seed: int,
    shares: tuple[float, float, float],
    cache: Path,
    preview: Path | None,
    as_json: bool,
) -> None:
    """Make charts whose code and questions the answerer role writes."""
    from finetune.synth.chat.charts import VERSION, ChatChartMaker

    caller = open_caller(settings, "answerer", out)
    options = {"maker": VERSION, "seed": seed, "shares": shares, "model": settings.answerer}
    run_with_chat(
        caller, settings, out, lambda: ChatChartMaker(caller, seed, cache, shares=shares),
        count, options, 1, preview, as_json,
    )  # fmt: skip


def save_trial(path: Path, body: dict[str, Any]) -> None:
    """Keep the outcome of a trial."""
    from finetune.data.dataset import write_whole

    write_whole(path, json.dumps(body, indent=2).encode())


def say(text: str) -> None:
    """Print a line for people on stderr."""
    err_console().print(escape(text))
