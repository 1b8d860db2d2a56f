"""From a conversation to a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from core.errors import invalid_input
from server.http.bodies import ImageSource
from server.openai_api.bodies import ChatRequest, Message, Part
from server.openai_api.failures import unsupported


@dataclass(frozen=True)
class Question:
    """What a conversation asks."""

    text: str
    images: tuple[ImageSource, ...]


def question_of(messages: Sequence[Message]) -> Question:
    """Return the last user message, with its images or else those of the newest message that has some.

    Raises:
        VidenceError: `invalid_input` when nobody asks anything.
        ParameterRefused: for parts that are neither text nor image.
    """
    asked = [message for message in messages if message.role == "user"]
    if not asked or messages[-1].role in ("assistant", "tool", "function"):
        raise invalid_input(
            "The conversation does not end with a user message", help="Put the question last, as `user`."
        )
    text = _text(asked[-1])
    if not text.strip():
        raise invalid_input("The question is empty", help="Say what you want to know, as text.")
    for message in reversed(asked):
        images = _images(message)
        if images:
            return Question(text, images)
    return Question(text, ())


def check_supported(body: ChatRequest) -> None:
    """Raise `ParameterRefused` for what would change the form of the answer."""
    if body.n not in (None, 1):
        raise unsupported("n", "there is one checked answer to a question", "Leave it out.")
    if (body.tools or body.functions) and body.tool_choice != "none":
        name = "tools" if body.tools else "functions"
        raise unsupported(name, "the agent calls its own tools", "Leave them out.")
    if body.response_format and body.response_format.get("type") != "text":
        raise unsupported(
            "response_format", "answers are sentences", "Read `vidence.short_answer` for the bare value."
        )
    if body.stop:
        raise unsupported("stop", "a cut answer would not be the one that was checked", "Leave it out.")
    if body.logprobs:
        raise unsupported("logprobs", "answers are checked, not sampled", "Read `vidence.confidence`.")
    if body.modalities and body.modalities != ["text"]:
        raise unsupported("modalities", "answers are text", "Leave it out.")


def _parts(message: Message) -> list[Part]:
    if isinstance(message.content, str):
        return [Part(type="text", text=message.content)]
    return message.content or []


def _text(message: Message) -> str:
    return "\n".join(part.text or "" for part in _parts(message) if part.type == "text")


def _images(message: Message) -> tuple[ImageSource, ...]:
    found = []
    for part in _parts(message):
        if part.type == "image_url" and part.image_url is not None:
            found.append(_image(part.image_url.url))
        elif part.type != "text":
            raise unsupported("messages", f"parts of type `{part.type}`", "Send `text` and `image_url`.")
    return tuple(found)


def _image(url: str) -> ImageSource:
    try:
        return ImageSource(data_url=url) if url.startswith("data:") else ImageSource(url=url)
    except ValidationError as error:
        raise invalid_input(
            f"The address of an image: {error.errors()[0]['msg']}", help="Send a data URL instead."
        ) from None
