"""Traces: one for a run and its request, sent to a collector that nobody waits for."""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.contracts import ToolResult
from core.errors import VidenceError
from core.settings import Settings, load_settings
from models.chat import open_chat
from server.app import create_app
from server.telemetry import traces
from server.telemetry.langsmith import masked
from server.telemetry.redact import Redactor
from tests.support.fakes import FakeSearch
from tests.support.live_server import chat, ended, live, start, until
from tests.support.scripted_openai import Canned, scripted_openai

otlp = pytest.importorskip("tests.support.otlp_receiver", reason="needs the extra `otel`")

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
QUESTION = "Is Project Nightingale of ada@example.org on time?"
NODES = {"intake", "plan", "act", "assess", "draft", "verify", "judge", "respond"}


@pytest.fixture
def receiver() -> Iterator[Any]:
    with otlp.otlp_receiver() as receiver:
        yield receiver


class AsksAModel(FakeSearch):
    """A tool that calls a served model."""

    def __init__(self, setting: str) -> None:
        super().__init__()
        self._chat = open_chat(setting)

    async def run(self, args: Any, context: Any) -> ToolResult:
        await self._chat.complete([{"role": "user", "content": args.query}])
        return await super().run(args, context)


def test_a_run_is_one_trace_from_its_client_to_its_models(tmp_path: Path, receiver: Any) -> None:
    with scripted_openai(Canned("yes")) as model:
        with live(tmp_path, tool=AsksAModel(model.setting), otel_endpoint=receiver.url) as client:
            client.headers["traceparent"] = PARENT
            run_id = chat(client, QUESTION)[0].data["run_id"]
        given_on = {headers["traceparent"] for headers in model.headers}
    # The server is closed: all spans were sent.
    ours = [span for span in receiver.spans if span.trace == TRACE]
    by_id = {span.id: span for span in ours}
    assert len(by_id) == len(ours)
    (request,) = receiver.named("POST /v1/chat")
    assert request.parent == "b7ad6b7169203331"
    assert request.attributes["http.route"] == "/v1/chat"
    assert request.attributes["http.response.status_code"] == 200
    (run,) = receiver.named("invoke_agent vidence")
    assert run.parent == request.id
    assert run.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert run.attributes["vidence.run.id"] == run_id
    assert run.attributes["vidence.run.status"] == "done"
    nodes = [span for span in ours if span.parent == run.id]
    assert {span.name for span in nodes} == NODES
    acts = {span.id for span in nodes if span.name == "act"}
    tools = receiver.named("execute_tool search_text")
    assert len(tools) == 3
    assert {span.parent for span in tools} == acts
    assert all(span.attributes["gen_ai.tool.name"] == "search_text" for span in tools)
    calls = receiver.named("chat scripted")
    assert len(calls) == 3
    assert {span.parent for span in calls} == {span.id for span in tools}
    assert all(span.attributes["gen_ai.request.model"] == "scripted" for span in calls)
    assert given_on == {f"00-{TRACE}-{span.id}-01" for span in calls}
    for span in (*nodes, *tools):
        assert run.start_ns <= span.start_ns <= span.end_ns <= run.end_ns
    assert set(receiver.paths) == {"/v1/traces"}
    assert receiver.resources[0]["service.name"] == "vidence"


@pytest.mark.parametrize(
    ("header", "sampler", "traced"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-00", "", False),  # the client does not want to be traced
        ("garbage", "", True),
        (f"00-{'0' * 32}-{'0' * 16}-01", "", True),
        ("", "always_off", False),
    ],
)
def test_who_is_traced_is_for_the_client_and_the_sampler_to_say(
    tmp_path: Path, receiver: Any, monkeypatch: pytest.MonkeyPatch, header: str, sampler: str, traced: bool
) -> None:
    if sampler:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    with live(tmp_path, otel_endpoint=receiver.url) as client:
        events = chat_with(client, {"traceparent": header} if header else {})
        assert events[-1].data["data"]["status"] == "done"
    runs = receiver.named("invoke_agent vidence")
    assert len(runs) == traced
    # Without a trace of its client's a run has one of its own, which all of its spans are in.
    assert len({span.trace for span in receiver.spans if "vidence.run.id" in span.attributes}) == traced
    assert TRACE not in {span.trace for span in receiver.spans}


def chat_with(client: Any, headers: dict[str, str]) -> list[Any]:
    client.headers.update(headers)
    return chat(client)


def test_no_text_of_anybodys_is_in_a_span(tmp_path: Path, receiver: Any) -> None:
    with live(tmp_path, otel_endpoint=receiver.url) as client:
        chat(client, QUESTION)
        client.get("/v1/runs/ada@example.org?key=secret-7")
    sent = b"".join(receiver.raw)
    assert b"POST /v1/chat" in sent
    for text in (b"Nightingale", b"ada@example.org", b"secret-7", b"The answer to"):
        assert text not in sent


def test_a_run_that_waited_for_a_reply_goes_on_in_its_trace(tmp_path: Path, receiver: Any) -> None:
    with live(tmp_path, otel_endpoint=receiver.url) as client:
        run_id = start(client, "ask me")["run_id"]
        assert ended(client, run_id)["status"] == "input_required"
    with live(tmp_path, otel_endpoint=receiver.url) as client:
        assert client.post(f"/v1/runs/{run_id}/resume", json={"reply": "a"}).status_code == 202
        assert ended(client, run_id)["status"] == "done"
    (run,) = receiver.named("invoke_agent vidence")
    begun = receiver.named("POST /v1/runs")[0]
    assert (run.trace, run.parent) == (begun.trace, begun.id)
    before = [span for span in receiver.named("intake") if span.parent == run.id]
    after = [span for span in receiver.named("respond") if span.parent == run.id]
    assert len(before) == len(after) == 1
    assert run.start_ns <= before[0].start_ns
    assert len({resource["service.instance.id"] for resource in receiver.resources}) == 2


def test_a_failed_run_and_its_failed_tools_say_so(tmp_path: Path, receiver: Any) -> None:
    class Away(FakeSearch):
        async def run(self, args: Any, context: Any) -> Any:
            raise VidenceError("unavailable", "The index of ada@example.org is away", help="Wait.")

    with live(tmp_path, tool=Away(), otel_endpoint=receiver.url) as client:
        chat(client)
        chat(client, "fail me")
    tools = receiver.named("execute_tool search_text")
    assert tools
    assert all(span.failed and span.attributes["error.type"] == "unavailable" for span in tools)
    runs = receiver.named("invoke_agent vidence")
    assert [(span.failed, span.attributes.get("error.type")) for span in runs] == [
        (False, None),
        (True, "invalid_input"),
    ]


@pytest.mark.parametrize("broken", ["away", "slow", "refuses"])
def test_a_dead_collector_neither_slows_nor_fails_a_run(tmp_path: Path, receiver: Any, broken: str) -> None:
    receiver.status, receiver.delay_s = (503, 0.0) if broken == "refuses" else (200, 30.0)
    url = "http://127.0.0.1:9" if broken == "away" else receiver.url
    with live(tmp_path, otel_endpoint=url) as client:
        for number in range(3):
            assert chat(client, f"What is {number}?")[-1].data["data"]["status"] == "done"
        stopped = time.monotonic()
    # It may be waited for at the end, for a while; the machine may be busy.
    assert time.monotonic() - stopped < traces.CLOSE_S + 15


def test_without_a_collector_nothing_is_traced_nor_given_on(tmp_path: Path, receiver: Any) -> None:
    with scripted_openai(Canned("yes")) as model:
        with live(tmp_path, tool=AsksAModel(model.setting)) as client:
            client.headers["traceparent"] = PARENT
            chat(client)
        assert not any("traceparent" in headers for headers in model.headers)
    assert receiver.spans == []


def test_the_standard_variables_turn_traces_on_and_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().otel_endpoint == ""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")
    assert load_settings().otel_endpoint == "http://collector:4318"
    monkeypatch.setenv("VIDENCE_OTEL_ENDPOINT", "http://ours:4318")
    assert load_settings().otel_endpoint == "http://ours:4318"
    monkeypatch.delenv("VIDENCE_OTEL_ENDPOINT")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4318/v1/traces")
    assert load_settings().otel_endpoint == "http://traces:4318"
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert load_settings().otel_endpoint == ""


def test_a_missing_package_is_named_when_the_server_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traces, "find_spec", lambda name: None)
    with pytest.raises(VidenceError) as caught:
        create_app(Settings(home=tmp_path, otel_endpoint="http://127.0.0.1:4318"))
    assert caught.value.kind == "unavailable"
    assert "vidence[otel]" in caught.value.help


def test_langsmith_without_a_key_is_named_when_the_server_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    with pytest.raises(VidenceError) as caught:
        create_app(load_settings())
    assert caught.value.kind == "invalid_input"
    assert "VIDENCE_LANGSMITH_API_KEY" in caught.value.help


def test_what_langsmith_gets_is_masked_to_the_last_leaf() -> None:
    values = {
        "question": "mail ada@example.org",
        "deep": [{"url": "data:image/png;base64,iVBORw0KGgo="}, ("x", b"pixels", 7, None)],
    }
    assert masked(values, Redactor()) == {
        "question": "mail [email]",
        "deep": [{"url": "[image]"}, ["x", "[6 bytes]", 7, None]],
    }


def test_a_text_that_langsmith_gets_is_cut_without_cutting_what_is_masked() -> None:
    from server.telemetry.langsmith import LONGEST, _short

    text = "x " * (LONGEST // 2 - 5) + "ada@example.org and more"
    sent = _short(Redactor())(text)
    assert len(sent) <= LONGEST
    assert "ada" not in sent
    assert "[email]" in sent


def langsmith(url: str, **more: Any) -> dict[str, Any]:
    return {"langsmith_endpoint": url, "langsmith_api_key": "lsv2_pt_plain", **more}


@pytest.fixture
def tap() -> Iterator[Any]:
    from tests.support.langsmith_tap import langsmith_tap

    with langsmith_tap() as found:
        yield found


def test_langsmith_gets_the_graph_masked_and_only_by_setting(
    tmp_path: Path, tap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with live(tmp_path / "off", **langsmith(tap.url)) as client:
        # LangChain's own variable alone sends nothing: the setting was read at the edge.
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", tap.url)
        monkeypatch.setenv("LANGSMITH_API_KEY", "lsv2_pt_plain")
        chat(client, QUESTION)
    assert tap.text() == ""
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    with live(tmp_path / "on", **langsmith(tap.url, langsmith_tracing=True)) as client:
        picture = io.BytesIO()
        Image.effect_noise((64, 64), 80).save(picture, "PNG")
        data = base64.b64encode(picture.getvalue()).decode()
        chat(client, QUESTION, images=[{"data_url": f"data:image/png;base64,{data}"}])
        until(lambda: "respond" in tap.text())
    text = tap.text()
    pixels = picture.getvalue()[100:160]
    assert not any(pixels in body for body in tap.bodies)
    assert data[100:160] not in text
    assert "Project Nightingale" in text
    assert "ada@example.org" not in text
    assert "[email]" in text
    assert "base64" not in text


def test_a_dead_langsmith_neither_slows_nor_fails_a_run(tmp_path: Path) -> None:
    options = langsmith("http://127.0.0.1:9", langsmith_tracing=True)
    with live(tmp_path, **options) as client:
        assert chat(client)[-1].data["data"]["status"] == "done"
