"""Metrics: they count what happened, under labels that nobody can blow up, for those who may see them."""

from __future__ import annotations

import asyncio
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from core.calls import LISTENER, model_call
from core.errors import VidenceError
from core.prices import Price, PriceTable
from core.settings import Settings
from models.served import post_json
from server.app import create_app
from server.security.keys import KeyStore
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from server.telemetry.counting import ModelCounter, reason_kind
from server.telemetry.metrics import Metrics, Names
from server.telemetry.summary import quantile
from tests.support.fakes import FakeSearch
from tests.support.live_server import chat, ended, live, start, stream, until
from tests.support.scraped import by, scrape, total


class Moody(FakeSearch):
    """Answers, fails, or takes its time, as it is told."""

    mood = "good"

    async def run(self, args: Any, context: Any) -> Any:
        if self.mood == "away":
            raise VidenceError("unavailable", "The index is away", help="Wait.")
        if self.mood == "slow":
            self.calls.append(args.query)
            await asyncio.sleep(60)
        return await super().run(args, context)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server after a scripted load: answers, an abstention, a failure, a cancel, a question, ratings."""
    tool = Moody()
    sent: Counter[tuple[str, str]] = Counter()
    with live(tmp_path_factory.mktemp("load"), tool=tool) as client:
        before = scrape(client)
        client.event_hooks["response"].append(
            lambda reply: sent.update([(reply.request.method, str(reply.status_code))])
        )
        streams = [chat(client, f"What is {number}?") for number in range(3)]
        tool.mood = "away"
        streams.append(chat(client))
        tool.mood = "good"
        streams.append(chat(client, "fail me"))
        streams.append(chat(client, "ask me"))
        tool.mood, tool.calls = "slow", []
        run = start(client)["run_id"]
        until(lambda: tool.calls)
        client.post(f"/v1/runs/{run}/cancel")
        assert ended(client, run)["status"] == "cancelled"
        streams.append(stream(client, run))
        for run_id, rating in ((0, "up"), (1, "up"), (2, "down")):
            body = {"run_id": streams[run_id][0].data["run_id"], "rating": rating}
            assert client.post("/v1/feedback", json=body).status_code == 201
        for path in ("/v1/runs/nothing", "/v1/nothing", "/v1/runs?limit=0", "/no/such/place"):
            client.get(path)
        client.delete("/v1/runs")
        client.event_hooks["response"].clear()
        after = scrape(client)
        yield {
            "before": before,
            "after": after,
            "sent": sent,
            "streams": streams,
            "summary": client.get("/v1/metrics").json(),
        }


def grown(loaded: dict[str, Any], name: str, *labels: str) -> Counter[tuple[str, ...]]:
    return by(loaded["after"], name, *labels) - by(loaded["before"], name, *labels)


def test_every_request_is_counted_with_its_status(loaded: dict[str, Any]) -> None:
    seen = grown(loaded, "vidence_http_requests_total", "method", "status")
    seen[("GET", "200")] -= 1  # the first look at the metrics
    assert +seen == loaded["sent"]
    timed = grown(loaded, "vidence_http_request_seconds_count", "method")
    assert sum(timed.values()) == sum(loaded["sent"].values()) + 1


def test_runs_are_counted_by_how_they_ended(loaded: dict[str, Any]) -> None:
    assert grown(loaded, "vidence_runs_ended_total", "status") == {
        ("done",): 3,
        ("abstained",): 1,
        ("failed",): 1,
        ("cancelled",): 1,
    }
    assert sum(grown(loaded, "vidence_runs_started_total", "profile").values()) == 7
    assert grown(loaded, "vidence_run_errors_total", "kind") == {("invalid_input",): 1}
    assert sum(grown(loaded, "vidence_run_seconds_count", "status").values()) == 6
    assert total(loaded["after"], "vidence_run_wait_seconds_count") == 7
    assert total(loaded["after"], "vidence_runs_active") == 0
    assert by(loaded["after"], "vidence_runs_open", "status") == {("input_required",): 1}


def test_steps_and_tools_are_counted_as_the_events_tell_them(loaded: dict[str, Any]) -> None:
    told = [
        frame.data["data"]
        for frames in loaded["streams"]
        for frame in frames
        if frame.event == "step.finished"
    ]
    steps = Counter((step["node"], str(step["ok"]).lower()) for step in told)
    assert grown(loaded, "vidence_steps_total", "node", "ok") == steps
    tools = Counter((step["tool"], str(step["ok"]).lower()) for step in told if step.get("tool"))
    assert grown(loaded, "vidence_tool_calls_total", "tool", "ok") == tools
    assert tools["search_text", "true"] == 9
    failed = tools["search_text", "false"]
    assert failed
    assert grown(loaded, "vidence_tool_errors_total", "tool", "kind") == {
        ("search_text", "unavailable"): failed
    }


def test_what_waits_and_what_is_held_open_is_seen(tmp_path: Path) -> None:
    tool = Moody()
    tool.mood = "slow"
    with live(tmp_path, tool=tool, server_max_runs=1) as client:
        run_ids = [start(client)["run_id"] for _ in range(3)]
        with client.stream("GET", f"/v1/runs/{run_ids[0]}/events") as reply:
            lines = reply.iter_lines()  # held: the stream is closed with it
            next(lines)
            held = scrape(client)
        for run_id in run_ids:
            client.post(f"/v1/runs/{run_id}/cancel")
        until(lambda: total(scrape(client), "vidence_runs_open") == 0)
        until(lambda: total(scrape(client), "vidence_streams_open") == 0)
    assert by(held, "vidence_runs_open", "status") == {("queued",): 2, ("running",): 1}
    assert total(held, "vidence_runs_active") == 1
    assert total(held, "vidence_streams_open") == 1
    assert total(held, "process_resident_memory_bytes") > 1e7
    assert ("vidence_database_writes_waiting", frozenset()) in held


def test_what_answers_are_worth_is_counted(loaded: dict[str, Any]) -> None:
    assert sum(grown(loaded, "vidence_answer_confidence_count", "profile").values()) == 3
    assert grown(loaded, "vidence_abstentions_total", "reason") == {("no_evidence",): 1}
    assert grown(loaded, "vidence_ratings_total", "rating") == {("up",): 2, ("down",): 1}


def test_events_to_readers_who_wait_have_a_lag_and_replayed_ones_have_none(loaded: dict[str, Any]) -> None:
    lags = total(loaded["after"], "vidence_event_lag_seconds_count")
    sent = sum(len(frames) for frames in loaded["streams"])
    replayed = len(loaded["streams"][-1])
    assert 0 < lags <= sent - replayed
    assert total(loaded["after"], "vidence_streams_open") == 0


def test_every_routes_label_is_a_template_of_the_application(loaded: dict[str, Any], tmp_path: Path) -> None:
    app = create_app(Settings(home=tmp_path))
    known = {context.path for context in iter_route_contexts(app.routes)} | {"unmatched"}
    seen = {
        dict(labels)["route"] for name, labels in loaded["after"] if name == "vidence_http_requests_total"
    }
    assert seen <= known
    assert {"/v1/chat", "/v1/runs/{run_id}", "/v1/runs/{run_id}/cancel", "/v1/feedback", "unmatched"} <= seen


def test_every_route_of_the_application_would_be_labelled_by_its_template(tmp_path: Path) -> None:
    """Also those that the load did not ask, under both prefixes; no parameter is ever in a label."""
    app = create_app(Settings(home=tmp_path))
    telemetry = app.user_middleware[0].kwargs["telemetry"]
    contexts = [
        found for found in iter_route_contexts(app.routes) if isinstance(found.original_route, APIRoute)
    ]
    assert len(contexts) > 60

    async def ask() -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for context in contexts:
                path = re.sub(r"\{[^}]+\}", "secret-7", str(context.path))
                for method in context.methods or ():
                    await client.request(method, path)

    asyncio.run(ask())
    asked = {labels["route"] for sample in _samples(telemetry.metrics) for labels in [sample.labels]}
    assert asked == {context.path for context in contexts}


def _samples(metrics: Metrics) -> list[Any]:
    families = metrics.registry.collect()
    return [s for family in families for s in family.samples if s.name == "vidence_http_requests_total"]


def test_the_summary_says_the_same_as_the_exposition(loaded: dict[str, Any]) -> None:
    summary, after = loaded["summary"], loaded["after"]
    assert summary["runs"]["ended"] == {"done": 3, "abstained": 1, "failed": 1, "cancelled": 1}
    assert summary["runs"]["started"] == 7
    assert summary["tools"]["search_text"]["count"] == total(after, "vidence_tool_calls_total")
    assert summary["tools"]["search_text"]["error_kinds"] == {
        "unavailable": total(after, "vidence_tool_errors_total")
    }
    assert summary["quality"]["abstentions"] == {"no_evidence": 1}
    assert summary["quality"]["ratings"] == {"up": 2, "down": 1}
    assert 0 < summary["quality"]["mean_confidence"] <= 1
    assert summary["jobs"] == {"queued": 0, "running": 0}
    chats = [row for row in summary["requests"] if (row["method"], row["route"]) == ("POST", "/v1/chat")]
    assert [(row["count"], row["errors"], row["refused"]) for row in chats] == [(6, 0, 0)]
    assert chats[0]["p50_s"] <= chats[0]["p95_s"]


def test_metrics_ask_for_a_key_that_may_see_them(tmp_path: Path) -> None:
    async def make() -> dict[str, str]:
        database = Database(tmp_path / "server.db", MIGRATIONS)
        await database.open()
        store = KeyStore(database)
        keys = {role: (await store.create(role, role, role))[1] for role in ("operator", "viewer")}
        await database.close()
        return keys

    keys = asyncio.run(make())
    options: dict[str, Any] = {"identify": None, "server_auth": "keys", "wait_until_ready": False}

    def statuses(client: httpx.Client, path: str) -> list[int]:
        heads = [{}, {"Authorization": "Bearer vdn_nothing"}]
        heads += [{"Authorization": f"Bearer {keys[role]}"} for role in ("viewer", "operator")]
        return [client.get(path, headers=head).status_code for head in heads]

    with live(tmp_path, **options) as client:
        assert statuses(client, "/metrics") == [401, 401, 403, 200]
        assert statuses(client, "/v1/metrics") == [401, 401, 403, 200]
    with live(tmp_path, server_metrics_public=True, **options) as client:
        assert statuses(client, "/metrics") == [200, 200, 200, 200]
        assert statuses(client, "/v1/metrics") == [401, 401, 403, 200]


def test_calls_of_models_are_counted_with_their_tokens_price_and_failures() -> None:
    metrics = Metrics()
    prices = PriceTable(currency="EUR", models={"small": Price(tokens_in=2, tokens_out=10)})
    token = LISTENER.set(ModelCounter(metrics, prices))
    try:
        for _ in range(2):
            with model_call("small", "http://127.0.0.1:9/v1") as call:
                call.spent(1_000_000, 100_000)
        with pytest.raises(VidenceError), model_call("other", "http://127.0.0.1:9/v1"):
            raise VidenceError("rate_limited", "slow down")
    finally:
        LISTENER.reset(token)

    def value(name: str, **labels: str) -> float | None:
        return metrics.registry.get_sample_value(f"vidence_{name}", labels)

    assert value("tokens_total", model="small", direction="in") == 2_000_000
    assert value("cost_total", model="small", currency="EUR") == pytest.approx(6.0)
    assert value("model_calls_total", model="small", ok="true") == 2
    assert value("model_calls_total", model="other", ok="false") == 1
    assert value("model_errors_total", model="other", kind="rate_limited") == 1
    assert value("cost_total", model="other", currency="EUR") is None


def test_served_embeddings_are_models_too() -> None:
    metrics = Metrics()
    status = [200, 429]
    sent = httpx.MockTransport(lambda request: httpx.Response(status.pop(0), json={}))
    token = LISTENER.set(ModelCounter(metrics, PriceTable()))
    try:
        with httpx.Client(transport=sent) as client:
            options: dict[str, Any] = {"role": "embedding", "setting": "X", "timeout_s": 1.0}
            post_json(client, "http://127.0.0.1:9/v1/embeddings", {"model": "mini"}, **options)
            with pytest.raises(VidenceError):
                post_json(client, "http://127.0.0.1:9/v1/embeddings", {"model": "mini"}, **options)
    finally:
        LISTENER.reset(token)
    value = metrics.registry.get_sample_value
    assert value("vidence_model_calls_total", {"model": "mini", "ok": "true"}) == 1
    assert value("vidence_model_errors_total", {"model": "mini", "kind": "rate_limited"}) == 1


def test_nobody_listens_unless_somebody_asked() -> None:
    with model_call("small", "http://127.0.0.1:9/v1") as call:
        call.spent(1, 1)
    assert call.headers == {}


def test_names_from_outside_cannot_make_labels_without_end() -> None:
    names = Names(most=2)
    assert [names(name) for name in ("a", "b", "c", "a", "d")] == ["a", "b", "other", "a", "other"]


def test_the_reasons_of_abstentions_are_few(tmp_path: Path) -> None:
    from graph.nodes.respond import _abstain_reason

    def kind(uncertain: bool = False, **state: Any) -> str:
        return reason_kind(_abstain_reason(state, uncertain=uncertain))  # type: ignore[arg-type]

    assert kind(stopped="steps") == "budget"
    assert kind(uncertain=True, refs={"a": 1}) == "weak"
    assert kind() == "no_evidence"
    assert kind(refs={"a": 1}) == "not_in_evidence"
    assert kind(decision={"abstain_reason": "There is no image"}) == "planned"


def test_a_look_up_in_a_cache_is_a_hit_or_a_miss() -> None:
    metrics = Metrics()
    for cache, hit in (("exact", True), ("exact", False), ("semantic", False)):
        metrics.cache_looked_up(cache, hit)  # type: ignore[arg-type]
    text = metrics.exposition().decode()
    assert 'vidence_cache_lookups_total{cache="exact",outcome="hit"} 1.0' in text
    assert 'vidence_cache_lookups_total{cache="semantic",outcome="miss"} 1.0' in text


def test_look_ups_of_a_servers_cache_are_counted(tmp_path: Path) -> None:
    with live(tmp_path, server_cache="exact") as client:
        for question in ("What is the total?", "What is the total?", "Who signed it?"):
            chat(client, question)
        looked = by(scrape(client), "vidence_cache_lookups_total", "cache", "outcome")
    assert looked["exact", "hit"] == 1
    assert looked.total() == 3


def test_quantiles_lie_where_the_observations_do() -> None:
    buckets = [(1.0, 10.0), (2.0, 20.0), (math.inf, 20.0)]
    assert quantile(0.5, buckets) == 1.0
    assert quantile(0.75, buckets) == 1.5
    assert quantile(0.5, []) is None
    assert quantile(0.99, [(1.0, 0.0), (math.inf, 3.0)]) == 1.0
