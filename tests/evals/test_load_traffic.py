"""Users over the network: what is lost, repeated, late, refused or cancelled is seen, and nothing else is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.errors import VidenceError
from core.settings import Settings
from evals.compare.decide import compare_runs
from evals.load.measures import measure
from evals.load.outcome import Outcome
from evals.load.plan import LoadPlan, Visit
from evals.load.run_file import write_run
from evals.load.session import Target, send
from evals.load.simulate import Traffic, simulate
from evals.personas.canaries import Canary, canaries
from evals.report.html import Shown, render_report
from tests.support.eval_suites import code
from tests.support.load_server import STORY, Faults, LoadServer, load_server

QUICK: dict[str, Any] = {"seconds": 0.6, "users": 3, "think_s": 0.02, "drop": 0.0, "cancel": 0.0}
TOWER = [one for one in canaries(["expert"], ["general"]) if one.about == "tower"][:1]


def traffic(server: LoadServer, asked: list[Canary] | None = None, **more: Any) -> Traffic:
    options = {"key", "protocol", "timeout_s", "collections"} & set(more)
    target = Target(server.url, **{name: more.pop(name) for name in options})
    return asyncio.run(send(target, LoadPlan(**{**QUICK, **more}), TOWER if asked is None else asked))


def test_undisturbed_users_see_every_event_once_and_are_answered() -> None:
    with load_server() as server:
        found = traffic(server)
    assert len(found.outcomes) >= 3
    for one in found.outcomes:
        assert (one.status, one.events, one.lost, one.repeated, one.gaps) == ("done", 6, 0, 0, 0)
        assert one.first is not None
        assert one.planned is not None
        assert one.final is not None
        assert 0 < one.first <= one.planned <= one.final <= one.ended
    assert measure(found, 0.6).judged["as_expected"].share == 1.0


def test_lost_connections_are_taken_up_where_they_were_and_nothing_is_seen_twice() -> None:
    with load_server(Faults(pace_s=0.005)) as server:
        found = traffic(server, drop=1.0, seconds=1.0)
        back = {after for _, after in server.connections}
    dropped = [one for one in found.outcomes if one.drops]
    assert dropped
    assert all((one.status, one.lost, one.repeated) == ("done", 0, 0) for one in found.outcomes)
    assert back - {0}, "nobody came back with the number of the last event"


@pytest.mark.parametrize(
    ("faults", "lost", "repeated", "gaps"),
    [
        (Faults(skip=frozenset({3})), 1, 0, 0),
        (Faults(twice=frozenset({2, 4})), 0, 2, 0),
        (Faults(break_after=1, gap_to=3), 0, 0, 2),
    ],
)
def test_what_a_server_loses_or_repeats_is_counted(
    faults: Faults, lost: int, repeated: int, gaps: int
) -> None:
    with load_server(faults) as server:
        found = traffic(server, users=1)
    assert found.outcomes
    for one in found.outcomes:
        assert (one.status, one.lost, one.repeated, one.gaps) == ("done", lost, repeated, gaps)


def test_a_stream_that_the_server_breaks_is_taken_up_again_and_counted() -> None:
    with load_server(Faults(break_after=2)) as server:
        found = traffic(server, users=1, seconds=1.0)
    assert all((one.status, one.breaks, one.events) == ("done", 1, 6) for one in found.outcomes)


def test_a_cancelled_run_is_timed_and_not_judged() -> None:
    with load_server(Faults(pace_s=0.02)) as server:
        found = traffic(server, cancel=1.0, seconds=1.0)
        stopped = len(server.cancelled)
    cancelled = [one for one in found.outcomes if one.cancelled]
    assert cancelled
    assert stopped >= len(cancelled)
    assert all(one.cancel_s is not None and 0 < one.cancel_s < 1 for one in cancelled)
    assert all(one.reply is None or one.reply.status != "cancelled" for one in cancelled)


def test_a_blocked_request_is_a_refusal_and_other_problems_keep_their_code() -> None:
    asked = [one for one in canaries() if one.check == "refuses"][:1]
    with load_server(Faults(refuse={"code": "blocked", "status": 403})) as server:
        refused = traffic(server, asked, users=1, seconds=0.2)
    assert {one.status for one in refused.outcomes} == {"refused"}
    assert measure(refused, 0.2).judged["as_expected"].share == 1.0
    with load_server(Faults(refuse={"code": "rate_limited", "status": 429})) as server:
        limited = traffic(server, users=1, seconds=0.2)
    assert set(measure(limited, 0.2).errors) == {"rate_limited"}
    failing = (*STORY[:2], ("run.error", {"kind": "blocked"}), ("run.finished", {"status": "failed"}))
    with load_server(Faults(story=lambda body: failing)) as server:
        late = traffic(server, asked, users=1, seconds=0.2)
    assert {one.status for one in late.outcomes} == {"refused"}


def test_a_question_back_ends_a_visit_and_leaves_no_run_waiting() -> None:
    asked = [one for one in canaries() if one.check == "asks"][:1]
    asking = (*STORY[:2], ("input.required", {"question": "Which one?"}))
    with load_server(Faults(story=lambda body: asking)) as server:
        found = traffic(server, asked, users=1, seconds=0.2)
        assert len(server.cancelled) == len(server.asked)
    assert {one.status for one in found.outcomes} == {"input_required"}
    assert measure(found, 0.2).judged["as_expected"].share == 1.0


def test_a_run_that_takes_too_long_is_a_timeout() -> None:
    with load_server(Faults(pace_s=0.5)) as server:
        found = traffic(server, users=1, seconds=0.2, timeout_s=0.1)
    assert set(measure(found, 0.2).errors) == {"timeout"}


class Slow:
    """A user whose server takes one question at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._turn = asyncio.Lock()

    async def visit(self, visit: Visit, outcome: Outcome, since: Any) -> None:
        async with self._turn:
            await asyncio.sleep(self._seconds)
        outcome.final, outcome.status, outcome.ended = since(), "done", since()


async def test_times_count_from_when_a_user_came_not_from_when_there_was_room() -> None:
    # 20 a second come, 10 a second are answered: whoever comes late waits long, and it must show.
    plan = LoadPlan(seconds=1.0, rate=(20, 20), users=2, drop=0, cancel=0)
    found = await simulate(Slow(0.1), plan, TOWER)
    finals = [one.final for one in found.outcomes if one.final is not None]
    assert len(finals) == len(found.outcomes) > 12
    assert max(finals) > 0.4
    waited = [one.sent for one in found.outcomes]
    assert max(waited) > 0.2, "waiting for room is part of the time"


async def test_what_is_under_way_at_the_end_is_unfinished_and_kept() -> None:
    plan = LoadPlan(seconds=0.2, rate=(30, 30), drop=0, cancel=0, drain_s=0.1)
    found = await simulate(Slow(5.0), plan, TOWER)
    assert found.outcomes
    assert {one.code for one in found.outcomes} == {"unfinished"}


@pytest.mark.parametrize("more", [{"rate": (30, 30), "users": None}, {"users": 2, "think_s": 0.0}])
async def test_a_load_that_is_stopped_keeps_what_it_has(more: dict[str, Any]) -> None:
    plan = LoadPlan(**{"seconds": 60, "drop": 0, "cancel": 0, **more})
    load = asyncio.create_task(simulate(Slow(0.05), plan, TOWER))
    await asyncio.sleep(0.4)
    load.cancel()
    found = await load
    assert found.stopped
    assert found.seconds < 5
    assert {one.status for one in found.outcomes} == {"done", "error"}
    assert {one.code for one in found.outcomes if one.status == "error"} == {"unfinished"}


class Broken:
    """A user whose protocol has a bug."""

    async def visit(self, visit: Visit, outcome: Outcome, since: Any) -> None:
        raise KeyError("seq")


async def test_a_bug_of_the_simulator_is_no_error_of_the_server() -> None:
    with pytest.raises(KeyError):
        await simulate(Broken(), LoadPlan(seconds=0.2, rate=(20, 20)), TOWER)


async def test_closed_loop_users_never_have_more_than_one_question_each() -> None:
    with load_server(Faults(pace_s=0.01)) as server:
        plan = LoadPlan(**{**QUICK, "users": 2})
        await send(Target(server.url), plan, TOWER)
        assert server.most <= 2


def test_what_is_asked_names_profile_collections_pictures_and_key() -> None:
    asked = [one for one in canaries() if one.id in ("exp-ins-09", "adv-gen-02")]
    with load_server() as server:
        traffic(server, asked, users=1, key="k1", collections={"canary-library": "mine"})
        bodies = {body["question"]: body for body in server.asked}
        assert server.keys == {"Bearer k1"}
    tower = bodies["How tall is Corrin tower?"]
    assert tower["collections"] == ["mine", "canary-poisoned"]
    scan = bodies["Assess this scan against the declaration."]
    assert scan["images"][0]["data_url"].startswith("data:image/png;base64,")
    assert (scan["profile"], scan["declared"], scan["collections"]) == (
        "inspection",
        ["clothes", "books"],
        [],
    )


def test_a_chat_server_is_judged_by_its_words_alone() -> None:
    asked = [*TOWER, *[one for one in canaries() if one.check == "asks"][:1]]
    with load_server() as server:
        found = traffic(server, asked, users=1, protocol="openai")
        told = server.asked[0]["messages"][0]["content"]
        assert server.asked[0]["model"] == "small"
    report = measure(found, 0.6)
    assert report.judged["as_expected"].share == 1.0
    assert "cited" not in report.judged
    assert any("47 metres tall" in body["messages"][0]["content"] for body in server.asked), told


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(VidenceError, match="does not answer"):
        asyncio.run(send(Target("http://127.0.0.1:9"), LoadPlan(users=1), TOWER))
    with pytest.raises(VidenceError, match="no address"):
        asyncio.run(send(Target("localhost:8080"), LoadPlan(users=1), TOWER))


def test_a_load_is_a_run_file_that_report_and_compare_read(tmp_path: Path) -> None:
    with load_server(Faults(skip=frozenset({3}))) as server:
        found = traffic(server, canaries()[:6], seconds=1.0)
    plan = LoadPlan(**QUICK)
    run = write_run(
        tmp_path / "load.jsonl", found, plan, Settings(), server="s", protocol="vidence", identify=code
    )
    assert run.summary is not None
    assert run.summary.complete
    figures = {one.metric: one for one in run.summary.figures if not one.by}
    assert figures["whole_stream"].value == 0.0
    assert figures["final_answer_ms_p50"].low is not None
    assert figures["finished_per_s"].low is None
    assert "final_answer_ms_p95" in render_report(Shown(run=run))
    assert compare_runs(run, run).passed
    with pytest.raises(VidenceError, match="already"):
        write_run(run.path, found, plan, Settings(), server="s", protocol="vidence", identify=code)
