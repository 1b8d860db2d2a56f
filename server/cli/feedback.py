"""`vidence feedback`: say whether an answer was right, and what the right one is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from core.errors import invalid_input, not_found
from core.feedback_store import LOCAL_USER, Feedback, Rating, rated_run
from core.settings import Settings, load_settings
from server.cache.offline import forget_answer
from server.cli.output import emit_json, handle_errors, out_console
from server.storage.offline import open_past, open_ratings


class Stars(StrEnum):
    """A rating."""

    up = "up"
    down = "down"


def feedback(
    run_id: Annotated[str, typer.Argument(help="The run; `vidence ask` prints its id.")],
    rating: Annotated[
        Stars | None,
        typer.Option("--rating", "-r", help="Was the answer right? Without it: show what is kept."),
    ] = None,
    correction: Annotated[str, typer.Option(help="The right answer, as short as it can be.")] = "",
    comment: Annotated[str, typer.Option(help="Anything else.")] = "",
    user: Annotated[str, typer.Option(help="Who rates.")] = LOCAL_USER,
    delete: Annotated[bool, typer.Option("--delete", help="Take the rating back.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Rate an answer; one rating a user and run, and rating again edits it.

    It is kept with the run's question, images, evidence, models and prompts, and is what
    `vidence finetune incorporate --from feedback` learns from. For example:

      vidence feedback 3f2a... --rating down --correction "a red circle"
    """
    with handle_errors(as_json):
        settings = load_settings()
        body: dict[str, object]
        if delete:
            with open_ratings(settings) as ratings:
                body = {"run_id": run_id, "user": user, "deleted": ratings.delete(run_id, user)}
        elif rating is None:
            if correction or comment:
                raise invalid_input("A correction or comment needs a rating", help="Add --rating up or down.")
            body = _body(_known(settings, run_id, user))
        else:
            said = {"user": user, "correction": correction, "comment": comment}
            body = _body(_rate(settings, run_id, rating.value, said))
        _show(body, as_json)


def _known(settings: Settings, run_id: str, user: str) -> Feedback:
    with open_ratings(settings) as ratings:
        known = ratings.get(run_id, user)
    if known is None:
        raise not_found(f"No feedback of {user} on run {run_id}", help="Give one with --rating.")
    return known


def _rate(settings: Settings, run_id: str, rating: Rating, said: dict[str, str]) -> Feedback:
    with open_past(settings) as past:
        result = past.runs.result(run_id)
        if result is None:
            raise not_found(
                f"No finished run {run_id}",
                help="`vidence ask` prints the id of its run; --json gives `run_id`.",
            )
        item = past.ratings.put(rated_run(result), rating, **said)
    if rating == "down":
        # Of the run that found it: one that was given its answer is no source of it.
        forget_answer(settings, result.cached_from or run_id)
    return item


def _body(item: Feedback) -> dict[str, object]:
    return {
        "run_id": item.run.run_id,
        "user": item.user,
        "rating": item.rating,
        "correction": item.correction,
        "comment": item.comment,
        "at": item.at,
        "edits": item.edits,
        "question": item.run.question,
        "short_answer": item.run.short_answer,
        "models": {role: ref.model_dump() for role, ref in item.run.models.items()},
    }


def _show(body: dict[str, object], as_json: bool) -> None:
    if as_json:
        emit_json(body)
        return
    for name, value in body.items():
        if value != "" and name != "models":
            out_console().print(f"{name}: {escape(str(value))}")
