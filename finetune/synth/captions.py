"""Questions about medical images from their captions: by rules for what a caption plainly says, or by a chat model.

A pair is used only when image and caption match, by a scorer: `embedded` is the bridge from ImageNet classes to
text vectors (it knows little of medicine), a dual encoder's folder (as `image_encoder` of the settings) replaces it.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, Field

from core.contracts import Contract
from core.errors import invalid_input, not_found
from finetune.data.rows import Split
from finetune.synth.chat.caller import ChatCaller
from finetune.synth.lines import read_lines
from finetune.synth.made import Made, Question, split_by_name

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from knowledge.images.models import ImageModels

VERSION = "captions-1"
_PROMPT = """Write up to five questions with short answers that this caption of a medical image answers by itself. Quote the
words of the caption that give each answer. Kinds: modality, organ, finding, laterality, yes_no. For yes_no answer yes or no,
and no only where the caption denies it. Do not diagnose; do not add what the caption does not say."""
_MODALITIES = {
    "CT": r"\b(?:CT|computed tomograph\w+|CT scan)\b",
    "MRI": r"\b(?:MRI|MR image\w*|magnetic resonance|T[12][- ]weighted|FLAIR)\b",
    "X-ray": r"\b(?:x-?rays?|radiograph\w*|chest film|CXR)\b",
    "ultrasound": r"\b(?:ultrasound|ultrasonograph\w+|sonogram|sonograph\w+|echocardiogra\w+|doppler)\b",
    "mammography": r"\bmammogra\w+\b",
    "PET": r"\bPET\b",
    "histology": r"\b(?:histolog\w+|histopatholog\w+|H&E|hematoxylin|haematoxylin|biops\w+ specimen|micrograph)\b",
    "endoscopy": r"\b(?:endoscop\w+|colonoscop\w+|bronchoscop\w+)\b",
    "fundus photograph": r"\b(?:fundus|funduscop\w+)\b",
}
_ORGANS = "chest|lung|heart|brain|liver|kidney|spleen|pancreas|abdomen|pelvis|spine|knee|shoulder|hip|breast|thyroid|bladder|prostate|colon|stomach|skull|wrist|ankle|hand|foot|neck|retina|skin|uterus|gallbladder".split("|")  # fmt: skip
_FINDINGS = "effusion|pneumothorax|fracture|mass|nodule|tumor|tumour|cyst|consolidation|cardiomegaly|edema|oedema|hemorrhage|haemorrhage|stenosis|aneurysm|abscess|calcification|lesion|atelectasis|metastasis|metastases|hernia|infarct|infarction|thrombus|stone|stones|opacity|thickening|dilatation|obstruction|pneumonia|swelling".split("|")  # fmt: skip
_DENIED = re.compile(r"\b(?:no|without|absence of|negative for|no evidence of|free of|ruled out)\b", re.I)
_DOUBT = re.compile(
    r"\b(?:possible|possibly|may|might|suspected|suspicious|probable|likely|question\w*|cannot be excluded|versus|vs|or)\b",
    re.I,
)
_PLANES = ("axial", "coronal", "sagittal")


class Captioned(Contract):
    """A line of the input: an image with its caption. `group` (a patient, a paper) stays in one split."""

    image: str = Field(min_length=1)
    caption: str = Field(min_length=1)
    group: str = ""
    licence: str = ""
    split: Split | None = None


class CaptionQuestion(BaseModel):
    """A question of the model, with the words of the caption that give its answer."""

    kind: Literal["modality", "organ", "finding", "laterality", "yes_no"]
    question: str = Field(min_length=5, max_length=300)
    answer: str = Field(min_length=1, max_length=150)
    quote: str = Field(min_length=2, max_length=400)


class CaptionQuestions(BaseModel):
    """What the model is asked for."""

    questions: list[CaptionQuestion] = Field(max_length=8)


class Matcher(Protocol):
    """Tells how well an image and a caption match."""

    name: str

    def score(self, pixels: NDArray[np.uint8], caption: str) -> float:
        """Return a cosine, -1 to 1. Pixels have shape (height, width, 3), RGB."""
        ...


class BridgeMatcher:
    """Matches by the image index's own models: the embedded bridge, or the dual encoder of the settings.

    Args:
        models: The backbone, the text embedder and what takes both to one space.
        name: What it is called in the rows.
    """

    def __init__(self, models: ImageModels, name: str) -> None:
        self._models, self.name = models, name

    def score(self, pixels: NDArray[np.uint8], caption: str) -> float:
        """Return the cosine in the common space."""
        bridge = self._models.bridge
        image = bridge.image(self._models.backbone.features(pixels))
        text = bridge.text(self._models.embedder().embed([caption])[0])
        return float(image @ text)


def read_captions(path: Path) -> list[Captioned]:
    """Read JSON lines `{image, caption, group?, licence?, split?}`; raises `invalid_input` naming a broken line."""
    return read_lines(path, Captioned, "captions", "image, caption")


class CaptionMaker:
    """Makes the questions of one captioned image.

    Args:
        pairs: Images with captions.
        folder: Where the images lie.
        licence: For pairs that name none.
        matcher: Scores pairs; None takes every pair.
        threshold: Pairs below it are left out, and reported.
        caller: A chat model, or None for the rules.
    """

    def __init__(
        self,
        pairs: Sequence[Captioned],
        folder: Path,
        licence: str,
        *,
        matcher: Matcher | None = None,
        threshold: float = 0.0,
        caller: ChatCaller | None = None,
    ) -> None:
        self._pairs, self._folder, self._licence = pairs, folder, licence
        self._matcher, self._threshold, self._caller = matcher, threshold, caller

    def make(self, index: int) -> Made | None:
        """Ask about one image; raises `VidenceError` for a missing image or one that does not match."""
        import numpy as np
        from PIL import Image, UnidentifiedImageError

        pair = self._pairs[index]
        path = self._folder / pair.image
        if not path.is_file():
            raise not_found("missing image")
        try:
            with Image.open(path) as image:
                rgb = image.convert("RGB")
        except (UnidentifiedImageError, OSError, ValueError) as error:
            raise invalid_input("broken image") from error
        score = None
        if self._matcher is not None:
            score = round(self._matcher.score(np.asarray(rgb), pair.caption), 4)
            if score < self._threshold:
                raise invalid_input("image and caption do not match")
        questions = tuple(by_rules(pair.caption) if self._caller is None else self._written(pair.caption))
        if not questions:
            return None
        out = io.BytesIO()
        rgb.save(out, "PNG", compress_level=6)
        name = pair.group or pair.image
        return Made(
            png=out.getvalue(),
            group=f"caption:{name}",
            split=pair.split or split_by_name(name),
            questions=questions,
            source="synth-captions-medical",
            licence=pair.licence or self._licence,
            metadata={
                "image": pair.image,
                "caption": pair.caption,
                "match": score,
                "matcher": self._matcher.name if self._matcher else "",
                "by": "rules" if self._caller is None else "chat",
            },
        )

    def close(self) -> None:
        """Nothing is open."""

    def _written(self, caption: str) -> Iterator[Question]:
        assert self._caller is not None
        asked = [
            {"role": "system", "content": _PROMPT},
            {"role": "user", "content": json.dumps({"caption": caption})},
        ]
        for item in self._caller.ask(asked, CaptionQuestions).questions:
            if stated(item, caption):
                yield Question(
                    kind=item.kind, question=item.question, answers=(item.answer.strip().rstrip("."),)
                )


def stated(item: CaptionQuestion, caption: str) -> bool:
    """Whether the caption says what the model answers: the quote is in it, and the answer in the quote.

    A `yes` needs a quote without denial or doubt, a `no` one with a denial.
    """
    plain = " ".join(caption.lower().split())
    quote = " ".join(item.quote.lower().split())
    if quote not in plain:
        return False
    if item.kind == "yes_no":
        denied, doubted = bool(_DENIED.search(quote)), bool(_DOUBT.search(quote))
        around = _DENIED.search(plain[max(0, plain.index(quote) - 25) : plain.index(quote)])
        said = item.answer.strip().rstrip(".").lower()
        return not doubted and ((said == "no" and denied) or (said == "yes" and not denied and not around))
    return item.answer.strip().rstrip(".").lower() in quote


def by_rules(caption: str) -> Iterator[Question]:
    """Yield the questions that a caption plainly answers: modality, plane, organ, side, findings said or denied."""
    modalities = [
        name
        for name, pattern in _MODALITIES.items()
        if re.search(pattern, caption, re.I if name != "PET" else 0)
    ]
    if len(modalities) == 1:
        yield Question(
            kind="modality",
            question="What kind of imaging is this?",
            answers=(modalities[0],),
            balance="modality",
        )
    planes = [plane for plane in _PLANES if re.search(rf"\b{plane}\b", caption, re.I)]
    if len(planes) == 1:
        yield Question(
            kind="plane", question="In which plane is the image?", answers=(planes[0],), balance="plane"
        )
    organs = [organ for organ in _ORGANS if re.search(rf"\b{organ}s?\b", caption, re.I)]
    if len(organs) == 1:
        yield Question(
            kind="organ", question="Which part of the body is shown?", answers=(organs[0],), balance="organ"
        )
    for clause in re.split(r"[.;]|\bbut\b|\bhowever\b", caption):
        found = [name for name in _FINDINGS if re.search(rf"\b{name}\b", clause, re.I)]
        # In a clause that both denies and says, or that doubts, it is not plain what holds of what.
        if len(found) != 1 or _DOUBT.search(clause):
            continue
        name, denied = found[0], bool(_DENIED.search(clause))
        if denied and not re.search(rf"{_DENIED.pattern}\s+(?:\w+\s+){{0,3}}{name}\b", clause, re.I):
            continue
        question = f"Does the image show {_a(name)}?"
        yield Question(
            kind="yes_no", question=question, answers=("no" if denied else "yes",), balance="finding"
        )
        sides = {side for side in ("left", "right", "bilateral") if re.search(rf"\b{side}\b", clause, re.I)}
        if not denied and len(sides) == 1:
            question = f"On which side is the {name}?"
            yield Question(kind="laterality", question=question, answers=(sides.pop(),), balance="side")


def _a(name: str) -> str:
    plural = name.endswith("s") and not name.endswith(("sis", "ss", "us", "is"))
    return name if plural else f"{'an' if name[0] in 'aeio' else 'a'} {name}"
