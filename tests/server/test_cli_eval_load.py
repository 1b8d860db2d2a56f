"""`vidence eval load` and `canaries`: what they print, what they refuse, and traffic on the real server."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evals.load.measures import measure
from evals.load.plan import LoadPlan
from evals.load.session import Target, send
from evals.personas.canaries import canaries
from evals.personas.sources import COLLECTIONS
from server.cli.app import app
from tests.support.fakes import FakeSearch
from tests.support.live_server import SlowSearch, live
from tests.support.load_server import Faults, load_server

RUN = CliRunner()


def test_a_load_prints_one_object_and_writes_a_run_file(tmp_path: Path) -> None:
    path = tmp_path / "load.jsonl"
    with load_server() as server:
        traffic = ["--rate", "20", "--seconds", "0.5", "--cancel", "0"]
        asked = ["--persona", "expert", "--profile", "general"]
        done = RUN.invoke(app, ["eval", "load", server.url, *traffic, *asked, "-o", str(path), "--json"])
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert body["output"] == str(path)
    assert body["visits"] == body["finished"] > 2
    assert (body["lost_events"], body["repeated_events"], body["errors"]) == (0, 0, {})
    assert body["latency_ms"]["final_answer"]["quantiles"][0]["q"] == 0.5
    shown = RUN.invoke(app, ["eval", "report", str(path), "--markdown", "-"])
    assert "final\\_answer\\_ms\\_p95" in shown.stdout


def test_a_load_tells_people_what_was_lost(tmp_path: Path) -> None:
    with load_server(Faults(skip=frozenset({3}))) as server:
        traffic = ["--users", "1", "--seconds", "0.3", "--think-time", "0.01", "--drop", "0", "--cancel", "0"]
        done = RUN.invoke(app, ["eval", "load", server.url, *traffic, "-o", str(tmp_path / "l.jsonl")])
    assert done.exit_code == 0, done.output
    assert "final answer" in done.stdout
    assert " events lost, 0 repeated" in done.stdout
    assert not re.search(r"\b0 events lost", done.stdout)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "1", "--ramp", "1:2"], "--rate and --ramp"),
        (["--ramp", "fast"], "FROM:TO"),
        (["--rate", "-1"], "rate"),
        (["--seconds", "0"], "seconds"),
        (["--persona", "wizard"], "novice"),
        (["--profile", "wizard"], "general"),
        (["--collection", "mine=x"], "canary-library"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_sent(options: list[str], said: str) -> None:
    done = RUN.invoke(app, ["eval", "load", "http://127.0.0.1:9", "--json", *options])
    assert done.exit_code == 2, done.output
    assert said in done.stdout


def test_a_server_that_does_not_answer_ends_with_its_exit_code() -> None:
    done = RUN.invoke(app, ["eval", "load", "http://127.0.0.1:9", "--seconds", "1", "--json"])
    assert done.exit_code == 3, done.output
    assert json.loads(done.stdout)["error"]["kind"] == "unavailable"


def test_canaries_are_listed_and_their_sources_written(tmp_path: Path) -> None:
    done = RUN.invoke(app, ["eval", "canaries", "--persona", "novice", "--write", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    body = json.loads(done.stdout)
    assert {one["persona"] for one in body["canaries"]} == {"novice"}
    assert set(body["sources"]) == set(COLLECTIONS)
    assert all(Path(path).exists() for path in body["sources"].values())
    table = RUN.invoke(app, ["eval", "canaries", "--profile", "code"])
    assert "nov-cod-01" in table.stdout


def test_users_of_the_real_server_who_drop_and_come_back_lose_nothing(isolated_home: Path) -> None:
    # Pictures alone: the fakes have no collection.
    asked = [one for one in canaries(["novice", "expert"], ["inspection"]) if one.image]
    plan = LoadPlan(users=3, seconds=1.5, think_s=0.05, drop=1.0, cancel=0.0)
    with live(isolated_home, tool=FakeSearch()) as client:
        found = asyncio.run(send(Target(str(client.base_url)), plan, asked))
    report = measure(found, 1.5)
    assert report.errors == {}
    assert report.finished == report.visits >= 3
    assert report.drops >= 3
    assert (report.lost_events, report.repeated_events, report.gap_events) == (0, 0, 0)


def test_a_cancel_on_the_real_server_ends_the_stream(isolated_home: Path) -> None:
    asked = [one for one in canaries(["novice"], ["inspection"]) if one.image]
    plan = LoadPlan(users=2, seconds=1.0, think_s=0.05, drop=0.0, cancel=1.0)
    with live(isolated_home, tool=SlowSearch(5.0)) as client:
        found = asyncio.run(send(Target(str(client.base_url), timeout_s=20), plan, asked))
    report = measure(found, 1.0)
    assert report.cancelled == report.visits >= 2, report
    assert max(one.cancel_s or 0 for one in found.outcomes) < 4
