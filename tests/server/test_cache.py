"""Answers given again: to whom, for what, until when, and what they carry."""

from __future__ import annotations

import asyncio
import base64
import io
import itertools
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from PIL import Image

from agents.planner import PlanDecision, PlanView
from core.contracts import InputRequired, RunResult, SubQuestion, Usage
from core.errors import VidenceError
from core.settings import Settings
from server.cache.answers import AnswerCache
from server.cache.offline import forget_answer
from server.cache.scope import settings_digest
from server.cache.store import Asked, CacheIndex
from server.storage.database import Database
from server.storage.schema import MIGRATIONS
from server.stream.events import EVENTS
from tests.support.fakes import FakeSearch, fake_services, search
from tests.support.live_server import Frame, chat, ended, live, start, until

_names = itertools.count()


class ByQuestion:
    """Searches for the question; twice for `both`; asks back for `ask me`."""

    name = "by-question"

    async def plan(self, view: PlanView) -> PlanDecision:
        text = view.question.text
        if "ask me" in text and not view.replies:
            return PlanDecision(next="ask", ask=InputRequired(question="Which one?", options=("a", "b")))
        if view.subquestions:
            return PlanDecision(next="draft")
        wanted = ("found", "failing") if "both" in text else (text,)
        return PlanDecision(
            next="act",
            subquestions=tuple(search(f"q{place}", query) for place, query in enumerate(wanted)),
        )


def _found(query: str) -> str | Exception:
    if "failing" in query:
        return VidenceError("unavailable", "The index is away", help="Wait.")
    if "nothing" in query:
        return VidenceError("not_found", "Nothing", help="")
    return f"The answer to {query} is 42."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, FakeSearch]]:
    tool = FakeSearch(_found)
    home = tmp_path_factory.mktemp("home")
    with live(home, tool=tool, planner=ByQuestion(), server_cache="semantic") as client:
        yield client, tool


@pytest.fixture
def tool(server: tuple[httpx.Client, FakeSearch]) -> FakeSearch:
    server[1].calls.clear()
    return server[1]


@pytest.fixture
def client(server: tuple[httpx.Client, FakeSearch]) -> Iterator[httpx.Client]:
    """A client of the shared server, as an owner of its own: what others asked does not count."""
    client = server[0]
    client.headers["x-owner"] = f"owner-{next(_names)}"
    yield client
    del client.headers["x-owner"]


def answer(client: httpx.Client, question: str, **body: Any) -> dict[str, Any]:
    """Ask, and return the run's result."""
    run = ended(client, start(client, question, **body)["run_id"])
    assert run["status"] == "done", run
    result: dict[str, Any] = run["result"]
    return result


def test_the_same_question_is_answered_once_and_says_from_where(
    client: httpx.Client, tool: FakeSearch
) -> None:
    first = answer(client, "What is it?")
    again = answer(client, "What is it?")
    assert len(tool.calls) == 1
    assert "cached_from" not in first
    assert again["cached_from"] == first["run_id"] != again["run_id"]
    for carried in (
        "answer",
        "short_answer",
        "evidence",
        "citations",
        "claims",
        "confidence",
        "models",
        "prompts",
    ):
        assert again[carried] == first[carried]
    assert again["usage"]["tool_calls"] == 0
    # One that was given again is no source of its own.
    assert answer(client, "What is it?")["cached_from"] == first["run_id"]


def test_the_stream_of_an_answer_given_again_has_the_events_of_any_run(client: httpx.Client) -> None:
    first = chat(client, "What is it?")
    again = chat(client, "What is it?")
    names = [frame.event for frame in again]
    assert names[:3] == ["run.started", "plan.updated", "evidence.added"]
    assert names[-2:] == ["answer.final", "run.finished"]
    assert set(names) <= {frame.event for frame in first}
    assert [frame.id for frame in again] == list(range(1, len(again) + 1))
    for frame in again:
        EVENTS[frame.event].model_validate(frame.data)
    final = {frame.event: frame.data["data"] for frame in again}
    assert final["answer.final"]["cached_from"] == first[0].data["run_id"]
    assert "cached_from" not in _data(first, "answer.final")
    assert final["evidence.added"]["evidence"] == _data(first, "evidence.added")["evidence"]
    said = "".join(frame.data["data"]["text"] for frame in again if frame.event == "answer.delta")
    assert said == final["answer.final"]["answer"] == _data(first, "answer.final")["answer"]


def _data(frames: list[Frame], event: str) -> dict[str, Any]:
    found: dict[str, Any] = [frame for frame in frames if frame.event == event][-1].data["data"]
    return found


def test_another_wording_finds_the_answer_and_another_meaning_does_not(
    client: httpx.Client, tool: FakeSearch
) -> None:
    first = answer(client, "What is the total of the order?")
    again = answer(client, "Could you please tell me what the total of the order is?")
    assert again["cached_from"] == first["run_id"]
    assert again["question"] == "Could you please tell me what the total of the order is?"
    assert len(tool.calls) == 1
    for other in (
        "What is the total of the orders?",
        "What is not the total of the order?",
        "What is the order of the total?",
        "What was the total of the order?",
    ):
        assert "cached_from" not in answer(client, other), other


def test_two_owners_never_share_an_answer(client: httpx.Client, tool: FakeSearch) -> None:
    ada, eve = ({"x-owner": name} for name in ("ada", "eve"))

    def ask(headers: dict[str, str]) -> dict[str, Any]:
        run = client.post("/v1/runs", json={"question": "What is it?"}, headers=headers).json()
        found: dict[str, Any] = client.get(f"/v1/runs/{run['run_id']}?wait=20", headers=headers).json()[
            "result"
        ]
        return found

    ask(ada)
    assert "cached_from" not in ask(eve)
    assert "cached_from" in ask(ada)
    assert len(tool.calls) == 2
    assert client.get("/v1/cache", headers=ada).json()["answers"] == 1
    assert client.delete("/v1/cache", headers=eve).json() == {"forgotten": 1}
    assert "cached_from" in ask(ada)
    assert "cached_from" not in ask(eve)


def _picture(shade: int) -> dict[str, str]:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, 20, 20)).save(buffer, "PNG")
    return {"data_url": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()}


@pytest.mark.parametrize(
    "other",
    [
        {"images": [_picture(90)]},
        {"images": [_picture(91)]},
        {"images": [_picture(90), _picture(91)]},
        {"images": [_picture(91), _picture(90)]},
        {"profile": "medical"},
        {"declared": ["a knife"]},
        {"declared": ["a gun"]},
        {"collections": ["papers"]},
        {"collections": ["papers", "notes"]},
        {"collections": ["notes", "papers"]},
    ],
)
def test_whatever_an_answer_depends_on_tells_questions_apart(
    client: httpx.Client, tool: FakeSearch, other: dict[str, Any]
) -> None:
    asked: list[dict[str, Any]] = [
        {},
        {"images": [_picture(90)]},
        {"declared": ["a knife"]},
        {"collections": ["papers"]},
    ]
    for body in asked:
        if body != other:
            answer(client, "What is it?", **body)
    calls = len(tool.calls)
    assert "cached_from" not in answer(client, "What is it?", **other)
    assert len(tool.calls) == calls + 1
    assert "cached_from" in answer(client, "What is it?", **other)


def test_a_request_may_want_an_answer_of_its_own(client: httpx.Client, tool: FakeSearch) -> None:
    answer(client, "What is it?", cache=False)
    assert client.get("/v1/cache").json()["answers"] == 0
    answer(client, "What is it?")
    assert "cached_from" not in answer(client, "What is it?", cache=False)
    assert len(tool.calls) == 3


def test_off_keeps_nothing(tmp_path: Path) -> None:
    with live(tmp_path, planner=ByQuestion(), server_cache="off") as client:
        answer(client, "What is it?")
        assert "cached_from" not in answer(client, "What is it?")
        assert client.get("/v1/cache").json() == {"mode": "off", "answers": 0, "newest": []}


@pytest.mark.parametrize("rating", [{"rating": "down"}, {"rating": "down", "correction": "43"}])
def test_a_bad_rating_takes_the_answer_out(
    client: httpx.Client, tool: FakeSearch, rating: dict[str, str]
) -> None:
    first = answer(client, "What is it?")
    again = answer(client, "What is it?")
    rated = client.post("/v1/feedback", json={"run_id": again["run_id"], **rating})
    assert rated.status_code == 201, rated.text
    fresh = answer(client, "What is it?")
    assert "cached_from" not in fresh
    assert client.post("/v1/feedback", json={"run_id": fresh["run_id"], "rating": "up"}).status_code == 201
    assert answer(client, "What is it?")["cached_from"] == fresh["run_id"] != first["run_id"]


def test_what_a_thread_held_goes_with_the_thread(client: httpx.Client) -> None:
    first = answer(client, "What is it?", thread_id="t")
    assert first["thread_id"] == "t"
    assert client.delete("/v1/threads/t").status_code in (200, 204)
    assert "cached_from" not in answer(client, "What is it?")


def test_a_question_that_goes_on_with_a_conversation_is_answered_anew(
    client: httpx.Client, tool: FakeSearch
) -> None:
    answer(client, "What is it?")
    answer(client, "Where is it?", thread_id="t")
    assert "cached_from" not in answer(client, "What is it?", thread_id="t")
    assert len(tool.calls) == 3
    # Nor is such an answer kept: `it` may be another thing there.
    answer(client, "Who is it?", thread_id="t")
    assert "cached_from" not in answer(client, "Who is it?")


@pytest.mark.parametrize(
    "question", ["What is it today?", "What was sold last week?", "Name a random number"]
)
def test_a_question_about_now_is_answered_now(client: httpx.Client, tool: FakeSearch, question: str) -> None:
    for _ in range(2):
        assert "cached_from" not in answer(client, question)
    assert len(tool.calls) == 2


def _over(client: httpx.Client, run_id: str) -> dict[str, Any] | None:
    run: dict[str, Any] = client.get(f"/v1/runs/{run_id}", params={"wait": 5}).json()
    return run if run["finished_at"] else None


def test_one_sees_and_forgets_what_is_kept(client: httpx.Client) -> None:
    first = answer(client, "What is it?")
    answer(client, "What is it?")
    shown = client.get("/v1/cache").json()
    assert (shown["mode"], shown["answers"]) == ("semantic", 1)
    entry = shown["newest"][0]
    assert (entry["run_id"], entry["question"], entry["hits"]) == (first["run_id"], "What is it?", 1)
    assert entry["kept_at"] < entry["expires_at"]
    assert client.delete("/v1/cache").json() == {"forgotten": 1}
    assert client.get("/v1/cache").json()["answers"] == 0
    assert "cached_from" not in answer(client, "What is it?")


def test_only_answers_without_failures_are_kept(client: httpx.Client, tool: FakeSearch) -> None:
    for _ in range(2):
        assert "cached_from" not in answer(client, "What are both?")
    assert len(tool.calls) == 4
    assert client.get("/v1/cache").json()["answers"] == 0


def test_abstentions_are_not_kept(client: httpx.Client, tool: FakeSearch) -> None:
    for _ in range(2):
        run = ended(client, start(client, "What is nothing?")["run_id"])
        assert run["status"] == "abstained"
        assert "cached_from" not in run["result"]
    assert len(tool.calls) == 2


def test_answers_to_questions_back_are_not_kept(client: httpx.Client) -> None:
    waiting = ended(client, start(client, "Please ask me")["run_id"])
    assert waiting["status"] == "input_required"
    client.post(f"/v1/runs/{waiting['run_id']}/resume", json={"reply": "a"})
    assert until(lambda: _over(client, waiting["run_id"]))["status"] == "done"
    assert client.get("/v1/cache").json()["answers"] == 0


def test_exact_answers_the_same_text_only_and_so_many(tmp_path: Path) -> None:
    tool = FakeSearch()
    with live(
        tmp_path, tool=tool, planner=ByQuestion(), server_cache="exact", server_cache_entries=2
    ) as client:
        answer(client, "What is the total?")
        answer(client, "Please tell me what the total is.")
        assert len(tool.calls) == 2
        assert "cached_from" in answer(client, "What is the total?")
        answer(client, "What is it?")
        assert client.get("/v1/cache").json()["answers"] == 2
        kept = {entry["question"] for entry in client.get("/v1/cache").json()["newest"]}
        assert kept == {"What is the total?", "What is it?"}, "the least recently used goes first"


ASKED = Asked("ada", "scope", "What is it?", "what is it")


@pytest.fixture
async def index(tmp_path: Path) -> Any:
    database = Database(tmp_path / "server.db", MIGRATIONS)
    await database.open()
    yield CacheIndex(database, 10)
    await database.close()


async def test_an_answer_grows_old(index: CacheIndex) -> None:
    await index.put(ASKED, "r1", "2999-01-01T00:00:00.000+00:00")
    assert await index.candidates(ASKED) == [("r1", "What is it?")]
    await index.put(ASKED, "r2", "2020-01-01T00:00:00.000+00:00")
    assert await index.candidates(ASKED) == []
    assert await index.sweep() == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, owner="eve"),
        replace(ASKED, scope="another"),
        replace(ASKED, question="What is that?", sense="what is that"),
        replace(ASKED, question="What is that?", sense=""),
    ],
)
async def test_one_look_up_never_finds_anothers(index: CacheIndex, other: Asked) -> None:
    await index.put(ASKED, "r1", "2999-01-01T00:00:00.000+00:00")
    assert await index.candidates(other) == []
    assert await index.forget(other.owner, "r1") == (other.owner == "ada")


async def test_questions_without_a_sense_have_none_in_common(index: CacheIndex) -> None:
    await index.put(replace(ASKED, question="a", sense=""), "r1", "2999-01-01T00:00:00.000+00:00")
    assert await index.candidates(replace(ASKED, question="b", sense="")) == []


def test_every_setting_but_secrets_and_the_folder_counts(tmp_path: Path) -> None:
    base = settings_digest(Settings())
    assert settings_digest(Settings(home=tmp_path)) == base
    assert settings_digest(Settings(model_api_key="secret")) == base
    for change in ({"min_confidence": 0.36}, {"vlm": "openai:http://h#m"}, {"router": "rules"}):
        assert settings_digest(Settings.model_validate(change)) != base


def test_a_bad_rating_on_the_command_line_counts_too(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    forget_answer(settings, "r1")
    assert not list(tmp_path.iterdir()), "no server was ever here"

    async def with_index(work: Callable[[CacheIndex], Awaitable[Any]]) -> Any:
        database = Database(tmp_path / "server.db", MIGRATIONS)
        await database.open()
        try:
            return await work(CacheIndex(database, 10))
        finally:
            await database.close()

    until_then = "2999-01-01T00:00:00.000+00:00"
    asyncio.run(with_index(lambda index: index.put(ASKED, "r1", until_then)))
    forget_answer(settings, "r2")
    assert asyncio.run(with_index(lambda index: index.candidates(ASKED)))
    forget_answer(settings, "r1")
    assert not asyncio.run(with_index(lambda index: index.candidates(ASKED)))


def test_an_answer_of_a_busy_server_is_not_kept(tmp_path: Path) -> None:
    result = RunResult(run_id="r", thread_id="t", status="done", question="q", profile="general")
    services = fake_services(tmp_path, ByQuestion())
    cache = AnswerCache(services.settings, cast("Any", None), cast("Any", None), lambda: services)
    assert cache._lasting({}, result)
    shed = [name for name in Usage.model_fields if name.startswith("shed_")]
    for name in shed:
        assert not cache._lasting({}, result.model_copy(update={"usage": Usage(**{name: 1})}))
    lefts: list[dict[str, Any]] = [{"stopped": "seconds"}, {"errors": {"q1": {}}}, {"replies": [["a", "b"]]}]
    for left in lefts:
        assert not cache._lasting(left, result)
    plan = SubQuestion(id="q1", question="q", action="search_pubmed", tool="search_pubmed")
    assert not cache._lasting({}, result.model_copy(update={"plan": (plan,)})), "it has no version"
