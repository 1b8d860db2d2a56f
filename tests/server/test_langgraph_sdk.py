"""LangGraph's SDK drives threads and runs of the real graph, on the server that `make dev` starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.server.test_cancel import dense_page
from tests.support.live_server import until
from tests.support.scripted_openai import Canned, scripted_openai
from tests.support.studio_server import studio

pytestmark = [pytest.mark.server, pytest.mark.timeout(1_800)]  # it loads models, perhaps on a busy machine
SUM = {"question": "What is 17% of 230?"}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from langgraph_sdk import get_sync_client

    said = Canned({"can_answer": True, "answer": "It is rather blue.", "short_answer": "blue", "claims": []})
    with (
        scripted_openai(said) as model,
        studio(tmp_path_factory.mktemp("sdk"), answerer=model.setting) as url,
        get_sync_client(url=url) as client,
    ):
        yield client


@pytest.fixture
def thread(client: Any) -> str:
    created: dict[str, Any] = client.threads.create()
    return str(created["thread_id"])


def picture(folder: Path) -> dict[str, str]:
    Image.new("RGB", (64, 48), "blue").save(folder / "blue.png")
    return {"path": str(folder / "blue.png")}


def test_a_run_streams_its_updates_values_and_events(client: Any, thread: str) -> None:
    modes = ["updates", "values", "events"]
    parts = list(client.runs.stream(thread, "vidence", input=SUM, stream_mode=modes))
    assert {"metadata", *modes} <= {part.event for part in parts}
    assert "error" not in {part.event for part in parts}
    nodes = [name for part in parts if part.event == "updates" for name in part.data]
    assert nodes == ["intake", "plan", "draft", "verify", "judge", "respond"]
    last = [part.data for part in parts if part.event == "values"][-1]
    assert last["outcome"]["short_answer"] == "39.1"
    began = {part.data["name"] for part in parts if part.event == "events" and "start" in part.data["event"]}
    assert {"intake", "plan", "respond"} <= began


def test_a_thread_keeps_its_state_and_the_history_of_its_checkpoints(client: Any, thread: str) -> None:
    client.runs.wait(thread, "vidence", input=SUM)
    assert client.threads.get_state(thread)["values"]["outcome"]["short_answer"] == "39.1"
    client.runs.wait(thread, "vidence", input={"question": "What is 3 + 4?"})
    history = client.threads.get_history(thread, limit=50)
    answers = [(state["values"].get("outcome") or {}).get("short_answer") for state in history]
    assert answers[0] == "7"
    assert "39.1" in answers
    assert {("plan",), ("respond",)} <= {tuple(state["next"]) for state in history}


def test_a_question_about_an_image_is_answered_with_its_evidence(
    client: Any, thread: str, tmp_path: Path
) -> None:
    asked = {"question": "What is the main colour of this image?", "images": [picture(tmp_path)]}
    values = client.runs.wait(thread, "vidence", input=asked)
    assert values["outcome"]["short_answer"] == "blue"
    assert values["outcome"]["citations"]
    assert len(values["images"][0]["sha256"]) == 64, "by hash: the state holds no picture"


def test_the_answerers_words_are_streamed_to_whoever_asks_to_hear_them(
    client: Any, thread: str, tmp_path: Path
) -> None:
    asked = {"question": "What is the main colour of this image?", "images": [picture(tmp_path)]}

    def said(**config: Any) -> str:
        parts = client.runs.stream(
            thread, "vidence", input=asked, stream_mode="custom", config={"configurable": config}
        )
        return "".join(part.data["answer.delta"] for part in parts if part.event == "custom")

    assert said(speak=True) == "It is rather blue."
    assert said() == ""


def test_a_clarifying_question_interrupts_and_the_reply_resumes(client: Any, thread: str) -> None:
    asked = client.runs.wait(thread, "vidence", input={"question": "What is in this picture?"})
    assert "image" in asked["__interrupt__"][0]["value"]["question"]
    assert client.threads.get(thread)["status"] == "interrupted"
    assert tuple(client.threads.get_state(thread)["next"]) == ("ask",)
    values = client.runs.wait(thread, "vidence", command={"resume": "never mind"})
    assert values["replies"][0][1] == "never mind"


def test_a_run_in_the_background_is_joined(client: Any, thread: str) -> None:
    run = client.runs.create(thread, "vidence", input=SUM)
    joined = client.runs.join(thread, run["run_id"])
    assert joined["outcome"]["short_answer"] == "39.1"
    assert client.runs.get(thread, run["run_id"])["status"] == "success"


def test_a_cancelled_run_stops_in_the_middle_and_the_thread_is_free_again(
    client: Any, thread: str, tmp_path: Path
) -> None:
    pytest.importorskip("rapidocr")
    (tmp_path / "page.png").write_bytes(dense_page())
    asked = {"question": "What is the total?", "images": [{"path": str(tmp_path / "page.png")}]}
    run = client.runs.create(thread, "vidence", input=asked, stream_mode=["updates"])
    until(lambda: "act" in client.threads.get_state(thread)["next"], 120)  # it reads the page
    client.runs.cancel(thread, run["run_id"], wait=True)
    assert client.runs.get(thread, run["run_id"])["status"] == "interrupted"
    client.runs.join(thread, run["run_id"])
    assert "act" in client.threads.get_state(thread)["next"], "nothing came after the cancel"
    assert client.runs.wait(thread, "vidence", input=SUM)["outcome"]["short_answer"] == "39.1"
