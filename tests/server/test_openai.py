"""The official OpenAI client and LangChain's against the server."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from PIL import Image

from tests.support.live_server import SlowSearch, live, until


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with live(tmp_path_factory.mktemp("server")) as client:
        yield client


@pytest.fixture
def client(server: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


def user(content: Any) -> Any:
    return [{"role": "user", "content": content}]


def picture() -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "PNG")
    data = base64.b64encode(file.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_a_completion_is_the_checked_answer_with_its_citations(client: openai.OpenAI) -> None:
    done = client.chat.completions.create(model="vidence", messages=user("What is it?"), temperature=0.7)
    assert done.object == "chat.completion"
    assert done.choices[0].finish_reason == "stop"
    assert "42" in (done.choices[0].message.content or "")
    assert done.usage is not None
    assert done.usage.total_tokens == 0
    assert done.model_extra is not None
    told = done.model_extra["vidence"]
    assert told["status"] == "done"
    assert told["citations"][0]["source"] == "fake.md"
    assert done.id == f"chatcmpl-{told['run_id']}"


def test_a_stream_joins_to_the_same_answer_and_ends_with_usage(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="vidence", messages=user("What is it?"))
    chunks = list(
        client.chat.completions.create(
            model="vidence",
            messages=user("What is it?"),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[0].choices[0].delta.role == "assistant"
    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert said == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert len({chunk.id for chunk in chunks}) == 1


def test_images_of_an_earlier_message_stay_in_the_conversation(
    client: openai.OpenAI, server: httpx.Client
) -> None:
    first = user([{"type": "text", "text": "What is it?"}, picture()])
    later: Any = [*first, {"role": "assistant", "content": "Red."}, *user("And now?")]
    done = client.chat.completions.create(model="vidence", messages=later)
    assert done.model_extra is not None
    run = server.get(f"/v1/runs/{done.model_extra['vidence']['run_id']}").json()
    assert run["question"] == "And now?"
    assert len(run["images"]) == 1


def test_a_model_name_picks_the_profile(client: openai.OpenAI, server: httpx.Client) -> None:
    done = client.chat.completions.create(model="vidence-medical", messages=user("What is it?"))
    assert done.model_extra is not None
    run = server.get(f"/v1/runs/{done.model_extra['vidence']['run_id']}").json()
    assert run["result"]["profile"] == "medical"


def test_models_are_listed_and_an_unknown_one_is_not_found(client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert {"vidence", "vidence-medical"} <= {model.id for model in listed}
    facts = client.models.retrieve("vidence").model_extra
    assert facts is not None
    assert facts["vidence"]["hash"]
    assert facts["vidence"]["version"]
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4")
    with pytest.raises(openai.NotFoundError) as refused:
        client.chat.completions.create(model="gpt-4", messages=user("What is it?"))
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_a_body_that_is_too_large_is_told_in_the_protocols_shape(tmp_path: Path) -> None:
    body = {"model": "vidence", "messages": user("a" * 2_000)}
    with live(tmp_path, server_max_body_bytes=1_000) as server:
        told = server.post("/v1/chat/completions", json=body)
        counted = server.post(
            "/v1/chat/completions",
            content=iter([told.request.content]),
            headers={"content-type": "application/json"},
        )
        for reply in (told, counted):
            assert reply.status_code == 413
            error = reply.json()["error"]
            assert (error["type"], error["code"]) == ("invalid_request_error", "too_large")
            assert "VIDENCE_SERVER_MAX_BODY_BYTES" in error["message"]


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("n", 2),
        ("tools", [{"type": "function", "function": {"name": "f", "parameters": {}}}]),
        ("response_format", {"type": "json_object"}),
        ("stop", ["."]),
        ("logprobs", True),
    ],
)
def test_what_would_change_the_answers_form_is_refused_by_name(
    client: openai.OpenAI, param: str, value: Any
) -> None:
    options: dict[str, Any] = {param: value}
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="vidence", messages=user("What is it?"), **options)
    assert caught.value.param == param
    assert caught.value.code == "unsupported_parameter"


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "system", "content": "You are kind."}],
        user("  "),
        [*user("What is it?"), {"role": "assistant", "content": "Red."}],
        user([{"type": "text", "text": "a"}, {"type": "input_audio", "input_audio": {"data": "AA"}}]),
        user(
            [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "data:text/plain,x"}}]
        ),
        user([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "x" * 3000}}]),
    ],
)
def test_a_bad_conversation_is_a_bad_request(client: openai.OpenAI, messages: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="vidence", messages=messages)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.message


def test_a_private_address_of_an_image_is_refused(client: openai.OpenAI) -> None:
    content = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "http://127.0.0.1/a.png"}},
    ]
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="vidence", messages=user(content))


def test_a_question_back_is_told_and_the_next_message_of_the_thread_answers_it(client: openai.OpenAI) -> None:
    extra = {"vidence": {"thread_id": "t1"}}
    asked = client.chat.completions.create(
        model="vidence", messages=user("ask me something"), extra_body=extra
    )
    assert asked.choices[0].message.content == "Which one?\n- a\n- b"
    done = client.chat.completions.create(model="vidence", messages=user("a"), extra_body=extra)
    assert asked.model_extra is not None
    assert done.model_extra is not None
    assert done.model_extra["vidence"]["run_id"] == asked.model_extra["vidence"]["run_id"]
    assert done.model_extra["vidence"]["status"] == "done"


def test_a_question_back_is_streamed_and_its_reply_streams_the_rest_only(client: openai.OpenAI) -> None:
    def said(text: str) -> str:
        chunks = client.chat.completions.create(
            model="vidence",
            messages=user(text),
            stream=True,
            extra_body={"vidence": {"thread_id": "t2"}},
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    assert said("ask me something").startswith("Which one?")
    assert "42" in (answer := said("b"))
    assert "Which one?" not in answer


def test_a_client_that_leaves_cancels_its_run(tmp_path: Path) -> None:
    with live(tmp_path, tool=SlowSearch(5.0)) as server:
        base = f"{server.base_url}/v1"
        with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
            stream = client.chat.completions.create(
                model="vidence", messages=user("What is it?"), stream=True
            )
            next(iter(stream))
            stream.close()
            with pytest.raises(openai.APITimeoutError):
                client.with_options(timeout=0.5).chat.completions.create(
                    model="vidence", messages=user("What is it?")
                )
        runs = until(
            lambda: all(run["status"] == "cancelled" for run in server.get("/v1/runs").json()["runs"])
        )
        assert runs
        assert len(server.get("/v1/runs").json()["runs"]) == 2


def test_a_failed_run_is_an_error_in_both_forms(tmp_path: Path) -> None:
    class Broken:
        name = "broken"

        async def plan(self, view: Any) -> Any:
            raise ValueError("secret detail")

    with live(tmp_path, planner=Broken()) as server:
        base = f"{server.base_url}/v1"
        with openai.OpenAI(base_url=base, api_key="none", max_retries=0) as client:
            with pytest.raises(openai.InternalServerError) as caught:
                client.chat.completions.create(model="vidence", messages=user("What is it?"))
            assert "secret" not in caught.value.message
            with pytest.raises(openai.APIError, match="unexpected"):
                list(
                    client.chat.completions.create(model="vidence", messages=user("What is it?"), stream=True)
                )


def test_langchains_chat_model_invokes_and_streams(server: httpx.Client) -> None:
    from langchain_core.messages import HumanMessage, SystemMessage
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    model = ChatOpenAI(
        model="vidence", base_url=f"{server.base_url}/v1", api_key=SecretStr("none"), max_retries=0
    )
    asked = [SystemMessage("Be brief."), HumanMessage([{"type": "text", "text": "What is it?"}, picture()])]
    whole = model.invoke(asked)
    assert "42" in str(whole.content)
    pieces = [str(chunk.content) for chunk in model.stream(asked)]
    assert "".join(pieces) == whole.content
