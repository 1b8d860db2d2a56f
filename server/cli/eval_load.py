"""`vidence eval load`: users who ask a running server."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import invalid_input
from core.settings import load_settings
from server.cli.counting import counting
from server.cli.eval_canaries import AsJson, Personas, Profiles, split_names
from server.cli.eval_files import new_run_file
from server.cli.eval_load_show import show_load
from server.cli.output import emit_json, handle_errors

if TYPE_CHECKING:
    from evals.load.plan import LoadPlan

_USERS = 4


class Protocol(StrEnum):
    """How the server is asked."""

    vidence = "vidence"
    openai = "openai"


def load(
    url: Annotated[str, typer.Argument(help="The server, for example http://127.0.0.1:8080")],
    users: Annotated[
        int | None,
        typer.Option(min=1, help="People who ask in turn; with --rate the most that are under way."),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Questions a second that come on their own, however slow the server.")
    ] = None,
    ramp: Annotated[str, typer.Option(help="The rate from and to, as FROM:TO.")] = "",
    seconds: Annotated[float, typer.Option(help="New questions come for so long.")] = 30.0,
    persona: Personas = "",
    profile: Profiles = "",
    think_time: Annotated[
        float, typer.Option("--think-time", min=0, help="Mean pause of --users between questions, seconds.")
    ] = 1.0,
    drop: Annotated[
        float, typer.Option(min=0, max=1, help="Share of questions whose connection is lost once.")
    ] = 0.1,
    cancel: Annotated[float, typer.Option(min=0, max=1, help="Share that the user cancels.")] = 0.05,
    key: Annotated[
        str, typer.Option(envvar="VIDENCE_LOAD_KEY", help="API key, sent as a bearer token.")
    ] = "",
    protocol: Annotated[
        Protocol, typer.Option(help="Ours, or any server of OpenAI's chat completions.")
    ] = Protocol.vidence,
    model: Annotated[str, typer.Option(help="With --protocol openai; by default the first it names.")] = "",
    collection: Annotated[
        list[str] | None,
        typer.Option(help="The server's name of a canary collection, as canary-library=NAME; repeat."),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Seconds that one question may take.")] = 120.0,
    drain: Annotated[float, typer.Option(min=0, help="Seconds for what is under way at the end.")] = 60.0,
    seed: Annotated[int, typer.Option(min=0, help="Of who comes when and asks what.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The run file; by default a new one in the data folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put a running server under load with canary questions, and judge what comes back.

    Users are novices, experts and adversaries of every profile. Some lose their connection and come back
    for the rest, some cancel. Times count from when a user came, not from when the request left. It
    measures the first event, the first plan, the answer (p50, p95, p99 with 95% intervals), throughput,
    errors, lost or repeated events, and answers that are not as they should be.

    First let the server know what the canaries are about, on its own data folder:

      vidence eval canaries --index

      vidence eval load http://127.0.0.1:8080 --users 4 --seconds 30

      vidence eval load http://127.0.0.1:8080 --ramp 0.5:4 --seconds 60 --persona expert -o load.jsonl

    Next: vidence eval report load.jsonl, or vidence eval compare OLD.jsonl load.jsonl
    """
    with handle_errors(as_json):
        from evals.load.measures import measure
        from evals.load.run_file import check_new, write_run
        from evals.load.session import Target, send
        from evals.personas.canaries import canaries

        settings = load_settings()
        plan = _plan(users, rate, ramp, seconds, think_time, drop, cancel, drain, seed)
        path = output or new_run_file(settings, "load")
        check_new(path)
        asked = canaries(split_names(persona), split_names(profile))
        target = Target(url, key, protocol.value, model, _named(collection or []), timeout)
        with counting("questions", quiet=as_json) as progress:
            traffic = asyncio.run(send(target, plan, asked, progress))
        found = measure(traffic, plan.seconds)
        run = write_run(path, traffic, plan, settings, server=url, protocol=protocol.value)
        if as_json:
            emit_json({"output": str(run.path), **found.model_dump(mode="json")})
        else:
            show_load(found, run.path)


def _plan(
    users: int | None,
    rate: float | None,
    ramp: str,
    seconds: float,
    think: float,
    drop: float,
    cancel: float,
    drain: float,
    seed: int,
) -> LoadPlan:
    from pydantic import ValidationError

    from evals.load.plan import LoadPlan

    rates = _ramp(ramp) if ramp else None if rate is None else (rate, rate)
    if ramp and rate is not None:
        raise invalid_input("--rate and --ramp both say how often users come", help="Give one of them.")
    try:
        return LoadPlan(
            seconds=seconds,
            users=users if users is not None or rates is not None else _USERS,
            rate=rates,
            think_s=think,
            drop=drop,
            cancel=cancel,
            drain_s=drain,
            seed=seed,
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise invalid_input(
            f"{where or 'traffic'}: {first['msg']}", help="See vidence eval load --help."
        ) from error


def _ramp(text: str) -> tuple[float, float]:
    try:
        begin, end = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise invalid_input(f"--ramp {text} is not FROM:TO", help="For example --ramp 0.5:4") from error
    return begin, end


def _named(pairs: list[str]) -> dict[str, str]:
    from evals.personas.sources import COLLECTIONS

    found = dict(pair.partition("=")[::2] for pair in pairs)
    if unknown := [name for name, other in found.items() if name not in COLLECTIONS or not other]:
        known = ", ".join(COLLECTIONS)
        raise invalid_input(
            f"--collection {unknown[0]} names no canary collection", help=f"There are: {known}."
        )
    return found
