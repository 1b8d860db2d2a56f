"""Rows to tensors, by the model's own processor: the same text and pixels as in serving.

A prompt is the processor's chat template over one user turn (the image, then the question); an answer is what
the template puts after it, up to the end-of-turn token. Answers are tokenised on their own, because that is
how they are generated: after the prompt's last token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import VidenceError, invalid_input
from core.images import ImageStore
from finetune.train.packing import Turn, pack_turns, visible

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Features = Callable[[str, NDArray[np.uint8]], NDArray[np.float16]]

_MAX_BYTES, _MAX_PIXELS = 50_000_000, 100_000_000


@dataclass(frozen=True)
class Ask:
    """A question, its image file and its hash (or none), and the answer to learn."""

    where: str
    question: str
    answer: str
    image: Path | None = None
    sha256: str = ""


@dataclass
class Batch:
    """What one forward pass takes.

    `inputs` goes to the model. `take` (M) are flat positions (row x length + place) whose output predicts
    `targets` (M), tokens of turn `turns` (M), of `count` turns. `skipped` are turns that had to be left out.
    """

    inputs: dict[str, Any]
    take: torch.Tensor
    targets: torch.Tensor
    turns: torch.Tensor
    count: int
    skipped: list[tuple[str, str]] = field(default_factory=list)


class Encoder:
    """Turns asks into batches.

    Args:
        processor: The checkpoint's processor, with its chat template.
        max_tokens: Longest sequence; what is longer is left out and reported.
        packs: Whether turns about one image may share a sequence: only where an image always takes the same
            number of tokens and positions are one-dimensional (LLaVA).
        features: Gives a frozen tower's features, shape (tokens, width), by the image's hash and pixels;
            they take the pixels' place in the batch.
        whole: Whether a pack is left out altogether when one of its turns has to be (pairs of answers).
    """

    def __init__(
        self,
        processor: Any,
        *,
        max_tokens: int,
        packs: bool,
        features: Features | None = None,
        whole: bool = False,
    ) -> None:
        self._processor = processor
        self._tokenizer = processor.tokenizer
        self._max_tokens = max_tokens
        self._packs = packs
        self._features = features
        self._whole = whole
        self.problems: list[tuple[str, str]] = []
        self._image_tokens = 0
        self._turns: dict[tuple[bool, str, str], Turn] = {}
        self._images = ImageStore(Path(), max_bytes=_MAX_BYTES, max_pixels=_MAX_PIXELS)

    def batch(self, packs: Sequence[Sequence[Ask]]) -> Batch | None:
        """Encode packs of asks; None when nothing of them can be used, see `problems` then."""
        self.problems = []
        encoded = self._packed(packs) if self._packs else self._plain(packs)
        if encoded is not None:
            encoded.skipped = self.problems
        return encoded

    def pixels(self, path: Path) -> NDArray[np.uint8]:
        """Return an image as RGB, decoded as in serving; raises `VidenceError` for a broken one."""
        return self._images.decode(path.read_bytes(), path.name)

    def _packed(self, packs: Sequence[Sequence[Ask]]) -> Batch | None:
        sequences, pictures, hashes = [], [], []
        for pack in packs:
            picture = self._picture(pack[0])
            if picture is False:
                continue
            turns = [turn for ask in pack if (turn := self._turn(ask, picture)) is not None]
            if not turns or (self._whole and len(turns) < len(pack)):
                continue
            packed = pack_turns(turns)
            sequences.append(packed)
            if picture is not None:
                pictures.append(picture)
                hashes.append(pack[0].sha256)
        if not sequences:
            return None
        return self._tensors(sequences, pictures, hashes)

    def _tensors(self, sequences: Sequence[Any], pictures: Sequence[Any], hashes: Sequence[str]) -> Batch:
        import numpy as np
        import torch

        length = max(len(item.tokens) for item in sequences)
        shape = (len(sequences), length)
        tokens = np.full(shape, self._pad_id(), dtype=np.int64)
        positions = np.zeros(shape, dtype=np.int64)
        segments = np.full(shape, -1, dtype=np.int64)
        take: list[int] = []
        targets: list[int] = []
        turns: list[int] = []
        count = 0
        for row, item in enumerate(sequences):
            size = len(item.tokens)
            tokens[row, :size] = item.tokens
            positions[row, :size] = item.positions
            segments[row, :size] = item.segments
            take += [row * length + place for place in item.take]
            targets += item.targets
            turns += [count + turn for turn in item.turns]
            count += max(item.turns) + 1
        inputs: dict[str, Any] = {
            "input_ids": torch.from_numpy(tokens),
            "position_ids": torch.from_numpy(positions),
            "attention_mask": torch.from_numpy(visible(segments)),
        }
        if pictures and self._features is not None:
            kept = [self._features(sha, image) for sha, image in zip(hashes, pictures, strict=True)]
            inputs["image_features"] = torch.from_numpy(np.stack(kept))
        elif pictures:
            found = self._processor.image_processor(list(pictures), return_tensors="pt")
            inputs["pixel_values"] = found["pixel_values"]
        return Batch(inputs, torch.tensor(take), torch.tensor(targets), torch.tensor(turns), count)

    def _plain(self, packs: Sequence[Sequence[Ask]]) -> Batch | None:
        """Encode one turn a sequence, whatever the model: prompts padded left, answers after them."""
        import torch

        prompts, answers, pictures, kept = [], [], [], []
        for group, ask in ((pack, one) for pack in packs for one in pack):
            picture = self._picture(ask)
            if picture is False:
                continue
            kept.append(group)
            prompt, rest = self._texts(ask.question, ask.answer, picture is not None)
            prompts.append(prompt)
            answers.append(self._ids(rest, special=False))
            if picture is not None:
                pictures.append(picture)
        if not prompts:
            return None
        found = dict(
            self._processor(
                text=prompts,
                **({"images": pictures} if pictures else {}),
                padding=True,
                padding_side="left",
                return_tensors="pt",
            )
        )
        rows, start = found["input_ids"].shape
        most = max(len(answer) for answer in answers) - 1
        lengths = found["attention_mask"].sum(1).tolist()
        long = {
            id(pack)
            for pack, length, answer in zip(kept, lengths, answers, strict=True)
            if length + len(answer) > self._max_tokens
        }
        if long:
            self.problems += [(p[0].where, f"over {self._max_tokens} tokens") for p in packs if id(p) in long]
            others = [pack for pack in packs if id(pack) not in long]
            return self._plain(others) if others else None
        tail = torch.full((rows, most), self._pad_id())
        mask = torch.zeros((rows, most), dtype=found["attention_mask"].dtype)
        take: list[int] = []
        for row, answer in enumerate(answers):
            tail[row, : len(answer) - 1] = torch.tensor(answer[:-1])
            mask[row, : len(answer) - 1] = 1
            take += [row * (start + most) + start - 1 + at for at in range(len(answer))]
        for name, value in found.items():
            if name == "attention_mask":
                found[name] = torch.cat([value, mask], 1)
            elif name == "input_ids":
                found[name] = torch.cat([value, tail], 1)
            elif value.shape[:2] == (rows, start) and value.ndim == 2:  # token types
                found[name] = torch.cat([value, torch.zeros_like(tail, dtype=value.dtype)], 1)
        turns = [row for row, answer in enumerate(answers) for _ in answer]
        targets = [token for answer in answers for token in answer]
        return Batch(found, torch.tensor(take), torch.tensor(targets), torch.tensor(turns), rows)

    def _picture(self, ask: Ask) -> NDArray[np.uint8] | bool | None:
        """Return the pixels, None without an image, False for one that cannot be read."""
        if ask.image is None:
            return None
        try:
            return self.pixels(ask.image)
        except (VidenceError, OSError) as error:
            self.problems.append((ask.where, str(error)))
            return False

    def _turn(self, ask: Ask, picture: Any) -> Turn | None:
        key = (picture is not None, ask.question, ask.answer)
        turn = self._turns.get(key)
        if turn is None:
            prompt, rest = self._texts(ask.question, ask.answer, picture is not None)
            if picture is not None:
                prompt = prompt.replace(
                    self._image_token(), self._image_token() * self._tokens_of(picture, prompt)
                )
            turn = Turn(self._ids(prompt), self._ids(rest, special=False))
            self._turns[key] = turn
        if len(turn.prompt) + len(turn.answer) > self._max_tokens:
            self.problems.append((ask.where, f"over {self._max_tokens} tokens"))
            return None
        return turn

    def _texts(self, question: str, answer: str, has_image: bool) -> tuple[str, str]:
        image = [{"type": "image"}] if has_image else []
        user = {"role": "user", "content": [*image, {"type": "text", "text": question}]}
        reply = {"role": "assistant", "content": [{"type": "text", "text": answer.strip()}]}
        template = self._processor.apply_chat_template
        prompt = str(template([user], add_generation_prompt=True, tokenize=False))
        whole = str(template([user, reply], tokenize=False))
        if not whole.startswith(prompt):
            raise invalid_input(
                "The checkpoint's chat template does not put an answer after its generation prompt",
                help="Use a checkpoint with a plain chat template (no thinking block).",
            )
        rest = whole[len(prompt) :].rstrip()
        end = str(self._tokenizer.eos_token or "")
        return prompt, rest if end and rest.endswith(end) else rest + end

    def _ids(self, text: str, *, special: bool = True) -> tuple[int, ...]:
        begun = self._tokenizer.bos_token and text.startswith(self._tokenizer.bos_token)
        found = self._tokenizer(text, add_special_tokens=special and not begun)
        return tuple(found["input_ids"])

    def _image_token(self) -> str:
        return str(self._processor.image_token)

    def _tokens_of(self, picture: Any, prompt: str) -> int:
        """Return how many tokens an image takes, asked of the processor once."""
        if not self._image_tokens:
            found = self._processor(images=[picture], text=[prompt])
            ids = list(found["input_ids"][0])
            self._image_tokens = ids.count(self._tokenizer.convert_tokens_to_ids(self._image_token()))
        return self._image_tokens

    def _pad_id(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad if pad is not None else self._tokenizer.eos_token_id)
