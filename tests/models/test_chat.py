import asyncio
import os

import pytest
from pydantic import BaseModel

from core.errors import VidenceError
from models.chat import InvalidReplyError, OpenAIChat, open_chat
from tests.support.scripted_openai import Canned, scripted_openai

ASK = [{"role": "user", "content": "Say hello."}]


class Answer(BaseModel):
    value: int


def client(server, **options):
    return OpenAIChat(server.url + "/v1", "scripted", max_retries=0, **options)


async def test_a_reply_carries_its_text_and_what_it_cost():
    with scripted_openai(Canned("hello")) as server:
        reply = await open_chat(server.setting).complete(ASK)
    assert (reply.text, reply.tokens_in, reply.tokens_out) == ("hello", 11, 7)
    assert server.requests[0]["model"] == "scripted"
    assert server.requests[0]["temperature"] == 0.0


@pytest.mark.parametrize("content", [{"value": 3}, '```json\n{"value": 3}\n```'])
async def test_structured_output_is_asked_for_and_checked(content):
    with scripted_openai(Canned(content)) as server:
        reply = await client(server).complete(ASK, Answer)
    assert reply.parsed == Answer(value=3)
    assert server.requests[0]["response_format"]["json_schema"]["schema"]["required"] == ["value"]


@pytest.mark.parametrize(
    "canned",
    [
        Canned("I would say three."),
        Canned({"value": "three"}),
        Canned({"value": 3}, finish_reason="length"),
        Canned(""),
    ],
)
async def test_a_reply_outside_the_schema_is_an_invalid_reply_that_keeps_its_cost(canned):
    with scripted_openai(canned) as server, pytest.raises(InvalidReplyError) as caught:
        await client(server).complete(ASK, Answer)
    assert caught.value.reply.tokens_out == 7


@pytest.mark.parametrize(
    ("canned", "kind"),
    [
        (Canned(status=429), "rate_limited"),
        (Canned(status=500), "unavailable"),
        (Canned(status=503), "unavailable"),
        (Canned(status=404), "unavailable"),
        (Canned(status=401), "blocked"),
        (Canned(status=400), "invalid_input"),
        (Canned(raw=b"<html>not an API</html>"), "unavailable"),
        (Canned(raw=b"{}"), "unavailable"),
    ],
)
async def test_every_failure_of_the_server_has_its_kind(canned, kind):
    with scripted_openai(canned) as server, pytest.raises(VidenceError) as caught:
        await client(server).complete(ASK)
    assert caught.value.kind == kind


async def test_a_call_does_not_block_the_event_loop(no_blocking):
    with scripted_openai(Canned("hello")) as server:
        assert (await client(server).complete(ASK)).text == "hello"


async def test_a_slow_server_is_a_timeout():
    with scripted_openai(Canned("late", delay_s=1.0)) as server, pytest.raises(VidenceError) as caught:
        await client(server, timeout_s=0.1).complete(ASK)
    assert caught.value.kind == "timeout"
    assert "VIDENCE_MODEL_TIMEOUT_S" in caught.value.help


async def test_no_server_is_unavailable():
    chat = OpenAIChat("http://127.0.0.1:9/v1", "none", max_retries=0)
    with pytest.raises(VidenceError) as caught:
        await chat.complete(ASK)
    assert caught.value.kind == "unavailable"


async def test_a_busy_server_is_asked_once_more():
    with scripted_openai(Canned(status=503), Canned("hello")) as server:
        reply = await open_chat(server.setting).complete(ASK)
    assert reply.text == "hello"


async def test_an_image_travels_as_a_data_url_and_never_as_an_address():
    def message(url):
        return [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]

    with scripted_openai(Canned("seen")) as server:
        await client(server).complete(message("data:image/png;base64,AAAA"))
        with pytest.raises(VidenceError) as caught:
            await client(server).complete(message("https://example.org/a.png"))
    assert caught.value.kind == "invalid_input"
    assert len(server.requests) == 1


async def test_a_streamed_reply_is_told_in_pieces_and_is_the_same_reply():
    said: list[str] = []
    with scripted_openai(Canned({"value": 3})) as server:
        whole = await client(server).complete(ASK, Answer)
        streamed = await client(server).complete(ASK, Answer, on_text=said.append)
    assert streamed == whole
    assert "".join(said) == whole.text
    assert len(said) > 1
    assert server.requests[1]["stream_options"] == {"include_usage": True}
    assert {**server.requests[1], "stream": None, "stream_options": None} == {
        **server.requests[0],
        "stream": None,
        "stream_options": None,
    }


async def test_a_server_that_refuses_to_stream_is_asked_for_the_whole():
    said: list[str] = []
    with scripted_openai(Canned(status=400), Canned("hello")) as server:
        reply = await client(server).complete(ASK, on_text=said.append)
        assert (reply.text, said) == ("hello", list(server.sent)), "the second request asked for no stream"
    assert [request.get("stream") for request in server.requests] == [True, None]


async def test_a_stream_that_breaks_off_is_no_reply():
    with scripted_openai(Canned("hello there", cut_after=2)) as server, pytest.raises(VidenceError) as caught:
        await client(server).complete(ASK, on_text=lambda text: None)
    assert caught.value.kind == "unavailable"


async def test_a_stream_that_drips_is_a_timeout_as_a_whole():
    with (
        scripted_openai(Canned("x" * 4000, pace_s=0.05)) as server,
        pytest.raises(VidenceError) as caught,
    ):
        await client(server, timeout_s=0.5).complete(ASK, on_text=lambda text: None)
    assert caught.value.kind == "timeout"


async def test_a_cancelled_call_closes_the_models_stream():
    begun = asyncio.Event()
    with scripted_openai(Canned("x" * 4000, pace_s=0.05)) as server:
        call = asyncio.create_task(client(server).complete(ASK, on_text=lambda text: begun.set()))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(server.left.wait, 20)
    assert len(server.sent) < 1000, "the model stopped in the middle"


@pytest.mark.parametrize("value", ["embedded", "openai:", "openai:http://x/v1", "http://x/v1#m"])
def test_a_setting_of_another_form_is_refused(value):
    with pytest.raises(VidenceError):
        open_chat(value)


@pytest.mark.server
async def test_a_real_server_answers():
    value = os.environ.get("VIDENCE_TEST_OPENAI")
    if not value:
        pytest.skip("set VIDENCE_TEST_OPENAI=openai:BASE_URL#MODEL to a running server")
    reply = await open_chat(value, timeout_s=120).complete(ASK)
    assert reply.text
    assert reply.tokens_out > 0
