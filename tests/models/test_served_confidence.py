"""A served model's confidence is its tokens', or marked as a guess."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models.chat import open_chat
from models.vlm import ServedVlm
from tests.support.scripted_openai import Canned, scripted_openai


def completion(text: str, tokens: list[tuple[str, float]] | None, finish: str = "stop") -> Canned:
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish,
    }
    if tokens is not None:
        listed = [{"token": token, "logprob": value, "top_logprobs": []} for token, value in tokens]
        choice["logprobs"] = {"content": listed}
    body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
    return Canned(raw=json.dumps(body).encode())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.new("RGB", (8, 8)).save(path)
    return path


async def look(image: Path, *script: Canned) -> tuple[Any, list[dict[str, Any]]]:
    with scripted_openai(*script) as server:
        chat = open_chat(server.setting, logprobs=True)
        return await ServedVlm(chat, "Look.").look([image], [], "what is it?"), server.requests


async def test_confidence_is_the_mean_probability_without_the_end_of_the_turn(image: Path) -> None:
    tokens = [("blue", math.log(0.81)), (" circle", math.log(0.49)), ("<|im_end|>", math.log(0.01))]
    reply, requests = await look(image, completion("blue circle", tokens))
    assert reply.confidence == pytest.approx(0.63)
    assert reply.measured
    assert requests[0]["logprobs"] is True
    assert [part["type"] for part in requests[0]["messages"][-1]["content"]] == ["image_url", "text"]


async def test_a_server_that_lists_no_end_token_keeps_its_last_word(image: Path) -> None:
    reply, _ = await look(image, completion("blue", [("blue", math.log(0.25))]))
    assert reply.confidence == pytest.approx(0.25)


async def test_a_server_without_log_probabilities_gives_a_guess_that_is_marked(image: Path) -> None:
    reply, _ = await look(image, completion("blue", None))
    assert (reply.confidence, reply.measured) == (0.5, False)


async def test_a_server_that_refuses_log_probabilities_is_asked_without(image: Path) -> None:
    reply, requests = await look(image, Canned(status=400), completion("blue", None))
    assert reply.answer == "blue"
    assert not reply.measured
    assert "logprobs" not in requests[1]
