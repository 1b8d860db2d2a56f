"""Answering questions greedily with the confidence of the tokens, by a checkpoint in transformers.

The same prompt as in training and serving: the processor's own chat template, the image first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import VidenceError, invalid_input, not_found
from core.images import ImageStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_NEW_TOKENS = 32
_GREY = 127
_MAX_BYTES, _MAX_PIXELS = 50_000_000, 100_000_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Asked:
    """One question, about an image file or none. `grey` shows a plain grey image instead."""

    question: str
    image: Path | None = None
    grey: bool = False


@dataclass(frozen=True)
class Reply:
    """An answer with the natural logarithm of each written token's probability, the end token left out."""

    text: str
    logprobs: tuple[float, ...] = ()
    logits: NDArray[np.float32] | None = field(default=None, compare=False)
    """Scores of the whole vocabulary at each written token and at the end, when they were asked for."""

    @property
    def confidence(self) -> float:
        """Geometric mean of the tokens' probabilities; 0 for an answer without tokens."""
        if not self.logprobs:
            return 0.0
        return min(1.0, math.exp(sum(self.logprobs) / len(self.logprobs)))


class Answerer(Protocol):
    """Something that answers questions about images."""

    def answer(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Reply]:
        """Return one reply a question, in order."""
        ...


def open_image(asked: Asked) -> NDArray[np.uint8] | None:
    """Return the question's image as RGB, shape (height, width, 3), decoded as in training and serving.

    Raises:
        VidenceError: `invalid_input` or `not_found` for one that cannot be read.
    """
    if asked.image is None:
        return None
    import numpy as np

    store = ImageStore(Path(), max_bytes=_MAX_BYTES, max_pixels=_MAX_PIXELS)
    try:
        pixels = store.decode(asked.image.read_bytes(), asked.image.name)
    except OSError as error:
        raise not_found(
            f"{asked.image} cannot be read",
            help="See what else is broken: vidence data verify NAME. "
            "Leave it out: vidence data curate NAME --out OTHER.",
        ) from error
    return np.full_like(pixels, _GREY) if asked.grey else pixels


def chat_of(asked: Asked) -> list[dict[str, Any]]:
    """Return the conversation that the chat template turns into the prompt."""
    text = {"type": "text", "text": asked.question}
    content = [text] if asked.image is None else [{"type": "image"}, text]
    return [{"role": "user", "content": content}]


class CheckpointAnswerer:
    """A model in this process. Use `open_checkpoint` to load one.

    Args:
        model: An image-text-to-text model of transformers, in evaluation mode.
        processor: Its processor.
        batch: Questions at once; only questions of the same length go together, so that no padding
            changes a result.
        keep_logits: Whether replies carry the scores of every token.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        batch: int = 8,
        max_new_tokens: int = MAX_NEW_TOKENS,
        keep_logits: bool = False,
    ) -> None:
        self.model = model
        self.processor = processor
        self._batch = batch
        self._max_new_tokens = max_new_tokens
        self._keep_logits = keep_logits

    def answer(self, asked: Sequence[Asked], progress: Progress | None = None) -> list[Reply]:
        """Return one reply a question, in order; `progress` hears how many are done."""
        prompts = [
            self.processor.apply_chat_template(chat_of(one), add_generation_prompt=True) for one in asked
        ]
        lengths = [
            (len(self.processor.tokenizer(prompt).input_ids), asked[i].image is None)
            for i, prompt in enumerate(prompts)
        ]
        replies: list[Reply | None] = [None] * len(asked)
        done = 0
        for places in _batches(lengths, self._batch):
            answers = self._generate([asked[i] for i in places], [prompts[i] for i in places])
            for place, reply in zip(places, answers, strict=True):
                replies[place] = reply
            done += len(places)
            if progress is not None:
                progress(done, len(asked))
        return [reply for reply in replies if reply is not None]

    def _generate(self, asked: Sequence[Asked], prompts: Sequence[str]) -> list[Reply]:
        import torch

        images = [image for image in map(open_image, asked) if image is not None]
        inputs = self.processor(images=images or None, text=list(prompts), return_tensors="pt", padding=True)
        device, dtype = self.model.device, self.model.dtype
        inputs = {
            name: value.to(device, dtype) if value.is_floating_point() else value.to(device)
            for name, value in inputs.items()
        }
        with torch.inference_mode():
            out = self.model.generate(
                **inputs,
                do_sample=False,
                num_beams=1,
                max_new_tokens=self._max_new_tokens,
                return_dict_in_generate=True,
                output_logits=True,
            )
        written = out.sequences[:, inputs["input_ids"].shape[1] :]
        scores = torch.stack(out.logits, dim=1).float()
        return [self._reply(written[row], scores[row]) for row in range(len(prompts))]

    def _reply(self, written: Any, scores: Any) -> Reply:
        ends = _end_tokens(self.model)
        tokens = list(itertools.takewhile(lambda token: token not in ends, written.tolist()))
        length = len(tokens)
        logprobs = scores[:length].log_softmax(-1).gather(1, written[:length, None])[:, 0]
        text = self.processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
        logits = scores[: length + 1].cpu().numpy() if self._keep_logits else None
        return Reply(text, tuple(float(value) for value in logprobs), logits)


def open_checkpoint(
    folder: Path,
    *,
    batch: int = 8,
    max_new_tokens: int = MAX_NEW_TOKENS,
    keep_logits: bool = False,
    dtype: str = "auto",
) -> CheckpointAnswerer:
    """Load a checkpoint folder: float32 on the CPU; on a GPU as it was saved, unless `dtype` names one.

    Raises:
        VidenceError: `unavailable` without torch and transformers; `invalid_input` for a folder that they
            cannot load.
    """
    torch, transformers = need_ml()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    wanted = "float32" if dtype == "auto" and device == "cpu" else dtype
    try:
        processor = transformers.AutoProcessor.from_pretrained(str(folder), local_files_only=True)
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            str(folder), dtype=wanted, local_files_only=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise invalid_input(
            f"transformers cannot load {folder}: {str(error).splitlines()[0]}",
            help="Give a checkpoint's folder with its processor.",
        ) from error
    model.eval().to(device)
    return CheckpointAnswerer(
        model, processor, batch=batch, max_new_tokens=max_new_tokens, keep_logits=keep_logits
    )


def need_ml() -> tuple[Any, Any]:
    """Return torch and transformers, quiet; raises `unavailable` with what to install."""
    try:
        import torch
        import transformers
    except ImportError as error:
        raise VidenceError(
            "unavailable", f"{error.name} is not installed", help="Run: make setup-ml"
        ) from error
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    return torch, transformers


def _batches(lengths: Sequence[Any], size: int) -> Iterator[list[int]]:
    """Yield the places of questions of equal length, at most `size` together."""
    groups: dict[Any, list[int]] = {}
    for place, length in enumerate(lengths):
        groups.setdefault(length, []).append(place)
    for length in sorted(groups):
        places = groups[length]
        yield from (places[start : start + size] for start in range(0, len(places), size))


def _end_tokens(model: Any) -> set[int]:
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, Iterable) else {ends}
