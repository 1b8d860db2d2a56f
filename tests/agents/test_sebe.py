"""Re-selection against the question and its images."""

from __future__ import annotations

import numpy as np
import pytest

from agents.reselect import keep_best
from agents.sebe import ImageView, aligned_scores, information_in
from agents.sebe_chat import select
from core.contracts import Evidence
from models.chat import open_chat
from tests.support.hash_embedder import HashEmbedder
from tests.support.scripted_openai import Canned, scripted_openai

PASSAGES = (
    "The ferry carried 900 passengers across the strait.",
    "Rainfall in Lisbon reached 774 mm in a wet year.",
    "Bicycle sales grew in every quarter.",
)


def best(scores):
    return int(np.argmax(scores))


def test_what_is_written_in_the_image_decides_where_the_question_names_nothing():
    scores = [0.3, 0.3, 0.3]
    view = ImageView("Annual rainfall in Lisbon\n774\n612")
    assert best(aligned_scores(PASSAGES, scores, [view], HashEmbedder())) == 1


def test_what_the_pixels_mean_decides_where_nothing_is_written():
    embedder = HashEmbedder()
    [meaning] = embedder.embed(["a person riding a bicycle"])
    assert best(aligned_scores(PASSAGES, [0.3, 0.3, 0.3], [ImageView("", meaning)], embedder)) == 2


def test_a_passage_may_bear_on_any_of_several_images():
    views = [ImageView("Ferry passengers 900"), ImageView("Bicycle sales quarter")]
    scores = aligned_scores(PASSAGES, [0.3, 0.3, 0.3], views, HashEmbedder())
    assert min(scores[0], scores[2]) > scores[1]


def test_a_passage_that_answers_the_question_far_better_stays_first():
    view = ImageView("Annual rainfall in Lisbon 774")
    assert best(aligned_scores(PASSAGES, [0.95, 0.1, 0.1], [view], HashEmbedder())) == 0


def test_nothing_known_of_the_image_changes_nothing():
    assert aligned_scores(PASSAGES, [0.2, 0.1, 0.3], [ImageView("  ")], HashEmbedder()) == [0.2, 0.1, 0.3]
    assert aligned_scores([], [], [ImageView("x")], HashEmbedder()) == []


def test_rare_words_of_a_passage_weigh_more_than_those_that_every_passage_has():
    shares = information_in(["report ferry", "report bicycle", "report rain"], "report ferry")
    assert shares[0] == pytest.approx(1.0)
    assert shares[1] < 0.5


def test_keeping_the_best_leaves_what_was_read_from_images_and_the_order():
    pieces = [Evidence(kind="passage", source=f"{n}.md", content=text) for n, text in enumerate(PASSAGES)]
    read = Evidence(kind="ocr", source="a.png", content="Rainfall")
    kept = keep_best([pieces[0], read, *pieces[1:]], {p.id: float(n) for n, p in enumerate(pieces)}, 2)
    assert kept == [read, pieces[1], pieces[2]]


async def choose(*script):
    with scripted_openai(*script) as server:
        chosen = await select(
            open_chat(server.setting), "What is this?", ["data:image/png;base64,AA=="], PASSAGES
        )
        return chosen, server.requests


async def test_a_chat_model_sees_question_image_and_fenced_passages_and_orders_them():
    chosen, [request] = await choose(Canned({"keep": [3, 3, 9, 1]}))
    assert chosen.order == [2, 0, 1]
    assert chosen.usage["llm_calls"] == 1
    parts = request["messages"][1]["content"]
    assert parts[1]["image_url"]["url"].startswith("data:image/png")
    assert parts[0]["text"].count("<untrusted>") == 3


@pytest.mark.parametrize(
    ("canned", "kind"), [(Canned(status=500), "unavailable"), (Canned("no json"), "invalid_input")]
)
async def test_a_chat_model_that_fails_leaves_the_order_and_says_so(canned, kind):
    chosen, _ = await choose(canned)
    assert chosen.order == [0, 1, 2]
    [step] = chosen.steps
    assert not step["ok"]
    assert step["tool"] == "reselect"


async def test_a_chat_model_that_names_nothing_leaves_the_order():
    chosen, _ = await choose(Canned({"keep": []}))
    assert chosen.order == [0, 1, 2]
    assert chosen.steps == []
