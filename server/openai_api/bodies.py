"""What OpenAI's clients send and get, as far as the agent can serve it.

Where we depart from the protocol, and why:

- the last user message is the question, with the newest images of the conversation; what was said before it
  is not read: an answer rests on evidence, not on what a conversation claims;
- system messages, temperature, seed, penalties and token limits are accepted and change nothing: the same
  question over the same evidence has one answer;
- what would change the form of an answer is refused by name instead of being ignored: tools, several choices,
  JSON formats, stop words, log probabilities, audio;
- streams send checked pieces only: what was sent as `content` cannot be taken back, and the check may keep
  none of a model's words. Asked for (`vidence.unchecked`), those come beside it, as `vidence` of a chunk;
- requests and answers carry a `vidence` object of their own: collections and the thread, and the citations.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.contracts import Blocked, Citation, InputRequired, ProfileName
from server.http.bodies import MAX_TEXT, Body, ThreadId
from server.runs.records import Status

MAX_MESSAGES = 1_000


class Lenient(BaseModel):
    """Base of what clients send: they add fields of other servers, which mean nothing here."""

    model_config = ConfigDict(extra="ignore", strict=True)


class ImageUrl(Lenient):
    """A data URL, or a public http or https address."""

    url: str


class Part(Lenient):
    """A piece of a message: text or an image; other types are refused."""

    type: str
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | None = None
    image_url: ImageUrl | None = None


class Message(Lenient):
    """A message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, StringConstraints(max_length=MAX_TEXT)] | list[Part] | None = None


class StreamOptions(Lenient):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None


class Extra(Body):
    """What the protocol has no words for; with the official client: `extra_body={"vidence": {...}}`."""

    profile: ProfileName | None = None
    collections: list[Annotated[str, StringConstraints(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=32
    )
    declared: list[Annotated[str, StringConstraints(max_length=200)]] = Field(
        default_factory=list, max_length=200
    )
    thread_id: ThreadId | None = Field(
        None, description="A conversation to go on with; when its run waits, the message is the reply."
    )
    cache: bool = Field(True, description="False answers anew, and keeps nothing.")
    unchecked: bool = Field(
        False, description="Stream a served model's words before the check too, beside the content."
    )


class ChatRequest(Lenient):
    """A chat completion to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "vidence", "messages": [{"role": "user", "content": "What is 15% of 80?"}]}
            ]
        },
    )

    model: str = Field(max_length=200)
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    stop: str | list[str] | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    vidence: Extra = Extra()


class Usage(BaseModel):
    """Tokens of the served models that the run asked; embedded ones count none."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Told(BaseModel):
    """What Vidence says beside the text."""

    run_id: str
    thread_id: str
    status: Status
    short_answer: str = ""
    confidence: float | None = None
    citations: list[Citation] = Field(default_factory=list)
    input_required: InputRequired | None = None
    cached_from: str | None = Field(None, description="The run that found this answer, when given again.")
    blocked: Blocked | None = None


class Said(BaseModel):
    """The agent's message."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: str | None = Field(None, description="Why a filter kept the answer back; also the content.")


class Choice(BaseModel):
    """The one choice there is."""

    index: Literal[0] = 0
    message: Said
    logprobs: None = None
    finish_reason: Literal["stop", "content_filter"] = "stop"


class Completion(BaseModel):
    """A chat completion."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    vidence: Told


class ModelFacts(BaseModel):
    """What answers behind a model's name."""

    version: str
    hash: str = Field(description="Of the models of all roles together.")
    stage: Literal["production"] = "production"
    profile: ProfileName | None = None
    roles: dict[str, str] = Field(description="The model of each role.")


class ModelCard(BaseModel):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: Literal["vidence"] = "vidence"
    vidence: ModelFacts


class ModelList(BaseModel):
    """The models that can be asked."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class ErrorBody(BaseModel):
    """Why a request failed, in the protocol's words."""

    message: str
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = None
    code: str | None = None


class ErrorReply(BaseModel):
    """The body of every failure."""

    error: ErrorBody
