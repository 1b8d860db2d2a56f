import re
import time

import numpy as np
import pytest

from agents.cues import CUES, MODALITY_CUES
from agents.heads import MODEL, load_heads, read_examples
from agents.router import ACTIONS, RouteContext, Router, modalities
from evals.suites.routing import read_rows

ROWS = read_rows()


def route(question, **context):
    return Router().route(question, RouteContext(**context)).action


class OtherModel:
    name = "another-model"

    def embed(self, texts):
        return np.ones((len(texts), 3), dtype=np.float32)


def test_the_same_words_lead_elsewhere_in_another_context():
    question = "What is the value for June?"
    assert route(question, images=1, kinds=("chart",)) == "read_chart"
    assert route(question, images=1, kinds=("document",)) == "read"
    assert route(question, collections=("reports",)) == "search_text"
    assert route(question) == "abstain"


def test_nothing_looks_at_an_image_that_is_not_there():
    scores = Router().route("What colour is the car?", RouteContext(collections=("docs",))).scores
    assert all(scores[action] == 0 for action in ("look", "read", "read_chart", "compare_images"))


def test_a_question_about_a_missing_image_asks_for_it():
    assert route("What is in this picture?") == "ask_user"
    assert route("What is in this picture?", collections=("docs",)) == "ask_user"


def test_two_images_and_it_needs_the_user_but_one_does_not():
    assert route("What does it say?", images=2, kinds=("document", "document")) == "ask_user"
    assert route("What does it say?", images=1, kinds=("document",)) == "read"


def test_a_profile_never_routes_to_what_it_does_not_allow():
    scores = Router().route("Search PubMed for statins", RouteContext(profile="inspection")).scores
    assert scores["search_pubmed"] == 0


def test_scores_are_probabilities_and_repeat_exactly():
    context = RouteContext(images=1, kinds=("photo",), collections=("docs",))
    first = Router().route("Is the valve open?", context)
    again = Router().route("Is the valve open?", context)
    assert first == again
    assert sum(first.scores.values()) == pytest.approx(1.0)
    assert set(first.scores) == set(ACTIONS)


def test_rules_alone_take_few_milliseconds_at_most():
    router, context = Router(), RouteContext(collections=("docs",))
    times = []
    for place in range(30):
        start = time.perf_counter()
        router.route(f"How long does the warranty of widget {place} last?", context)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.004


def test_a_pasted_book_does_not_hold_up_the_rules():
    start = time.process_time()  # what it costs, however busy the machine is
    Router().route("what is the of that who or and " * 4000, RouteContext(images=1))
    assert time.process_time() - start < 1.0


def test_rules_alone_reach_the_target_on_the_fixed_paraphrases():
    right = total = 0
    for row in ROWS:
        given = row["context"]
        kind = given["image_kind"]
        context = RouteContext(
            given["images"],
            () if kind == "none" else (kind,) * given["images"],
            tuple(given["collections"]),
            given["profile"],
        )
        for text in row["paraphrases"]:
            right += Router().route(text, context).action == row["action"]
            total += 1
    assert total == 120
    assert right / total >= 0.85


def test_another_embedding_model_leaves_the_decision_to_the_rules():
    context = RouteContext(collections=("docs",))
    question = "Who approves purchase orders?"
    assert Router(OtherModel).route(question, context) == Router().route(question, context)
    assert Router(OtherModel).modalities(question) == modalities(question)


def test_the_examples_share_no_question_with_the_benchmark():
    def plain(text):
        return re.sub(r"\W+", " ", text.lower()).strip()

    fixed = {plain(text) for row in ROWS for text in (row["question"], *row["paraphrases"])}
    written = {plain(text) for name in ("intents", "modalities") for _, text in read_examples(name)}
    assert not fixed & written


def test_the_shipped_heads_fit_the_cues_they_are_used_with():
    heads = load_heads()
    assert heads["intent"].weights.shape == (12, 384 + len(CUES))
    assert heads["modality"].weights.shape == (3, 384 + len(MODALITY_CUES))


@pytest.mark.parametrize(
    ("question", "needed"),
    [
        ("What is on the logo of the club?", {"image"}),
        ("How many points did the team have in the 1987 season?", {"table"}),
        ("Why was the bridge rebuilt?", {"text"}),
        ("Which film of the 1999 season has a dog on its poster?", {"image", "table"}),
    ],
)
def test_modalities_follow_what_the_words_ask_for(question, needed):
    assert modalities(question) == needed


def test_the_heads_reach_the_target_with_the_embedded_model():
    pytest.importorskip("tokenizers")
    from core.settings import Settings
    from models.embeddings import open_embedder

    embedder = open_embedder(Settings())
    assert embedder.name == MODEL
    router = Router(lambda: embedder)
    sample = ROWS[::5]
    right = 0
    for row in sample:
        given = row["context"]
        kind = given["image_kind"]
        kinds = () if kind == "none" else (kind,) * given["images"]
        context = RouteContext(given["images"], kinds, tuple(given["collections"]), given["profile"])
        right += router.route(row["paraphrases"][0], context).action == row["action"]
    assert right / len(sample) >= 0.85
