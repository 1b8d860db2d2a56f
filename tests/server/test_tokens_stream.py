"""A served model's words reach the client as it writes them, marked; the checked answer remains the truth."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from core.contracts import Evidence
from core.run_store import SqliteRunStore
from server.client import SpokenText
from server.stream.events import AnswerDelta, Draft
from server.stream.translate import joined
from tests.support.fakes import FakeSearch, fake_services
from tests.support.live_server import Frame, ThreeSearches, chat, frames, live, start, stream, until
from tests.support.scripted_openai import Canned, ScriptedOpenAI, scripted_openai

QUOTE = "The mast is 12 metres high."
LIE = "It sank in 1950, they say."
EVIDENCE = Evidence(kind="passage", source="fake.md", content=QUOTE)


def reply(answer: str = QUOTE) -> dict[str, Any]:
    claim = {"text": QUOTE, "evidence_id": EVIDENCE.id, "quote": QUOTE}
    return {"can_answer": True, "answer": answer, "short_answer": "12 metres", "claims": [claim]}


@contextlib.contextmanager
def speaking(home: Path, *canned: Canned, **settings: Any) -> Iterator[tuple[httpx.Client, ScriptedOpenAI]]:
    tool = FakeSearch(lambda query: QUOTE)
    with scripted_openai(*canned) as model:
        services = fake_services(
            home,
            ThreeSearches(),
            tool,
            extractors=[],
            store=SqliteRunStore(home / "runs.db"),
            answerer=model.setting,
        )
        with live(home, services=services, **settings) as client:
            yield client, model


def deltas(seen: list[Frame], *, checked: bool) -> list[dict[str, Any]]:
    bodies = [frame.data["data"] for frame in seen if frame.event == "answer.delta"]
    return [body for body in bodies if body["checked"] is checked]


def test_words_come_before_the_check_and_only_checked_ones_make_the_answer(tmp_path: Path) -> None:
    with speaking(tmp_path, Canned(reply(f"{QUOTE} {LIE}"))) as (client, _):
        seen = chat(client, "How high is the mast?")
    final = next(frame.data["data"] for frame in seen if frame.event == "answer.final")
    assert final["answer"] == QUOTE
    assert "".join(body["text"] for body in deltas(seen, checked=True)) == final["answer"]
    assert "".join(body["text"] for body in deltas(seen, checked=False)) == f"{QUOTE} {LIE}"
    order = [
        frame.event if frame.event != "answer.delta" else str(frame.data["data"]["checked"]) for frame in seen
    ]
    assert order.index("False") < order.index("True")
    assert max(place for place, one in enumerate(order) if one == "False") < order.index("True")
    spoken = SpokenText()
    for frame in seen:
        if frame.event == "answer.delta":
            spoken.hear(AnswerDelta.model_validate(frame.data["data"]))
    assert (spoken.text, spoken.checked) == (QUOTE, True)


def test_the_first_words_are_there_while_the_model_still_writes(tmp_path: Path) -> None:
    slow = Canned(reply(f"{QUOTE} {LIE}"), pace_s=0.02)
    with speaking(tmp_path, slow) as (client, model):
        run_id = start(client, "How high is the mast?")["run_id"]
        with client.stream("GET", f"/v1/runs/{run_id}/events") as reading:
            for frame in frames(reading.iter_lines()):
                if frame.event == "answer.delta":
                    break
        assert frame.data["data"]["checked"] is False
        assert len("".join(model.sent)) < len(slow.text), "the model was still writing"
        client.post(f"/v1/runs/{run_id}/cancel")


def test_cancel_closes_the_models_stream_in_the_middle(tmp_path: Path) -> None:
    endless = Canned(reply("word " * 2_000), pace_s=0.02)
    with speaking(tmp_path, endless) as (client, model):
        run_id = start(client, "How high is the mast?")["run_id"]
        until(lambda: len(model.sent) > 20)
        client.post(f"/v1/runs/{run_id}/cancel")
        until(lambda: model.left_at)
        assert stream(client, run_id)[-1].data["data"]["status"] == "cancelled"
        assert client.post(f"/v1/runs/{run_id}/cancel").json()["status"] == "cancelled"
        assert len("".join(model.sent)) < len(endless.text)


def test_an_answer_that_the_check_refuses_leaves_none_of_its_words(tmp_path: Path) -> None:
    with speaking(tmp_path, Canned({**reply(LIE), "claims": []})) as (client, _):
        seen = chat(client, "How high is the mast?")
        final = next(frame.data["data"] for frame in seen if frame.event == "answer.final")
    assert deltas(seen, checked=False)
    assert deltas(seen, checked=True) == []
    assert (final["status"], final["answer"]) == ("abstained", "")


def test_a_server_may_keep_words_to_itself_until_they_are_checked(tmp_path: Path) -> None:
    with speaking(tmp_path, Canned(reply()), server_speak=False) as (client, model):
        seen = chat(client, "How high is the mast?")
    assert deltas(seen, checked=False) == []
    assert deltas(seen, checked=True)
    assert "stream" not in model.requests[0]


def test_openais_stream_has_unchecked_words_beside_the_content_and_only_when_asked(tmp_path: Path) -> None:
    def said(api: openai.OpenAI, **extra: Any) -> tuple[str, str]:
        chunks = api.chat.completions.create(
            model="vidence",
            messages=[{"role": "user", "content": "How high is the mast?"}],
            stream=True,
            extra_body={"vidence": extra},
        )
        content, beside = "", ""
        for chunk in chunks:
            content += chunk.choices[0].delta.content or ""
            told = (chunk.model_extra or {}).get("vidence", {})
            if "unchecked" in told:
                beside = beside[: told["at"]] + told["unchecked"]
        return content, beside

    with (
        speaking(tmp_path, Canned(reply(f"{QUOTE} {LIE}"))) as (client, _),
        openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as api,
    ):
        assert said(api) == (QUOTE, "")
        assert said(api, unchecked=True) == (QUOTE, f"{QUOTE} {LIE}")


def test_pieces_that_follow_each_other_are_one_event_and_a_new_beginning_is_none() -> None:
    def piece(text: str, at: int, *, checked: bool = False) -> Draft:
        return Draft("answer.delta", f"said:{at}", AnswerDelta(text=text, at=at, checked=checked))

    whole = joined(piece("The ", 0), piece("mast ", 4))
    assert whole is not None
    assert whole.data == AnswerDelta(text="The mast ", checked=False, at=0)
    for one, two in itertools.pairwise(
        [piece("The ", 0), piece("mast", 0), piece("Checked", 4, checked=True)]
    ):
        assert joined(one, two) is None


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([("The ", 0, False), ("mast", 4, False), ("A ", 0, False)], "A "),
        ([("The lie", 0, False), ("True.", 0, True)], "True."),
        ([], ""),
    ],
)
def test_a_client_shows_pieces_by_their_places(pieces: list[tuple[str, int, bool]], text: str) -> None:
    spoken = SpokenText()
    for piece, at, checked in pieces:
        spoken.hear(AnswerDelta(text=piece, at=at, checked=checked))
    assert spoken.text == text
