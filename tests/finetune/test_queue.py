from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from core.contracts import Evidence, Locator, RunResult, SubQuestion
from core.errors import VidenceError
from core.feedback_store import FeedbackStore, images_of, rated_run
from core.images import ImageStore
from evals.production.votes import item_id
from finetune.loop.fill import ScoredAnswer, choose, from_pool, from_run, from_runs, rank, read_pool
from finetune.loop.queue import CandidateQueue, Label, QueueItem
from finetune.loop.uncertainty import TokenScore
from tests.support.hash_embedder import HashEmbedder


def item(question: str = "What is it?", **fields: object) -> QueueItem:
    return QueueItem.model_validate({"question": question, "reasons": ["low_confidence"], **fields})


def run(run_id: str = "r1", **fields: object) -> RunResult:
    values = {
        "run_id": run_id,
        "thread_id": "t",
        "status": "done",
        "question": "What colour is the ball?",
        "profile": "general",
        "short_answer": "red",
        "confidence": 0.9,
        "uncertainty": 0.1,
    }
    return RunResult.model_validate({**values, **fields})


@pytest.fixture
def queue(tmp_path: Path) -> CandidateQueue:
    return CandidateQueue.under(tmp_path)


def test_adding_again_changes_nothing(queue: CandidateQueue) -> None:
    assert queue.add([item(), item("Another?")]) == {"added": 2, "updated": 0, "unchanged": 0}
    assert queue.add([item(), item("  another? ")]) == {"added": 0, "updated": 0, "unchanged": 2}
    assert queue.counts()["new"] == 2


def test_a_question_that_comes_again_keeps_its_least_sure_answer_and_all_its_reasons(
    queue: CandidateQueue,
) -> None:
    queue.add([item(uncertainty=0.6, answer="a dog", run_ids=["r1"])])
    queue.add([item(uncertainty=0.9, answer="a cat", run_ids=["r2"], reasons=["rated_down"])])
    (found,) = queue.items()
    assert (found.answer, found.uncertainty, found.run_ids) == ("a cat", 0.9, ("r1", "r2"))
    assert found.reasons == ("low_confidence", "rated_down")


def test_the_same_question_about_another_image_is_another_candidate() -> None:
    assert item_id("What?", "a") != item_id("What?", "b")
    assert item_id("What?", None) == item_id(" what? ", None)


def test_a_candidate_goes_its_way_and_no_other(queue: CandidateQueue) -> None:
    queue.add([item()])
    (key,) = (one.id for one in queue.items())
    assert queue.move([key], "exported") == 1
    assert queue.move([key], "exported") == 0
    with pytest.raises(VidenceError, match="cannot become used"):
        queue.move([key], "used")
    queue.label(Label(candidate_id=key, user="ann", answer="a cat"))
    assert queue.move([key], "used") == 1
    with pytest.raises(VidenceError, match="used already"):
        queue.label(Label(candidate_id=key, user="bob", answer="a dog"))
    assert queue.add([item(uncertainty=1.0)])["unchanged"] == 1


def test_a_move_that_fails_moves_nothing(queue: CandidateQueue) -> None:
    queue.add([item()])
    with pytest.raises(VidenceError, match="No candidate cmissing"):
        queue.move([queue.items()[0].id, "cmissing"], "exported")
    assert queue.counts()["new"] == 1


def test_labels_decide_the_state_and_a_user_has_one(queue: CandidateQueue) -> None:
    queue.add([item()])
    key = queue.items()[0].id
    assert queue.label(Label(candidate_id=key, user="ann", verdict="skip")).state == "new"
    assert queue.label(Label(candidate_id=key, user="ann", verdict="unanswerable")).state == "rejected"
    assert queue.label(Label(candidate_id=key, user="bob", answer="a cat")).state == "labelled"
    assert queue.label(Label(candidate_id=key, user="bob", verdict="unanswerable")).state == "rejected"
    assert [label.user for label in queue.labels(key)] == ["ann", "bob"]


def test_sure_runs_that_nobody_called_wrong_are_no_candidates(tmp_path: Path) -> None:
    feedback = FeedbackStore.under(tmp_path)
    sure, unsure = run("r1"), run("r2", question="Two?", uncertainty=0.7)
    nothing = run("r3", question="Three?", status="abstained", short_answer="", uncertainty=0.6)
    wrong, waiting = run("r4", question="Four?"), run("r5", status="input_required", uncertainty=1.0)
    feedback.put(rated_run(wrong), "down")
    feedback.put(rated_run(sure), "up")
    found = list(from_runs([sure, unsure, nothing, wrong, waiting], feedback.all()))
    assert [(one.run_ids[0], one.reasons) for one in found] == [
        ("r2", ("low_confidence",)),
        ("r3", ("abstained",)),
        ("r4", ("rated_down",)),
    ]
    assert found[2].uncertainty == 1.0


def test_a_run_is_about_the_images_it_looked_at_and_not_those_it_found() -> None:
    looked = SubQuestion(id="s1", question="?", action="look", args={"image": "aa", "question": "?"})
    found = Evidence(kind="image", source="x", content="x", locator=Locator(sha256="bb"))
    assert images_of(run(plan=[looked], evidence=[found])) == ("aa",)
    two = SubQuestion(id="s2", question="?", action="look", args={"image": "cc"})
    assert from_run(run(plan=[looked, two], uncertainty=1.0)) is None


def test_a_rating_is_one_a_user_and_run_and_is_edited(tmp_path: Path) -> None:
    store = FeedbackStore.under(tmp_path)
    rated = rated_run(run())
    store.put(rated, "down", user="ann", correction=" blue ", at="2026-01-01T00:00:00")
    again = store.put(rated, "down", user="ann", correction="green", comment="look again")
    store.put(rated, "up", user="bob")
    assert [(one.user, one.rating, one.correction) for one in store.all()] == [
        ("ann", "down", "green"),
        ("bob", "up", ""),
    ]
    assert (again.edits, again.first_at) == (1, "2026-01-01T00:00:00")
    assert [one.user for one in store.all(since="2026-06-01")] == ["ann", "bob"]
    with pytest.raises(VidenceError, match="goes with a bad rating"):
        store.put(rated, "up", correction="blue")
    with pytest.raises(VidenceError, match="over 4,000"):
        store.put(rated, "down", comment="x" * 4_001)
    assert store.delete("r1", "bob")
    assert store.get("r1", "bob") is None


class Even:
    """Answers `maybe`, less sure of longer questions."""

    def answer(self, question: str, image: Path | None) -> ScoredAnswer:
        assert image is None or image.exists()
        sure = -0.01 * len(question)
        return ScoredAnswer(text="maybe", tokens=(TokenScore(sure, (sure,)),))


def test_a_pool_is_asked_and_its_broken_line_named(tmp_path: Path, queue: CandidateQueue) -> None:
    Image.new("RGB", (4, 4), "red").save(tmp_path / "a.png")
    pool = tmp_path / "pool.jsonl"
    pool.write_text('{"question": "Short?"}\n\n{"question": "A longer one?", "image": "a.png"}\n')
    images = ImageStore(tmp_path / "store", max_bytes=10_000, max_pixels=10_000)
    queue.add(from_pool(read_pool(pool), tmp_path, Even(), images, measure="least_confidence"))
    longer, short = queue.items()
    assert longer.question == "A longer one?"
    assert longer.image_sha256
    assert images.path(longer.image_sha256).exists()
    assert 0 < short.uncertainty < longer.uncertainty < 1
    left_out: list[str] = []
    gone = '{"question": "Where?", "image": "gone.png"}\n{"question": "Last?"}\n'
    pool.write_text(gone)
    asked = from_pool(read_pool(pool), tmp_path, Even(), images, skipped=left_out.append)
    assert [one.question for one in asked] == ["Last?"]
    assert len(left_out) == 1
    assert "gone.png" in left_out[0]
    pool.write_text('{"question": "x"}\n{"questio": "x"}\n')
    with pytest.raises(VidenceError, match=r"pool\.jsonl, line 2"):
        read_pool(pool)


def test_typical_questions_come_first_and_a_batch_is_diverse(queue: CandidateQueue) -> None:
    same = [f"what colour is the red ball {word}" for word in ("here", "there", "now")]
    queue.add([item(text, uncertainty=0.8) for text in [*same, "zebra crossing nearby"]])
    embedder = HashEmbedder()
    assert rank(queue, embedder, beta=1.0, near=0.6) == 4
    assert queue.items()[-1].question == "zebra crossing nearby"
    picked = choose(queue, embedder, 2, diversity=1.0)
    assert {one.question for one in picked} & set(same)
    assert picked[1].question == "zebra crossing nearby"
    assert [one.question for one in choose(queue, embedder, 2, diversity=0.0)] == [
        one.question for one in queue.items()[:2]
    ]


def test_a_broken_candidate_is_an_error_that_says_what_to_do(queue: CandidateQueue) -> None:
    queue.add([item()])
    with queue.open() as connection, connection:
        connection.execute("UPDATE candidates SET body = ?", (json.dumps({"question": ""}),))
    with pytest.raises(VidenceError, match="broken candidate"):
        queue.items()
