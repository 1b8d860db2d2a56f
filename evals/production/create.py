"""Ratings become samples: approved answers and corrections are targets; the rest is put aside, counted."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.feedback_store import Feedback
from core.images import ImageStore
from core.personal import find_personal, mask
from evals.exact_match import normal_answer
from evals.production.record import FAMILY, MARK, Line, Lineage, PutAside, Rules, anonymous
from evals.production.trained import Trained
from evals.production.votes import Settled, Vote, from_feedback, item_id, resolve
from evals.run.sample import Sample
from knowledge.image_prints import print_of_file

MAX_ANSWER = 200
"""Characters: a longer text is no short answer that another can be held against."""

CollectionsOf = Callable[[str], Sequence[str]]
"""Returns the collections that a run was asked over, by its id, for ratings that do not name them."""


@dataclass
class Made:
    """The samples, and what became of the other ratings."""

    lines: list[Line] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    conflicts: list[PutAside] = field(default_factory=list)


def make_lines(
    name: str,
    feedback: Iterable[Feedback],
    images: ImageStore,
    trained: Trained,
    rules: Rules,
    collections_of: CollectionsOf = lambda run_id: (),
) -> Made:
    """Return the samples that ratings make, sorted by id. Blocking: it looks at images.

    A question is settled by those who rated it: one voice each, their latest. Who rated an answer down
    without a correction speaks against it. Where too few agree, where the question or its image was trained
    on, and where the answer holds personal data, there is no sample.

    Args:
        name: What the data set is called.
        feedback: Ratings.
        images: Where the pictures of the runs lie.
        trained: What was trained on.
        rules: Which ratings count.
        collections_of: Looks up a run.
    """
    made = Made()
    rated = list(_counted(feedback, rules, made.aside))
    votes = [vote for vote in from_feedback(rated) if _wanted(vote, rules)]
    settled, conflicts = resolve(votes, agreement=rules.min_agreement)
    said = {(vote.key, normal_answer(vote.answer)): _masked(vote.answer)[0] for vote in votes}
    for conflict in conflicts:
        key = item_id(conflict.question, conflict.image_sha256)
        counts = {said[key, answer]: count for answer, count in conflict.answers.items()}
        made.conflicts.append(_put_aside(conflict.question, conflict.image_sha256, counts))
    against = _objections(rated)
    by_run = {item.run.run_id: item for item in rated}
    for one in settled:
        said_no = against.get((one.votes[0].key, normal_answer(one.answer)), set())
        voices = len(one.votes) + len(one.against) + len(said_no - {vote.user for vote in one.votes})
        if len(one.votes) / voices < rules.min_agreement or 2 * len(one.votes) <= voices:
            counts = {_masked(one.answer)[0]: len(one.votes), "(not that)": voices - len(one.votes)}
            made.conflicts.append(_put_aside(one.votes[0].question, one.votes[0].image_sha256, counts))
            continue
        if reason := _unfit(one, images, trained, rules):
            made.aside[reason] += 1
            continue
        made.lines.append(_line(name, one, voices, by_run, collections_of))
    if made.conflicts:
        made.aside["people do not agree"] = len(made.conflicts)
    made.lines.sort(key=lambda line: line.sample.id)
    return made


def image_name(sha256: str) -> str:
    """Return what a sample calls an image: its place in the image store, from the data folder."""
    return ImageStore(Path("images"), max_bytes=1, max_pixels=1).path(sha256).as_posix()


def _counted(feedback: Iterable[Feedback], rules: Rules, aside: Counter[str]) -> Iterable[Feedback]:
    for item in feedback:
        if item.user in rules.exclude_users:
            aside["excluded user"] += 1
        elif len(item.run.images) > 1:
            aside["about several images"] += 1
        else:
            if item.rating == "down" and not item.correction:
                aside["rated down without a correction"] += 1
            elif item.rating == "up" and not item.run.short_answer:
                aside["approved, without an answer"] += 1
            yield item


def _wanted(vote: Vote, rules: Rules) -> bool:
    return rules.rating == "any" or vote.corrects == (rules.rating == "down")


def _objections(rated: Iterable[Feedback]) -> dict[tuple[str, str], set[str]]:
    """Return who rated which answer to which question down without saying what is right."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for item in rated:
        if item.rating == "down" and not item.correction:
            key = item_id(item.run.question, item.run.images[0] if item.run.images else None)
            found[key, normal_answer(item.run.short_answer)].add(item.user)
    return found


def _unfit(one: Settled, images: ImageStore, trained: Trained, rules: Rules) -> str:
    """Return why a settled question is no sample, or an empty text."""
    first = one.votes[0]
    if _place(first.key) >= rules.share:
        return "not drawn"
    if len(one.answer) > MAX_ANSWER or not normal_answer(one.answer):
        return "answer too long" if normal_answer(one.answer) else "answer without words"
    if find_personal(one.answer):
        return "personal data in the answer"
    if first.image_sha256 is not None and not images.path(first.image_sha256).is_file():
        return "image is gone"
    return _trained_on(one, images, trained)


def _trained_on(one: Settled, images: ImageStore, trained: Trained) -> str:
    first = one.votes[0]
    if any(run in trained.runs for vote in one.votes for run in vote.run_ids):
        return "trained on: same run"
    if first.image_sha256 is None:
        hit = trained.index.text(first.question)
    elif first.image_sha256 in trained.index.files:
        return "trained on: same image file"
    else:
        hit = trained.index.image(print_of_file(images.path(first.image_sha256)))
    return f"trained on: {hit[0]}" if hit else ""


def _line(
    name: str, one: Settled, voices: int, by_run: dict[str, Feedback], collections_of: CollectionsOf
) -> Line:
    first = one.votes[0]
    runs = sorted({run for vote in one.votes for run in vote.run_ids})
    rated = by_run[first.run_ids[0]].run
    question, kinds = _masked(first.question)
    corrects = any(vote.corrects for vote in one.votes)
    spellings = dict.fromkeys([one.answer, *(" ".join(vote.answer.split()) for vote in one.votes)])
    accepted = [text for text in spellings if not find_personal(text)]
    sample = Sample(
        id=first.key,
        suite=f"{MARK}{name}",
        family=FAMILY,
        kind=first.kind,
        modality="image" if first.image_sha256 else "text",
        difficulty="corrected" if corrects else "approved",
        source=rated.profile,
        group=first.image_sha256 or first.key,
        input={
            "question": question,
            "images": [image_name(first.image_sha256)] if first.image_sha256 else [],
            "profile": rated.profile,
            "collections": list(rated.collections or collections_of(rated.run_id)),
        },
        target={"answers": accepted},
    )
    lineage = Lineage(
        run_ids=tuple(runs),
        users=tuple(sorted({anonymous(vote.user) for vote in one.votes})),
        votes_for=len(one.votes),
        votes_against=voices - len(one.votes),
        rated_at=max(vote.at for vote in one.votes),
        corrects=corrects,
        masked=kinds,
        models=rated.models,
        prompts=rated.prompts,
    )
    return Line(sample=sample, lineage=lineage)


def _masked(text: str) -> tuple[str, tuple[str, ...]]:
    spans = find_personal(text)
    return mask(text, spans), tuple(sorted({span.kind for span in spans}))


def _put_aside(question: str, image_sha256: str | None, answers: dict[str, int]) -> PutAside:
    return PutAside(question=_masked(question)[0], image_sha256=image_sha256, answers=answers)


def _place(key: str) -> float:
    """Return where a question falls between 0 and 1, the same for ever."""
    return int(hashlib.sha256(f"share:{key}".encode()).hexdigest()[:12], 16) / 16**12
