"""`vidence feedback`: say whether an answer was right, and what the right one is."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from core.contracts import RunResult
from core.errors import invalid_input, not_found
from core.feedback_store import LOCAL_USER, Feedback, FeedbackStore, rated_run
from core.run_store import SqliteRunStore
from core.settings import Settings, load_settings
from server.cache.offline import forget_answer
from server.cli.output import emit_json, handle_errors, out_console


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
        store = FeedbackStore.under(settings.root)
        if delete:
            done = store.delete(run_id, user)
            _show({"run_id": run_id, "user": user, "deleted": done}, as_json)
        elif rating is None:
            if correction or comment:
                raise invalid_input("A correction or comment needs a rating", help="Add --rating up or down.")
            known = store.get(run_id, user)
            if known is None:
                raise not_found(f"No feedback of {user} on run {run_id}", help="Give one with --rating.")
            _show(_body(known), as_json)
        else:
            run = rated_run(_result(settings, run_id))
            item = store.put(run, rating.value, user=user, correction=correction, comment=comment)
            if rating is Stars.down:
                forget_answer(settings, run_id)
            _show(_body(item), as_json)


def _result(settings: Settings, run_id: str) -> RunResult:
    store = SqliteRunStore(settings.root / "runs.db")
    try:
        body = store.result(run_id)
    finally:
        store.close()
    if body is None:
        raise not_found(
            f"No finished run {run_id}", help="`vidence ask` prints the id of its run; --json gives `run_id`."
        )
    return RunResult.model_validate_json(body)


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
