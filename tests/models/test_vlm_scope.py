"""The embedded VLM answers what it was trained for and refuses the rest."""

import asyncio
from pathlib import Path

import pytest

from core.errors import VidenceError
from models.pixels import PixelFacts
from models.vlm_describe import COLOUR, KIND, asks_to_describe
from models.vlm_embedded import EmbeddedVlm
from models.vlm_scope import FAMILIES, family_of
from models.vlm_shipped import Manifest

CHART = PixelFacts(
    kind="chart",
    kind_confidence=0.9,
    width=300,
    height=200,
    grayscale=False,
    brightness=0.8,
    drawn=True,
    colours=(("white", 0.8), ("blue", 0.1)),
)
PHOTO = CHART.model_copy(update={"kind": "photo", "drawn": False})
SCAN = CHART.model_copy(update={"kind": "scan", "grayscale": True, "drawn": False})


class Runner:
    """Says the same each time, and counts."""

    def __init__(self):
        self.asked = []

    async def call(self, job, **kwargs):
        self.asked.append((job, kwargs["question"]))
        return {"text": "blue", "confidence": 0.97, "tokens_in": 60, "tokens_out": 1}

    def close(self):
        pass


def _vlm(**right):
    runner = Runner()
    manifest = Manifest(name="v", version="1", files={}, base={}, right=right)
    return EmbeddedVlm(manifest, runner, Path("/nowhere")), runner


def _look(vlm, facts, question):
    return asyncio.run(vlm.look([Path("x.png")], [facts], question))


@pytest.mark.parametrize(
    ("question", "family"),
    [
        ("What kind of chart is this?", "chart_type"),
        ("Is this a pie chart?", "chart_type"),
        ("How many bars are there?", "count"),
        ("What color is the highest bar?", "highest_colour"),
        ("Is the red slice the largest?", "highest_colour"),
        ("What colour is the line that ends lowest?", "lowest_colour"),
        ("Which bar is the tallest, counted from the left?", "highest_position"),
        ("What is the trend of the line?", "trend"),
        ("What color are the points?", "colour"),
        ("what shape is in the image?", "shape"),
        ("what shape does the image contain?", "shape"),
        ("is there not a blue shape in the image?", "shape"),
        ("does the image contain a rectangle?", "shape"),
        ("What was the highest value in 2009?", None),
        ("Which country has the highest share?", None),
        ("How many people are in the photo?", None),
        ("Is there a pleural effusion?", None),
        ("Is there a knife in the bag?", None),
        ("What is the total of the invoice?", None),
    ],
)
def test_questions_find_their_family(question, family):
    found = family_of(question)
    assert (found.name if found else None) == family


def test_what_it_was_wrong_about_too_often_is_refused():
    vlm, runner = _vlm(chart_type=0.9, count=0.4)
    assert _look(vlm, CHART, "What kind of chart is this?").short_answer == "blue"
    with pytest.raises(VidenceError, match="cannot answer") as refusal:
        _look(vlm, CHART, "How many bars are there?")
    assert "the type of a chart" in refusal.value.help
    assert "how many bars" not in refusal.value.help
    assert len(runner.asked) == 1


def test_it_is_never_surer_than_it_was_right():
    vlm, _ = _vlm(chart_type=0.7)
    assert _look(vlm, CHART, "What kind of chart is this?").confidence == 0.7


@pytest.mark.parametrize("facts", [PHOTO, SCAN])
def test_pictures_of_other_kinds_are_refused(facts):
    vlm, runner = _vlm(**{family.name: 1.0 for family in FAMILIES})
    with pytest.raises(VidenceError, match="cannot answer"):
        _look(vlm, facts, "what shape is in the image?")
    assert runner.asked == []


def test_what_pixels_prove_comes_first():
    vlm, runner = _vlm(**{family.name: 1.0 for family in FAMILIES})
    assert _look(vlm, CHART, "What is the resolution of the image?").short_answer == "300 x 200 pixels"
    assert runner.asked == []


class SpeakingRunner(Runner):
    """Says what a picture's kind and color are."""

    def __init__(self, kind, colour):
        super().__init__()
        self.said = {KIND: kind, COLOUR: colour}

    async def call(self, job, **kwargs):
        await super().call(job, **kwargs)
        text = self.said[kwargs["question"]]
        return {"text": text, "confidence": 0.9, "tokens_in": 60, "tokens_out": 1}


def _describing(kind, colour="red", **right):
    vlm, _ = _vlm(**right)
    runner = vlm._runner = SpeakingRunner(kind, colour)
    return vlm, runner


def test_a_description_is_made_of_what_it_may_be_asked_and_no_surer_than_its_parts():
    vlm, runner = _describing("circle chart", chart_type=1.0, shape=0.8)
    reply = _look(vlm, CHART, "Describe this image in one sentence.")
    assert (reply.answer, reply.short_answer) == ("A red circle.", "red circle")
    assert reply.confidence == 0.72
    assert reply.tokens_in == 120
    assert [question for _, question in runner.asked] == [KIND, COLOUR]
    vlm, runner = _describing("area chart", chart_type=0.9, shape=0.9)
    assert _look(vlm, CHART, "What does this picture show?").answer == "An area chart."
    assert len(runner.asked) == 1


@pytest.mark.parametrize(
    ("facts", "right"), [(PHOTO, {"chart_type": 1.0, "shape": 1.0}), (CHART, {"chart_type": 1.0})]
)
def test_a_photo_is_not_described_nor_anything_by_a_model_that_knows_only_half(facts, right):
    vlm, runner = _describing("pie chart", **right)
    with pytest.raises(VidenceError, match="cannot answer"):
        _look(vlm, facts, "Describe this image.")
    assert runner.asked == []


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("Write a caption for the attached image.", True),
        ("Describe what is going on in this picture.", True),
        ("What is in this image?", True),
        ("Describe the method of the study.", False),
        ("What is the total in the image?", False),
        ("What does this line show?", False),
    ],
)
def test_only_a_whole_picture_is_described(question, wanted):
    assert asks_to_describe(question) is wanted


def test_the_worker_s_job_answers_with_its_tokens_probability(tmp_path, monkeypatch):
    from PIL import Image

    from finetune.vlm.tiny import tiny_checkpoint
    from models import jobs
    from models.vlm_canaries import canaries
    from models.vlm_run import Checkpoint
    from models.worker import InlineRunner

    model = Checkpoint(tiny_checkpoint(tmp_path / "tiny"))
    monkeypatch.setattr(jobs, "_vlm", lambda _cache: model)
    pixels, question = canaries()[0]
    Image.fromarray(pixels).save(tmp_path / "x.png")
    manifest = Manifest(name="v", version="1", files={}, base={}, right={"shape": 0.95})
    vlm = EmbeddedVlm(manifest, InlineRunner(), tmp_path)
    reply = asyncio.run(vlm.look([tmp_path / "x.png"], [CHART], question))
    said = model.answer(pixels, question)
    assert (reply.short_answer, reply.tokens_out) == (said.text, len(said.tokens))
    assert reply.confidence == pytest.approx(min(said.confidence, 0.95), abs=1e-3)
