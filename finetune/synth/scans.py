"""Questions about inspection scans from their labels: is there a threat, which, where or how many.

By template, or written by a vision chat model and kept only where they agree with the labels. With a model, a
trial of 100 scans comes first: a whole run starts only after a trial that agreed often enough.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from core.contracts import Box, Contract
from core.errors import VidenceError, invalid_input, not_found
from finetune.data.convert.base import Draft
from finetune.data.convert.places import box_text, place_text
from finetune.data.convert.scans import NO_THREAT, scan_questions
from finetune.data.rows import Split
from finetune.synth.chat.caller import ChatCaller
from finetune.synth.lines import read_lines
from finetune.synth.made import Made, Question, split_by_name

VERSION = "scans-1"
TRIAL = 100
ENOUGH = 0.95
_PROMPT = """You see a baggage scan and its labels, which are right. Write three questions with short answers that the labels
give: `threat` (is there a prohibited item: yes or no), `which` (names of the prohibited items with commas, or none), `where`
(where one named item is: upper, middle or lower and left, center or right; or how many there are). Vary the words."""


class Item(Contract):
    """A labelled item, with its box in pixels where there is one."""

    name: str = Field(min_length=1)
    box: Box | None = None


class Scan(Contract):
    """A line of the labels file. `exhaustive`: nothing else that is prohibited is in the scan."""

    image: str = Field(min_length=1)
    items: tuple[Item, ...] = ()
    exhaustive: bool = False
    split: Split | None = None
    licence: str = ""


class ScanQuestion(BaseModel):
    """A question of the model."""

    kind: Literal["threat", "which", "where"]
    question: str = Field(min_length=5, max_length=300)
    answer: str = Field(min_length=1, max_length=200)
    item: str = ""


class ScanQuestions(BaseModel):
    """What the model is asked for."""

    questions: list[ScanQuestion] = Field(min_length=1, max_length=6)


class Agreement(Contract):
    """How far a model's answers agree with the labels."""

    scans: int
    questions: int
    right: int
    wrong: dict[str, int]
    share: float


def read_labels(path: Path) -> list[Scan]:
    """Read a labels file: JSON lines `{image, items: [{name, box?}], exhaustive?, split?, licence?}`.

    Raises:
        VidenceError: `not_found`, or `invalid_input` naming the broken line.
    """
    return read_lines(path, Scan, "labels", "image, items, exhaustive")


class ScanMaker:
    """Makes the questions of one scan.

    Args:
        scans: The labels.
        folder: Where the images lie.
        licence: Licence of the scans that name none.
        caller: A vision chat model, or None for templates.
    """

    def __init__(
        self, scans: Sequence[Scan], folder: Path, licence: str, caller: ChatCaller | None = None
    ) -> None:
        self._scans, self._folder, self._licence, self._caller = scans, folder, licence, caller
        self._names = sorted({item.name for scan in scans for item in scan.items})
        self.asked, self.right, self.seen = 0, 0, 0
        self.wrong: Counter[str] = Counter()

    def make(self, index: int) -> Made | None:
        """Ask about a scan; raises `VidenceError` for a missing or broken image."""
        scan = self._scans[index]
        png, width, height = self._picture(scan)
        if self._caller is None:
            questions = template_questions(scan, width, height, self._names)
        else:
            questions = self._written(scan, png, width, height)
        if not questions:
            return None
        sha = hashlib.sha256(png).hexdigest()
        return Made(
            png=png,
            group=f"scan:{scan.image}",
            split=scan.split or split_by_name(scan.image),
            questions=tuple(questions),
            source="synth-scans",
            licence=scan.licence or self._licence,
            metadata={
                "scan": scan.image,
                "by": "template" if self._caller is None else "chat",
                "sha256": sha,
            },
        )

    @property
    def count(self) -> int:
        """How many scans there are."""
        return len(self._scans)

    def close(self) -> None:
        """Nothing is open."""

    def agreement(self) -> Agreement:
        """Return how far the model's answers agreed so far."""
        share = self.right / self.asked if self.asked else 0.0
        return Agreement(
            scans=self.seen,
            questions=self.asked,
            right=self.right,
            wrong=dict(self.wrong),
            share=round(share, 4),
        )

    def _written(self, scan: Scan, png: bytes, width: int, height: int) -> list[Question]:
        assert self._caller is not None
        labels = {"items": [item.name for item in scan.items], "nothing else is prohibited": scan.exhaustive}
        boxes = {item.name: place_text([item.box], width, height) for item in scan.items if item.box}
        content: list[dict[str, Any]] = [
            {"type": "text", "text": f"Labels: {json.dumps({**labels, 'places': boxes})}"},
            {
                "type": "image_url",
                "image_url": {"url": "data:image/png;base64," + base64.b64encode(png).decode()},
            },
        ]
        reply = self._caller.ask(
            [{"role": "system", "content": _PROMPT}, {"role": "user", "content": content}], ScanQuestions
        )
        self.seen += 1
        kept = []
        for asked in reply.questions:
            self.asked += 1
            truths = truths_of(asked, scan, width, height)
            said = asked.answer.strip().rstrip(".").lower()
            if not truths or said not in {truth.lower() for truth in truths}:
                self.wrong[asked.kind] += 1
                continue
            self.right += 1
            at = tuple(item.box for item in scan.items if item.box and item.name == asked.item)
            kept.append(
                Question(
                    kind=asked.kind,
                    question=asked.question,
                    answers=(truths[0],),
                    boxes=at,
                    balance=_balance(asked.kind),
                )
            )
        return kept

    def _picture(self, scan: Scan) -> tuple[bytes, int, int]:
        from PIL import Image, UnidentifiedImageError

        path = self._folder / scan.image
        if not path.is_file():
            raise not_found(f"missing image {scan.image}")
        try:
            with Image.open(path) as image:
                rgb = image.convert("RGB")
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise invalid_input(f"broken image {scan.image}") from error
        out = io.BytesIO()
        rgb.save(out, "PNG", compress_level=6)
        return out.getvalue(), rgb.width, rgb.height


def template_questions(scan: Scan, width: int, height: int, vocabulary: Sequence[str]) -> list[Question]:
    """Return three kinds of question: threat, which, and where or how many."""
    boxes: dict[str, list[Box]] = {}
    for item in scan.items:
        boxes.setdefault(item.name, []).extend([item.box] if item.box else [])
    base = Draft(where=scan.image, question="", answers=(), kind="")
    found = []
    for draft in scan_questions(base, boxes, complete=scan.exhaustive, vocabulary=vocabulary):
        if draft.answer_from:
            write = {"boxes": box_text, "place": place_text}[draft.answer_from]
            answers: tuple[str, ...] = (write(draft.boxes, width, height),)
        else:
            answers = draft.answers
        found.append(
            Question(
                kind=draft.kind,
                question=draft.question,
                answers=answers,
                boxes=draft.boxes,
                balance=_balance(draft.kind),
            )
        )
    if scan.exhaustive:
        count = Counter(item.name for item in scan.items)
        for name, times in sorted(count.items()):
            found.append(
                Question(
                    kind="count",
                    question=f"How many of these are in this scan: {name}?",
                    answers=(str(times),),
                    balance="count",
                )
            )
    return found


def truths_of(asked: ScanQuestion, scan: Scan, width: int, height: int) -> tuple[str, ...]:
    """Return every right answer that the labels give, none where they do not tell."""
    names = sorted({item.name for item in scan.items})
    if asked.kind == "threat":
        return ("yes",) if names else ("no",) if scan.exhaustive else ()
    if asked.kind == "which":
        return (", ".join(names) or NO_THREAT, ", ".join(reversed(names))) if scan.exhaustive else ()
    there = [item for item in scan.items if item.name == asked.item]
    if not there:
        return ()
    boxes = [item.box for item in there if item.box]
    places = (place_text(boxes, width, height),) if len(boxes) == len(there) else ()
    return (*places, str(len(there))) if scan.exhaustive else places


def _balance(kind: str) -> str:
    return kind if kind in ("threat", "item") else ""


def trial_passed(path: Path, options: str) -> bool:
    """Whether a trial with these options agreed with the labels often enough."""
    if not path.exists():
        return False
    body = json.loads(path.read_text())
    return bool(body["options"] == options and body["agreement"]["share"] >= ENOUGH)


def refuse_untried(path: Path, options: str) -> None:
    """Raise `invalid_input` unless a trial passed."""
    if not trial_passed(path, options):
        raise VidenceError(
            "invalid_input",
            "A whole run with a chat model needs a trial that agrees with the labels",
            help=f"Run it with --trial first: {TRIAL} scans, and {ENOUGH:.0%} of the answers must agree.",
        )


def run_trial(maker: ScanMaker) -> tuple[Agreement, dict[str, int]]:
    """Ask about the first `TRIAL` scans; return how the answers agree, and what was broken.

    Raises:
        VidenceError: When the model cannot be reached; replies that came are kept in the journal.
    """
    broken: Counter[str] = Counter()
    for index in range(min(TRIAL, maker.count)):
        try:
            maker.make(index)
        except VidenceError as error:
            if error.kind not in ("invalid_input", "not_found"):
                raise
            broken[error.message[:80]] += 1
    return maker.agreement(), dict(broken)
