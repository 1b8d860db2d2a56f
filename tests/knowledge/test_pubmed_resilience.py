"""The circuit breaker, the cache, and a client that lives with a server that fails in every way."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx  # noqa: F401 - loading it blocks, and the tests run in an event loop
import pytest

from core.errors import VidenceError
from core.settings import Settings
from knowledge.limits.breaker import CircuitBreaker
from knowledge.pubmed import transport as pubmed_http
from knowledge.pubmed.batch import Query, read_done, read_queries, run_queries
from knowledge.pubmed.cache import EntrezCache
from knowledge.pubmed.client import PubMed, open_pubmed
from knowledge.pubmed.query import wordings
from knowledge.pubmed.transport import retry_after
from tests.support.eutils import KINDS, Faults, ReplayServer
from tests.support.eutils_payloads import CLOSED_PMID, NO_PMC_PMID, OPEN_PMID
from tests.support.eutils_store import make_store


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pubmed_http, "_BACKOFF_S", 0.001)


def client_of(server: ReplayServer, home: Path, *, cache: bool = False, timeout_s: float = 20.0) -> PubMed:
    settings = Settings(home=home, pubmed_api_key="k", pubmed_timeout_s=timeout_s)
    return open_pubmed(settings, base_url=server.url, use_cache=cache)


def breaker_of(path: Path, clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(path / "c.sqlite", "s", failures=3, cool_s=10.0, longest_s=40.0, clock=clock)


def test_the_circuit_opens_after_failures_in_a_row_in_any_process(tmp_path: Path) -> None:
    clock = Clock()
    mine, theirs = breaker_of(tmp_path, clock), breaker_of(tmp_path, clock)
    for one in (mine, theirs):
        assert one.ask() == 0
        one.failed()
    mine.succeeded()
    for _ in range(2):
        theirs.failed()
    assert mine.ask() == 0, "a success in between starts the count anew"
    mine.failed()
    assert theirs.ask() == 10


def test_one_probe_goes_through_and_decides(tmp_path: Path) -> None:
    clock = Clock()
    breaker = breaker_of(tmp_path, clock)
    for _ in range(3):
        breaker.failed()
    clock.now += 10
    assert breaker.ask() == 0, "the probe"
    assert breaker.ask() > 0, "nobody else while it is under way"
    breaker.failed()
    assert breaker.ask() == 20, "twice as long after a failed probe"
    clock.now += 20
    assert breaker.ask() == 0
    breaker.succeeded()
    assert breaker.ask() == breaker.ask() == 0


def test_calls_under_way_when_it_opened_and_dead_probes_do_not_keep_it_open(tmp_path: Path) -> None:
    clock = Clock()
    breaker = breaker_of(tmp_path, clock)
    for _ in range(6):
        breaker.failed()
    assert breaker.ask() == 10
    clock.now += 10
    assert breaker.ask() == 0
    clock.now += 61
    assert breaker.ask() == 0, "the first probe's process died"
    clock.now -= 500_000
    assert breaker.ask() == 0, "a clock that was set back"


async def test_an_open_circuit_refuses_without_calling_and_says_when_to_try_again(tmp_path: Path) -> None:
    with ReplayServer(faults=Faults({"500": 1.0})) as server:
        client = client_of(server, tmp_path)
        client.http.patience_s = 0.0
        for _ in range(5):
            with pytest.raises(VidenceError, match="500"):
                await client.fetch([OPEN_PMID])
        before = len(server.calls)
        start = time.monotonic()
        with pytest.raises(VidenceError, match="left alone until 20") as caught:
            await client_of_impatient(server, tmp_path).fetch([OPEN_PMID])
        assert caught.value.kind == "unavailable"
        assert caught.value.retryable
        assert "Try again in" in caught.value.help
        assert len(server.calls) == before
        assert time.monotonic() - start < 3


def client_of_impatient(server: ReplayServer, home: Path) -> PubMed:
    client = client_of(server, home)
    client.http.patience_s = 0.0
    return client


async def test_a_server_that_limits_us_is_not_taken_for_a_broken_one(tmp_path: Path) -> None:
    with ReplayServer(faults=Faults({"429": 1.0})) as server:
        client = client_of(server, tmp_path)
        for _ in range(6):
            with pytest.raises(VidenceError) as caught:
                await client.fetch([OPEN_PMID])
            assert caught.value.kind == "rate_limited"


async def test_a_passing_fault_of_any_kind_costs_nothing(tmp_path: Path) -> None:
    faults = Faults(slow_s=1.2)
    with ReplayServer(faults=faults) as server:
        client = client_of(server, tmp_path, timeout_s=0.6)
        for kind in sorted(set(KINDS) - {"empty"}):
            faults.script = [kind]
            [record] = await client.fetch([OPEN_PMID])
            assert record.title == "Jericho soil trial", kind
            assert [call.fault for call in server.calls[-2:]] == [kind, ""]


async def test_records_that_did_not_come_are_asked_for_once_more(tmp_path: Path) -> None:
    faults = Faults(script=["ok", "empty", "ok"])
    with ReplayServer(faults=faults) as server:
        found = await client_of(server, tmp_path).search("jericho soil")
        assert len(found.records) == 3
        faults.script = ["ok", "empty", "empty"]
        found = await client_of(server, tmp_path).search("jericho soil")
        assert found.missing == (OPEN_PMID, CLOSED_PMID, NO_PMC_PMID)


async def test_a_wait_that_is_too_long_is_told_at_once(tmp_path: Path) -> None:
    with ReplayServer(faults=Faults({"429-date": 1.0}, retry_after_s=100)) as server:
        start = time.monotonic()
        with pytest.raises(VidenceError) as caught:
            await client_of(server, tmp_path).fetch([OPEN_PMID])
        assert caught.value.kind == "rate_limited"
        assert time.monotonic() - start < 5
        assert len(server.calls) == 1


def test_both_forms_of_retry_after_are_read() -> None:
    now = datetime(2026, 11, 21, 7, 0, 0, tzinfo=UTC)
    assert retry_after("3") == 3
    assert retry_after("Sat, 21 Nov 2026 07:00:30 GMT", now=now) == 30
    assert retry_after("Sat, 21 Nov 2026 06:00:00 GMT", now=now) == 0
    assert [retry_after(text) for text in ("", "soon", "-4")] == [0, 0, 0]


def test_entries_expire_by_kind_and_sources_do_not_mix(tmp_path: Path) -> None:
    clock = Clock()
    days = {"record": 30.0, "search": 1.0}
    mine, other = (EntrezCache(tmp_path / "c", name, days, clock=clock) for name in ("a", "b"))
    mine.put_many("record", {"1": b"one", "2": b"two"})
    mine.put("search", "q", b"found")
    assert mine.get_many("record", ["1", "2", "3"]) == {"1": b"one", "2": b"two"}
    assert other.get("record", "1") is None
    clock.now += 86_400 * 2
    assert mine.get("search", "q") is None
    assert mine.get("record", "1") == b"one"
    clock.now += 86_400 * 29
    assert mine.get("record", "1") is None


def test_a_cache_that_cannot_be_used_is_passed_by(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"this is no database, however one looks at it" * 100)
    cache = EntrezCache(tmp_path / "c", "a", {"record": 1.0})
    cache.put("record", "1", b"x")
    assert cache.get("record", "1") is None
    off = EntrezCache(tmp_path / "off", "a", {"record": 0.0})
    off.put("record", "1", b"x")
    assert not (tmp_path / "off").exists()


async def test_what_was_fetched_is_not_asked_again_and_empty_results_are(tmp_path: Path) -> None:
    with ReplayServer() as server:
        first = await client_of(server, tmp_path, cache=True).search("jericho soil")
        calls = len(server.calls)
        again = await client_of(server, tmp_path, cache=True).search("jericho soil")
        assert again.records == first.records
        assert len(server.calls) == calls
        await client_of(server, tmp_path, cache=True).fetch([OPEN_PMID])
        assert len(server.calls) == calls
        await client_of(server, tmp_path, cache=True).search("nosuchword")
        await client_of(server, tmp_path, cache=True).search("nosuchword")
        assert len(server.calls) > calls + 1


def test_queries_are_checked_and_finished_lines_are_known(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text('{"id": 1, "query": "a"}\n\n{"id": 2, "query": "b"}\n')
    assert read_queries(path) == [Query(1, "a"), Query(2, "b")]
    for bad in ("nonsense", '{"id": 1}', '{"id": [], "query": "a"}', '{"id": 1, "query": "c"}'):
        path.write_text('{"id": 1, "query": "a"}\n' + bad)
        with pytest.raises(VidenceError, match="line 2"):
            read_queries(path)
    out = tmp_path / "out.jsonl"
    out.write_text(
        '{"id": 1, "query": "a", "hits": []}\n{"id": 2, "query": "b", "error": {}}\n{"id": 3, "que'
    )
    assert list(read_done(out)) == [(1, "a")]


async def test_many_queries_against_a_faulty_server_lose_nothing(tmp_path: Path) -> None:
    store = make_store(made=60)
    queries = [Query(pmid, f"report x{pmid}") for pmid in store.articles if pmid.startswith("6")][:25]
    rates = dict.fromkeys(("429", "429-json", "500", "truncated", "html", "drop"), 0.05)
    with ReplayServer(store, Faults(rates, seed=1)) as server:
        lines: list[dict[str, object]] = []
        client = client_of(server, tmp_path)
        client.http._limiter = Unlimited()  # type: ignore[assignment]
        await run_queries(client, queries, lines.append, k=3, workers=4)
        faulty = sum(bool(call.fault) for call in server.calls)
    assert faulty > 10
    assert {line["id"]: [hit["id"] for hit in line["hits"]] for line in lines} == {  # type: ignore[attr-defined]
        item.id: [item.id] for item in queries
    }


class Unlimited:
    """No limit: what is tested is the retries."""

    async def take(self) -> str:
        await asyncio.sleep(0)
        return "t"

    async def heard(self, token: str) -> None: ...

    async def pause(self, seconds: float) -> None: ...


def test_a_search_says_which_wording_found_it_and_what_was_dropped(tmp_path: Path) -> None:
    with ReplayServer() as server:
        found = asyncio.run(
            client_of(server, tmp_path).search("Do trumpets cause jericho collapse since 2015?")
        )
    assert [record.pmid for record in found.records] == [NO_PMC_PMID]
    assert found.step == "without some words"
    assert "collapse" in " ".join(found.dropped)
    assert len(found.tried) >= 2
    assert found.tried[0][1] == 0
    assert found.tried[-1] == (found.used, 1)
    assert json.dumps(found.translation)
    assert found.used in [step.text for step in wordings(found.query, today=datetime.now(UTC).date())]
