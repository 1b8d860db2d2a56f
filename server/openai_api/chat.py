"""`POST /v1/chat/completions`: a run of the agent as one completion, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from sse_starlette.event import ServerSentEvent

from core.contracts import InputRequired, RunResult
from core.contracts import Usage as Spent
from core.errors import VidenceError
from server.context import ServerContext
from server.http.asking import result_of, wait_for_end
from server.http.caller import Caller
from server.http.deps import Asks, Context
from server.http.pictures import stored_all
from server.openai_api.bodies import ChatRequest, Choice, Completion, Said, Told, Usage
from server.openai_api.conversation import check_supported, question_of
from server.openai_api.failures import OpenAiRoute, described, documented
from server.openai_api.models import profile_of
from server.runs.records import Run, RunSpec
from server.stream.events import one_line
from server.stream.sse import Reader, RunStream

router = APIRouter(tags=["openai"], route_class=OpenAiRoute)


@router.post(
    "/chat/completions",
    response_model=Completion,
    responses={
        200: {
            "description": "Whole, or with `stream` in chunks.",
            "content": {"text/event-stream": {"schema": {}}},
        },
        **documented(400, 403, 404, 409, 413, 429, 500, 503, 504),
    },
)
async def complete(body: ChatRequest, request: Request, context: Context, caller: Asks) -> Any:
    """Answer the last user message; `stream` sends the answer in pieces. A client that leaves cancels."""
    check_supported(body)
    run, after = await _begin(body, context, caller)
    if body.stream:
        chunks = Chunks(run, after, body, context)
        gone = partial(context.manager.client_left, run)
        return RunStream(chunks.reader, context.streams, gone, chunks.frames())
    run = await wait_for_end(context, run, request)
    return _completion(run, body.model, await result_of(context, run))


async def _begin(body: ChatRequest, context: ServerContext, caller: Caller) -> tuple[Run, int]:
    """Start the run, or give the reply to the one that waits; return it and the last event before."""
    profile = body.vidence.profile or profile_of(body.model)
    question = question_of(body.messages)
    thread_id = body.vidence.thread_id or ""
    if thread_id:
        waiting = await context.ledger.runs(
            caller.owner, thread_id=thread_id, status="input_required", limit=1
        )
        if waiting:
            seen = (await context.log.read(waiting[0].run_id, 0, limit=1)).last_seq
            return await context.manager.resume(caller.owner, waiting[0].run_id, question.text), seen
    context.manager.check_accepting()
    spec = RunSpec(
        question=question.text,
        images=await stored_all(context, caller.owner, question.images),
        profile=profile,
        collections=tuple(body.vidence.collections),
        declared=tuple(body.vidence.declared),
        on_disconnect="cancel",
        cache=body.vidence.cache,
    )
    return await context.manager.submit(caller.owner, thread_id, spec), 0


def _completion(run: Run, model: str, result: RunResult) -> Completion:
    return Completion(
        id=f"chatcmpl-{run.run_id}",
        created=_seconds(run.created_at),
        model=model,
        choices=[_choice(result)],
        usage=_usage(result.usage),
        vidence=Told(
            run_id=run.run_id,
            thread_id=run.thread_id,
            status=run.status,
            short_answer=result.short_answer,
            confidence=result.confidence if run.ended else None,
            citations=list(result.citations),
            input_required=result.input_required,
            cached_from=result.cached_from,
            blocked=result.blocked,
        ),
    )


def _choice(result: RunResult) -> Choice:
    said = Said(content=_content(result), refusal=result.blocked.message if result.blocked else None)
    return Choice(message=said, finish_reason="content_filter" if result.blocked else "stop")


def _content(result: RunResult) -> str:
    if result.input_required is not None:
        return asked(result.input_required)
    return result.answer or result.abstain_reason


def asked(question: InputRequired) -> str:
    """Return a question to the user as text."""
    return "\n".join([question.question, *(f"- {option}" for option in question.options)])


def _usage(spent: Spent) -> Usage:
    return Usage(
        prompt_tokens=spent.tokens_in,
        completion_tokens=spent.tokens_out,
        total_tokens=spent.tokens_in + spent.tokens_out,
    )


def _seconds(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp())


class Chunks:
    """A run's events as chunks of a completion: the checked pieces of the answer, and how it ended."""

    def __init__(self, run: Run, after: int, body: ChatRequest, context: ServerContext) -> None:
        self.reader = Reader(run, after, context.log)
        self.run = run
        self._model = body.model
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{run.run_id}",
            "object": "chat.completion.chunk",
            "created": _seconds(run.created_at),
            "model": body.model,
        }
        self._usage = bool(body.stream_options and body.stream_options.include_usage)
        self._unchecked = body.vidence.unchecked
        self._context = context

    async def frames(self) -> AsyncIterator[ServerSentEvent]:
        """Yield the chunks, the last with `vidence`; then `[DONE]`, or an error and no more."""
        yield self._chunk({"role": "assistant", "content": ""})
        said = False
        async for event in self.reader.events():
            data = json.loads(event.body)["data"]
            if event.type == "answer.delta" and data["checked"]:
                said = True
                yield self._chunk({"content": data["text"]})
            elif event.type == "answer.delta" and self._unchecked:
                # Beside the content, where it can be taken back.
                yield self._chunk({}, vidence={"unchecked": data["text"], "at": data["at"]})
            elif event.type == "answer.final" and not said and data.get("abstain_reason"):
                yield self._chunk({"content": data["abstain_reason"]})
            elif event.type == "input.required":
                yield self._chunk({"content": asked(InputRequired.model_validate(data))})
        async for frame in self._ending():
            yield frame

    async def _ending(self) -> AsyncIterator[ServerSentEvent]:
        run = await self._context.ledger.get(self.run.run_id) or self.run
        try:
            whole = _completion(run, self._model, await result_of(self._context, run))
        except VidenceError as error:
            _, body = described(error)
            yield _sent({"error": body.model_dump()})
            return
        told = whole.vidence.model_dump(mode="json", exclude_none=True)
        yield self._chunk({}, finish=whole.choices[0].finish_reason, vidence=told)
        if self._usage:
            yield _sent({**self._head, "choices": [], "usage": whole.usage.model_dump()})
        yield ServerSentEvent(data="[DONE]")

    def _chunk(self, delta: dict[str, Any], *, finish: str | None = None, **more: Any) -> ServerSentEvent:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sent({**self._head, "choices": [choice], **more})


def _sent(body: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(data=one_line(body))
