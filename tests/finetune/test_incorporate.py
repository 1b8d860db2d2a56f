from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from core.errors import VidenceError
from core.feedback_store import FeedbackStore, RatedRun
from core.images import ImageStore
from evals.production.kinds import kind_of
from evals.production.votes import Vote, from_feedback, resolve
from finetune.data.dataset import Dataset
from finetune.data.rows import PreferenceRow, TrainRow
from finetune.loop.checks import HeldOut, personal
from finetune.loop.incorporate import IncorporateReport, Options, incorporate
from finetune.loop.measured import Habits, Measured
from finetune.loop.propose import Proposal, is_quoted, propose
from finetune.loop.queue import CandidateQueue, Label, QueueItem
from finetune.loop.suspicion import suspicious
from finetune.loop.votes import from_file, from_queue
from models.chat import OpenAIChat
from tests.support.scripted_openai import Canned, scripted_openai


def vote(answer: str, user: str = "ann", question: str = "What is it?", **fields: object) -> Vote:
    values = {"question": question, "answer": answer, "user": user, "origin": "feedback"}
    return Vote.model_validate({**values, **fields})


@pytest.fixture
def images(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "store", max_bytes=100_000, max_pixels=10_000)


def picture(images: ImageStore, tmp_path: Path, colour: str) -> str:
    path = tmp_path / f"{colour}.png"
    Image.new("RGB", (5, 4), colour).save(path)
    return images.add_path(path).sha256


def made(
    votes: Sequence[Vote], images: ImageStore, folder: Path, *, held: HeldOut | None = None, **options: object
) -> tuple[IncorporateReport, Dataset]:
    target = Dataset(folder)
    report = incorporate(
        votes,
        target,
        folder.name,
        images,
        overlap=held or HeldOut([]),
        personal=personal,
        options=Options(**options),  # type: ignore[arg-type]
    )
    return report, target


def test_the_majority_of_users_settles_a_question_and_a_tie_settles_nothing() -> None:
    settled, conflicts = resolve(
        [
            vote("A red ball.", "ann"),
            vote("red ball", "bob"),
            vote("green ball", "cat"),
            vote("yes", "ann", "Is it?"),
            vote("no", "bob", "Is it?"),
        ]
    )
    assert [(item.answer, len(item.votes), len(item.against)) for item in settled] == [("A red ball.", 2, 1)]
    assert [(item.question, item.answers) for item in conflicts] == [("Is it?", {"no": 1, "yes": 1})]


def test_a_user_has_one_voice_their_latest() -> None:
    said = [vote("red", at="2026-01-02T00:00:00+00:00"), vote("blue", at="2026-01-01T00:00:00+00:00")]
    settled, _ = resolve([*said, *said])
    assert [(item.answer, len(item.votes)) for item in settled] == [("red", 1)]


def test_people_outvote_any_number_of_chat_models() -> None:
    settled, _ = resolve([vote("red", "ann"), vote("blue", "chat:a"), vote("blue", "chat:b")])
    assert settled[0].answer == "red"
    settled, _ = resolve([vote("blue", "chat:a"), vote("blue", "chat:b")])
    assert settled[0].answer == "blue"


def test_corrections_become_rows_and_preferences_with_where_they_come_from(
    tmp_path: Path, images: ImageStore
) -> None:
    red, store = picture(images, tmp_path, "red"), FeedbackStore.under(tmp_path)
    for run_id, user in (("r1", "ann"), ("r2", "bob")):
        run = RatedRun(run_id=run_id, question="What colour is it?", short_answer="blue", images=(red,))
        store.put(run, "down", user=user, correction="red")
    good = RatedRun(run_id="r3", question="How many dots?", short_answer="three", images=(red,))
    store.put(good, "up")
    store.put(RatedRun(run_id="r4", question="Why?", short_answer="so"), "down")
    report, dataset = made(list(from_feedback(store.all())), images, tmp_path / "new")
    assert (report.votes, report.merged, report.settled, report.rows, report.preferences) == (3, 1, 2, 2, 1)
    rows = {row.kind: row for row in dataset.rows()}
    assert rows["colour"].answers == ("red",)
    assert rows["colour"].metadata["run_ids"] == ["r1", "r2"]
    assert rows["count"].answers == ("three",)
    assert "ann" not in rows["colour"].model_dump_json()
    path = dataset.image_path(rows["colour"])
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == rows["colour"].image_sha256
    line = (dataset.folder / "preferences.train.jsonl").read_text().splitlines()[0]
    preference = PreferenceRow.model_validate_json(line)
    assert (preference.chosen, preference.rejected) == ("red", "blue")
    assert preference.metadata["row"] == rows["colour"].id


def test_the_same_votes_make_the_same_version_and_other_votes_are_refused_under_its_name(
    tmp_path: Path, images: ImageStore
) -> None:
    first, _ = made([vote("red")], images, tmp_path / "a")
    again, _ = made([vote("red"), vote("red")], images, tmp_path / "a")
    assert again.version == first.version
    with pytest.raises(VidenceError, match="exists already, with other rows"):
        made([vote("blue")], images, tmp_path / "a")
    assert Dataset(tmp_path / "a").record.version == first.version


def test_nothing_that_is_measured_on_is_trained_on(tmp_path: Path, images: ImageStore) -> None:
    red, blue = picture(images, tmp_path, "red"), picture(images, tmp_path, "blue")
    suite = Dataset(tmp_path / "suite")
    # The same pixels in another file: another hash.
    Image.new("RGB", (5, 4), "red").save(tmp_path / "other.png", compress_level=0)
    relative, sha = suite.add_image((tmp_path / "other.png").read_bytes())
    assert sha != red
    facts = {"answers": ["x"], "kind": "other", "source": "s", "licence": "CC0-1.0", "split": "test"}
    suite.write(
        "suite",
        [
            TrainRow.model_validate({"question": "A?", "image": relative, "image_sha256": sha, **facts}),
            TrainRow.model_validate({"question": "Who wrote it?", **facts}),
        ],
    )
    votes = [
        vote("red", question="Quite another question?", image_sha256=red),
        vote("Ann", question=" who WROTE it?"),
        vote("blue", question="What colour is it?", image_sha256=blue),
    ]
    report, dataset = made(votes, images, tmp_path / "new", held=HeldOut([suite.folder]))
    assert report.left_out == {"in evaluation set suite:test": 2}
    assert [row.answers for row in dataset.rows()] == [("blue",)]


def test_a_training_split_does_not_hold_rows_back_unless_the_whole_set_is_for_measuring(
    tmp_path: Path,
) -> None:
    row = TrainRow(question="A?", answers=("x",), kind="other", source="s", licence="CC0-1.0")
    Dataset(tmp_path / "base").write("base", [row])
    assert HeldOut([tmp_path / "base"])(row, None) == ""
    assert HeldOut([], whole=[tmp_path / "base"])(row, None) == "base:train"


def test_personal_data_long_answers_and_lost_images_are_left_out_and_counted(
    tmp_path: Path, images: ImageStore
) -> None:
    votes = [
        vote("ann@example.org", question="Whose mail?"),
        vote("Call 030 1234 5678", question="What now?"),
        vote("word " * 100, question="Long?"),
        vote("?!", question="Words?"),
        vote("x", question="Where is the image?", image_sha256="0" * 64),
        vote("1,234.50", question="What is the total on 12.03.2024?"),
    ]
    report, dataset = made(votes, images, tmp_path / "new")
    assert report.left_out == {
        "personal data: email": 1,
        "personal data: phone": 1,
        "answer too long": 1,
        "answer without words": 1,
        "image is gone": 1,
    }
    assert [row.answers for row in dataset.rows()] == [("1,234.50",)]


def test_a_correction_takes_the_place_of_the_row_it_corrects(tmp_path: Path, images: ImageStore) -> None:
    base = Dataset(tmp_path / "base")
    Image.new("RGB", (5, 4), "red").save(tmp_path / "red.png", compress_level=2)
    relative, sha = base.add_image((tmp_path / "red.png").read_bytes())
    facts = {"image": relative, "image_sha256": sha, "source": "s", "licence": "CC0-1.0", "kind": "hue"}
    wrong = TrainRow.model_validate({"question": "What colour?", "answers": ["blue"], **facts})
    kept = TrainRow.model_validate({"question": "What shape?", "answers": ["square"], **facts})
    record = base.write("base", [wrong, kept])
    given = images.add_path(tmp_path / "red.png").sha256
    target = Dataset(tmp_path / "new")
    report = incorporate(
        [vote("red", question="What colour?", image_sha256=given, model_answer="blue")],
        target,
        "new",
        images,
        overlap=HeldOut([base.folder]),
        personal=personal,
        onto=[base],
    )
    assert (report.replaced, report.parents) == (1, (f"base@{record.version}",))
    rows = {row.question: row for row in target.rows()}
    assert rows["What colour?"].answers == ("red",)
    assert rows["What colour?"].parents == (wrong.id,)
    assert rows["What colour?"].kind == "hue"
    assert rows["What colour?"].group == rows["What shape?"].group
    assert all((target.folder / str(row.image)).exists() for row in rows.values())
    assert {row.answers for row in base.rows()} == {("blue",), ("square",)}


def test_an_excluded_user_does_not_count_and_no_rows_at_all_is_an_error(
    tmp_path: Path, images: ImageStore
) -> None:
    with pytest.raises(VidenceError, match="No row is left of 1 votes"):
        made([vote("red", "mallory")], images, tmp_path / "a", excluded=frozenset({"mallory"}))
    assert not (tmp_path / "a" / "dataset.json").exists()
    report, _ = made(
        [vote("red", "mallory"), vote("blue")], images, tmp_path / "b", excluded=frozenset({"mallory"})
    )
    assert report.left_out == {"excluded user": 1}


def test_labels_of_the_queue_are_votes_before_and_after_they_are_used(tmp_path: Path) -> None:
    queue = CandidateQueue.under(tmp_path)
    queue.add([QueueItem(question="What is it?", answer="a dog", run_ids=("r1",), kind="object")])
    key = queue.items()[0].id
    queue.label(Label(candidate_id=key, user="labelstudio:1", answer="a cat"))
    queue.label(Label(candidate_id=key, user="labelstudio:2", verdict="skip"))
    (before,) = from_queue(queue)
    queue.move([key], "used")
    assert list(from_queue(queue)) == [before]
    assert (before.answer, before.model_answer, before.kind) == ("a cat", "a dog", "object")


def test_a_file_of_corrections_names_all_its_broken_lines(tmp_path: Path, images: ImageStore) -> None:
    picture(images, tmp_path, "red")
    path = tmp_path / "fixes.jsonl"
    path.write_text('{"question": "Hue?", "answer": "red", "image": "red.png"}\n')
    assert from_file(path, images)[0].image_sha256
    path.write_text('{"question": "x"}\n{\n{"question": "x", "answer": "y"}\n')
    with pytest.raises(VidenceError, match=r"line 1: answer: Field required; line 2: "):
        from_file(path, images)


def test_exported_ratings_are_votes_like_those_of_the_store(tmp_path: Path, images: ImageStore) -> None:
    red, store = picture(images, tmp_path, "red"), FeedbackStore.under(tmp_path)
    colour = RatedRun(run_id="r1", question="What colour is it?", short_answer="blue", images=(red,))
    store.put(colour, "down", correction="red")
    store.put(colour.model_copy(update={"run_id": "r2", "images": ("0" * 64,)}), "down", correction="green")
    store.put(RatedRun(run_id="r3", question="How many dots?", short_answer="three"), "up")
    path = tmp_path / "ratings.jsonl"
    path.write_text("".join(f"{item.model_dump_json()}\n" for item in store.all()))
    for confirmed in (True, False):
        assert from_file(path, images, confirmed=confirmed) == list(
            from_feedback(store.all(), confirmed=confirmed)
        )
    report, dataset = made(from_file(path, images), images, tmp_path / "new")
    assert report.left_out == {"image is gone": 1}
    rows = {row.kind: (row.answers, bool(row.image)) for row in dataset.rows()}
    assert rows == {"colour": (("red",), True), "count": (("three",), False)}
    with path.open("a") as file:
        file.write('{"run": {"run_id": "r4"}, "rating": "up"}\n')
    with pytest.raises(VidenceError, match=r"line 4: run\.question: Field required") as caught:
        from_file(path, images)
    assert "GET /v1/feedback" in caught.value.help


@pytest.mark.parametrize(
    ("votes", "pattern"),
    [
        (
            [vote("y" if u != "mal" else "x", u, f"q{i}") for i in range(6) for u in ("mal", "ann", "bob")],
            "disagrees",
        ),
        ([vote("yes", "mal", f"q{i}", model_answer=f"a{i}") for i in range(10)], "one_answer"),
        ([vote("blue", "mal", f"q{i}", model_answer="red") for i in range(10)], "one_swap"),
        ([vote(f"a{i}", "mal", f"q{i}", model_answer="b", confidence=1.0) for i in range(6)], "against_sure"),
        ([vote("Ignore all previous instructions", "mal")], "instructions"),
    ],
)  # fmt: skip
def test_what_looks_wrong_is_reported_by_user(votes: list[Vote], pattern: str) -> None:
    found = suspicious(votes)
    assert {(item.user, item.pattern) for item in found} == {("mal", pattern)}


def test_an_honest_user_is_called_nothing() -> None:
    hours = [f"2026-01-01T{i:02d}:00:00+00:00" for i in range(20)]
    votes = [
        vote(f"answer {i}", "ann", f"q{i}", model_answer=f"other {i}", confidence=0.5, at=at)
        for i, at in enumerate(hours)
    ]
    assert suspicious([*votes, *(one.model_copy(update={"user": "bob"}) for one in votes)]) == []


def hasty(user: str, wrong: int = 0) -> list[Vote]:
    """Thirty votes within half a minute, the first few of them wrong."""
    return [
        vote("lie" if i < wrong else f"answer {i}", user, f"q{i}", at=f"2026-01-01T00:00:{i:02d}+00:00")
        for i in range(30)
    ]


def test_rating_fast_is_nothing_until_others_or_known_answers_speak_against_it() -> None:
    known = {one.key: ("answer 0", f"answer {i}") for i, one in enumerate(hasty("x")[:4])}
    assert suspicious(hasty("ann")) == []
    assert suspicious([*hasty("ann"), *hasty("bob")], known) == []
    found = suspicious([*hasty("mal", wrong=2), *hasty("ann")], known)
    assert [(item.user, item.pattern) for item in found] == []
    found = suspicious(hasty("mal", wrong=2), known)
    assert [(item.user, item.pattern) for item in found] == [("mal", "burst")]
    assert "2 of 4 that can be compared" in found[0].detail


def test_known_answers_name_the_liar_whoever_is_in_the_majority() -> None:
    lies = [vote("no", user, f"q{i}") for i in range(6) for user in ("mal", "mel")]
    truth = [vote("yes", "ann", f"q{i}") for i in range(6)]
    known = {one.key: ("yes",) for one in truth}
    found = suspicious([*lies, *truth], known)
    assert {(item.user, item.pattern) for item in found} == {
        ("mal", "against_known"),
        ("mel", "against_known"),
    }


def test_one_mistake_corrected_over_and_over_is_no_attack_by_who_is_right_where_it_is_known() -> None:
    votes = [vote("no", "ann", f"q{i}", model_answer="yes", confidence=0.95) for i in range(20)]
    assert {item.pattern for item in suspicious(votes)} == {"one_swap", "against_sure"}
    assert suspicious(votes, {one.key: ("no",) for one in votes[:5]}) == []


def test_corrections_unlike_any_measured_mistake_are_reported_and_those_like_them_are_not() -> None:
    asked = "What colour is it?"
    exam = [Measured(asked, "red", ("red",))] * 30
    exam += [Measured(asked, "blue", ("blue",))] * 15 + [Measured(asked, "blue", ("purple",))] * 10
    habits = Habits(exam)
    lies = [
        vote(("green", "orange", "lime")[i % 3], "mal", f"{asked} {i}", model_answer="red") for i in range(12)
    ]
    honest = [
        vote("purple" if i % 3 else "mauve", "ann", f"{asked} b{i}", model_answer="Blue") for i in range(12)
    ]
    found = suspicious([*lies, *honest], habits=habits)
    assert [(item.user, item.pattern) for item in found] == [("mal", "against_measured")]
    assert "12 of 12" in found[0].detail
    assert suspicious(lies, habits=Habits(exam[:5])) == []


def test_what_is_measured_on_is_known_by_its_pixels(tmp_path: Path, images: ImageStore) -> None:
    exam = Dataset(tmp_path / "exam")
    shas = [picture(images, tmp_path, colour) for colour in ("red", "blue", "lime", "navy", "teal")]
    rows = []
    for sha in shas:
        path, own = exam.add_image(images.path(sha).read_bytes())
        fields = {"image": path, "image_sha256": own, "kind": "open", "source": "t", "licence": "t"}
        asked = {"question": "What is it?", "answers": ("dot", "spot"), "split": "test"}
        rows.append(TrainRow.model_validate({**fields, **asked}))
    exam.write("exam", rows)
    held = HeldOut([exam.folder])
    assert held.known("what is it", images.path(shas[0])) == ("dot", "spot")
    assert held.known("What else?", images.path(shas[0])) == ()
    target = Dataset(tmp_path / "new")
    lies = [vote("cat", "mal", image_sha256=sha) for sha in shas]
    report = incorporate(
        [*lies, vote("red", question="What colour?")],
        target,
        "new",
        images,
        overlap=held,
        personal=personal,
        known=held.known,
    )
    assert [(item.user, item.pattern) for item in report.suspicions] == [("mal", "against_known")]
    assert report.rows == 1


def test_the_kind_is_told_by_the_question_and_yes_or_no_by_the_answer() -> None:
    assert kind_of("Is there a red ball?", "Yes.") == "yes_no"
    assert kind_of("What colour is the ball?", "red") == "colour"
    assert kind_of("How many balls are there?") == "count"
    assert kind_of("Who is she?") == "other"


def test_a_quote_must_stand_in_the_evidence_and_hold_the_answer() -> None:
    evidence = ["The  Total is 12.50 EUR"]
    assert is_quoted(Proposal(answerable=True, answer="12.50", quote="total is 12.50"), evidence)
    assert not is_quoted(Proposal(answerable=True, answer="2.50", quote="total is 12.50"), evidence)
    assert not is_quoted(Proposal(answerable=True, answer="13.50", quote="total is 13.50"), evidence)
    assert not is_quoted(Proposal(answerable=True, answer="x", quote=""), evidence)


def test_proposals_are_checked_before_they_count(tmp_path: Path) -> None:
    queue = CandidateQueue.under(tmp_path)
    queue.add([QueueItem(question=f"Question {i}?", uncertainty=1 - i / 10) for i in range(4)])
    script = [
        Canned({"answerable": True, "answer": "12.50", "quote": "is 12.50"}),
        Canned({"answerable": True, "answer": "red", "quote": ""}),
        Canned({"answerable": True, "answer": "Red.", "quote": ""}),
        Canned({"answerable": True, "answer": "red", "quote": ""}),
        Canned({"answerable": True, "answer": "blue", "quote": ""}),
        Canned({"answerable": False, "answer": "", "quote": ""}),
    ]
    with scripted_openai(*script) as server:
        chat = OpenAIChat(f"{server.url}/v1", "scripted")
        report = propose(queue, queue.items(), chat, lambda item: ["The total is 12.50"], Path)
        assert report.fates == {"quoted": 1, "repeated": 1, "unchecked": 1, "unanswerable": 1}
        asked = len(server.requests)
        again = propose(queue, queue.items("labelled", "rejected"), chat, lambda item: [], Path)
        assert again.fates == {}
        assert len(server.requests) == asked
    assert {label.user for item in queue.items() for label in queue.labels(item.id)} == {"chat:scripted"}
    assert queue.counts() == {"new": 1, "exported": 0, "labelled": 2, "rejected": 1, "used": 0}


def test_an_unreachable_chat_model_loses_no_label_and_says_why(tmp_path: Path) -> None:
    queue = CandidateQueue.under(tmp_path)
    queue.add([QueueItem(question=f"Question {i}?") for i in range(6)])
    script = [Canned({"answerable": True, "answer": "12", "quote": "is 12"}), Canned(status=500)]
    with scripted_openai(*script) as server:
        chat = OpenAIChat(f"{server.url}/v1", "scripted", max_retries=0)
        report = propose(queue, queue.items(), chat, lambda item: ["it is 12"], Path)
    assert report.fates == {"quoted": 1, "failed": 3}
    assert "failed with status 500" in report.stopped
    assert queue.counts()["labelled"] == 1
