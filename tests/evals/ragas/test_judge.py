"""The judge: asked once for each content, so many at a time, and never trusted to answer well or at all."""

import asyncio
import json

import pytest
from pydantic import BaseModel

from core.contracts import ModelRef
from core.errors import VidenceError
from core.settings import Settings
from evals.ragas.judge import FAILURES, WAITS_S, RagasJudge
from evals.ragas.scorers import open_judge
from evals.run.cache import OutputCache
from models.chat import ChatReply, InvalidReplyError
from tests.support.scripted_openai import Canned, scripted_openai

REF = ModelRef(name="m", hash="h")


class Verdict(BaseModel):
    verdict: int


class Chat:
    """Replies from a list; the last one repeats. An error is raised."""

    name = "m"

    def __init__(self, *script, delay_s=0.0):
        self.script, self.delay_s = list(script), delay_s
        self.asked, self.busy, self.most = [], 0, 0

    async def complete(self, messages, schema=None):
        self.asked.append((messages, schema))
        self.busy += 1
        self.most = max(self.most, self.busy)
        await asyncio.sleep(self.delay_s)
        self.busy -= 1
        said = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(said, Exception):
            raise said
        reply = ChatReply(text=said, tokens_in=5, tokens_out=1)
        if schema is None:
            return reply
        try:
            return reply.model_copy(update={"parsed": schema.model_validate_json(said)})
        except ValueError as error:
            raise InvalidReplyError("not JSON", reply) from error


GOOD = '{"verdict": 1}'


def failure(kind):
    return VidenceError(kind, kind, retryable=True)


async def no_sleep(seconds):
    waited.append(seconds)


waited: list[float] = []


@pytest.fixture(autouse=True)
def nothing_waited():
    waited.clear()


def judge(chat, **more):
    return RagasJudge(chat, REF, **{"sleep": no_sleep, **more})


@pytest.fixture
def cache(tmp_path):
    found = OutputCache(tmp_path / "c.sqlite")
    yield found
    found.close()


async def test_the_same_prompt_is_asked_once_and_kept_by_content_and_model(cache):
    chat = Chat(GOOD)
    first = judge(chat, cache=cache)
    await asyncio.gather(*(first.agenerate("p", Verdict) for _ in range(5)))
    assert len(chat.asked) == 1
    assert (await judge(chat, cache=cache).agenerate("p", Verdict)).verdict == 1
    assert len(chat.asked) == 1, "kept for the next process"
    await judge(chat, cache=cache).agenerate("q", Verdict)
    other = RagasJudge(chat, ModelRef(name="m", hash="other"), cache=cache)
    await other.agenerate("p", Verdict)
    assert len(chat.asked) == 3
    assert (first.asked.calls, first.asked.kept) == (1, 4)


async def test_no_more_requests_at_a_time_than_allowed():
    chat = Chat(GOOD, delay_s=0.01)
    asked = judge(chat, at_once=3)
    await asyncio.gather(*(asked.agenerate(f"p{n}", Verdict) for n in range(12)))
    assert (chat.most, len(chat.asked)) == (3, 12)


async def test_a_reply_that_does_not_fit_is_shown_to_the_model_once(cache):
    chat = Chat("hm", GOOD)
    assert (await judge(chat, cache=cache).agenerate("p", Verdict)).verdict == 1
    assert [one["role"] for one in chat.asked[1][0]] == ["user", "assistant", "user"]
    hopeless = Chat("hm")
    with pytest.raises(VidenceError) as raised:
        await judge(hopeless, cache=cache).agenerate("q", Verdict)
    assert raised.value.kind == "internal"
    assert len(hopeless.asked) == 2


async def test_a_failure_is_never_kept(cache):
    chat = Chat(failure("timeout"), GOOD)
    asked = judge(chat, cache=cache)
    with pytest.raises(VidenceError, match="timeout"):
        await asked.agenerate("p", Verdict)
    assert (await asked.agenerate("p", Verdict)).verdict == 1


async def test_a_server_that_limits_requests_is_waited_for_and_not_for_ever():
    chat = Chat(failure("rate_limited"), failure("rate_limited"), GOOD)
    await judge(chat).agenerate("p", Verdict)
    assert waited == list(WAITS_S[:2])
    waited.clear()
    with pytest.raises(VidenceError) as raised:
        await judge(Chat(failure("rate_limited"))).agenerate("p", Verdict)
    assert raised.value.kind == "rate_limited"
    assert waited == list(WAITS_S)


async def test_a_server_that_refuses_schemas_is_asked_without():
    chat = Chat(failure("invalid_input"), f"Sure: {GOOD} there", f"```json\n{GOOD}\n```")
    asked = judge(chat)
    assert (await asked.agenerate("p", Verdict)).verdict == 1
    assert (await asked.agenerate("q", Verdict)).verdict == 1
    assert [schema for _, schema in chat.asked] == [Verdict, None, None], "remembered"


async def test_a_server_that_keeps_failing_is_left_alone():
    chat = Chat(failure("unavailable"))
    asked = judge(chat, cool_s=60)
    for number in range(20):
        with pytest.raises(VidenceError) as raised:
            await asked.agenerate(f"p{number}", Verdict)
        assert raised.value.kind == "unavailable"
    assert len(chat.asked) == FAILURES
    assert "--retry-errors" in raised.value.help


async def test_after_a_pause_one_request_tries_the_server_and_the_others_wait_for_it():
    chat = Chat(*[failure("timeout")] * FAILURES, GOOD, delay_s=0.01)
    asked = judge(chat, cool_s=0.0, at_once=8)
    for number in range(FAILURES):
        with pytest.raises(VidenceError):
            await asked.agenerate(f"p{number}", Verdict)
    chat.most = 0
    trial = asyncio.gather(*(asked.agenerate(f"q{number}", Verdict) for number in range(8)))
    await asyncio.sleep(0.005)
    assert len(chat.asked) == FAILURES + 1
    assert [one.verdict for one in await trial] == [1] * 8


async def test_replies_that_do_not_fit_do_not_count_against_the_server():
    chat = Chat("hm")
    asked = judge(chat, cool_s=60)
    for number in range(2 * FAILURES):
        with pytest.raises(VidenceError) as raised:
            await asked.agenerate(f"p{number}", Verdict)
        assert raised.value.kind == "internal"


def test_there_is_no_default_judge_in_the_cloud(tmp_path):
    assert Settings().judge == "embedded"
    with pytest.raises(VidenceError) as raised:
        open_judge(Settings(home=tmp_path))
    assert raised.value.kind == "invalid_input"
    assert "VIDENCE_JUDGE" in raised.value.help


@pytest.mark.parametrize(
    ("canned", "kind"),
    [
        (Canned(status=429), "rate_limited"),
        (Canned(status=500), "unavailable"),
        (Canned(status=401), "blocked"),
        (Canned(raw=b"<html>"), "unavailable"),
        (Canned("not JSON at all"), "internal"),
        (Canned(GOOD, finish_reason="length"), "internal"),
        (Canned(""), "internal"),
        (Canned(GOOD, delay_s=1.0), "timeout"),
    ],
)
async def test_what_goes_wrong_with_a_served_judge_has_a_kind(tmp_path, monkeypatch, canned, kind):
    monkeypatch.setattr("evals.ragas.judge.WAITS_S", (0.0,))
    with scripted_openai(canned) as server:
        settings = Settings(home=tmp_path, judge=server.setting, model_timeout_s=0.5)
        with pytest.raises(VidenceError) as raised:
            await open_judge(settings).agenerate("p", Verdict)
    assert raised.value.kind == kind


async def test_a_served_judge_gets_the_schema_and_answers(tmp_path):
    with scripted_openai(Canned({"verdict": 0})) as server:
        settings = Settings(home=tmp_path, judge=server.setting)
        assert (await open_judge(settings).agenerate("p", Verdict)).verdict == 0
    request = server.requests[0]
    assert request["response_format"]["json_schema"]["name"] == "Verdict"
    assert request["temperature"] == 0.0
    assert "127.0.0.1" not in json.dumps(request)
