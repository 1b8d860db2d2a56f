"""Reading text from an image with rapidocr (PP-OCR detection and recognition, in process)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from core.contracts import Box, OcrLine
from core.errors import unavailable
from models.ocr_layout import RawLine, Word, finish, moved, unturn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OCR_VERSION = "rapidocr-3.10-ppocr6-5"
"""Changes whenever the same pixels may give other lines; part of every cache key."""

_LONG_SIDE = 2000  # a page: longer adds seconds, not characters
_STRIP_WIDTH = 1200  # a long receipt is kept readable across and cut into tiles along
_TILE = 2400
_MAX_LENGTH = 24_000
_SMALL_SIDE = 480  # below it letters are a few pixels tall; enlarged before reading
_MIN_SCORE = 0.4
_GOOD_SCORE = 0.85
_TALL = 1.5  # the recogniser lays boxes taller than this on their side


class OcrReader:
    """Reads lines of text. The engine is built on first use and then kept; not thread-safe."""

    def __init__(self, *, threads: int = -1) -> None:
        self._threads = threads
        self._engine: Any = None

    def read_lines(self, pixels: NDArray[np.uint8]) -> list[OcrLine]:
        """Return the lines of an RGB image, shape (height, width, 3), in reading order.

        Boxes are in pixels of the image as given. A page that lies on its side or on its head is
        turned first. A blank image gives no lines.

        Raises:
            VidenceError: `unavailable` when rapidocr is not installed.
        """
        import numpy as np

        height, width = pixels.shape[:2]
        if min(height, width) < 4 or int(pixels.max()) - int(pixels.min()) < 8:
            return []
        raw = self._read_upright(pixels)
        best, turns = raw, 0
        for candidate in _other_turns(raw):
            turned = self._read_upright(np.ascontiguousarray(np.rot90(pixels, candidate)))
            if _quality(turned) > _quality(best) * 1.1:
                best, turns = turned, candidate
        if turns == 0:
            return finish(best, width=width, height=height)
        size = (height, width) if turns % 2 else (width, height)
        lines = finish(best, width=size[0], height=size[1])
        return [line.model_copy(update={"box": unturn(line.box, turns, width, height)}) for line in lines]

    def _read_upright(self, pixels: NDArray[np.uint8]) -> list[RawLine]:
        import cv2
        import numpy as np

        height, width = pixels.shape[:2]
        scale = _scale(width, height)
        if scale != 1.0:
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)
        lines: list[RawLine] = []
        for top, bottom in _tiles(pixels):
            found = self._read_tile(pixels[top:bottom])
            lines += [moved(line, scale=1 / scale, dy=top / scale) for line in found]
        return lines

    def _read_tile(self, pixels: NDArray[np.uint8]) -> list[RawLine]:
        engine = self._load()
        output = engine(pixels[:, :, ::-1].copy())
        if output.txts is None or output.boxes is None:
            return []
        lines = []
        for quad, text, score, words in zip(
            output.boxes, output.txts, output.scores, _words_of(output), strict=True
        ):
            line = _raw_line(quad, text, float(score), words)
            if _is_tall(line.box):
                line = self._reread_upright(pixels, line)
            if line.score >= _MIN_SCORE and line.text:
                lines.append(line)
        return lines

    def _reread_upright(self, pixels: NDArray[np.uint8], line: RawLine) -> RawLine:
        """A narrow box may hold one upright character, which the engine has laid on its side."""
        x0, y0, x1, y1 = (int(v) for v in line.box)
        crop = pixels[max(y0, 0) : y1 + 1, max(x0, 0) : x1 + 1]
        if crop.size == 0 or y1 - y0 > 3 * (x1 - x0):
            return line
        output = self._load()(crop[:, :, ::-1].copy(), use_det=False, use_cls=False, use_rec=True)
        # The engine keeps the switches of its last call.
        self._load().update_params(use_det=True, use_cls=False, use_rec=True)
        if not output.txts or not output.txts[0].strip() or float(output.scores[0]) <= line.score:
            return line
        return RawLine(output.txts[0].strip(), line.box, line.height, float(output.scores[0]))

    def _load(self) -> Any:
        if self._engine is None:
            try:
                from rapidocr import RapidOCR
            except ImportError as error:
                raise unavailable(
                    "Reading text needs rapidocr",
                    help="Install it: pip install 'vidence[vision]'.",
                    retryable=False,
                ) from error
            self._engine = RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.return_word_box": True,
                    "Global.max_side_len": _MAX_LENGTH,
                    "Global.text_score": 0.0,
                    # Its classifier turns short upright numbers on their head; whole pages that
                    # are turned are found by `read_lines` instead.
                    "Global.use_cls": False,
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                }
            )
        return self._engine


def _words_of(output: Any) -> list[Any]:
    words = list(output.word_results or ())
    return words if len(words) == len(output.txts) else [()] * len(output.txts)


def _raw_line(quad: Any, text: str, score: float, words: Any) -> RawLine:
    left_edge = math.dist(quad[0], quad[3])
    right_edge = math.dist(quad[1], quad[2])
    return RawLine(
        text=text.strip(),
        box=_around(quad),
        height=(left_edge + right_edge) / 2,
        score=score,
        words=tuple(Word(word[0], _around(word[2])) for word in words if word[2] is not None),
    )


def _around(quad: Any) -> Box:
    xs = [float(point[0]) for point in quad]
    ys = [float(point[1]) for point in quad]
    return (min(xs), min(ys), max(xs), max(ys))


def _is_tall(box: Box) -> bool:
    return box[3] - box[1] >= _TALL * (box[2] - box[0])


def _scale(width: int, height: int) -> float:
    long, short = max(width, height), min(width, height)
    if short < _SMALL_SIDE:
        return min(2.0, _SMALL_SIDE * 2 / short, max(1.0, _LONG_SIDE / long))
    if long <= _LONG_SIDE:
        return 1.0
    if height > 2 * width:
        return min(1.0, _STRIP_WIDTH / width, _MAX_LENGTH / height)
    return max(_LONG_SIDE / long, min(1.0, _SMALL_SIDE / short, _TILE * 2 / long))


def _tiles(pixels: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Cut a long strip into tiles, each cut in the emptiest row near its end."""
    import numpy as np

    height = pixels.shape[0]
    cuts = [0]
    while height - cuts[-1] > _TILE:
        low, high = cuts[-1] + _TILE * 3 // 4, cuts[-1] + _TILE
        ink = pixels[low:high, :, 1].astype(np.float32).std(axis=1)
        calm = np.convolve(ink, np.ones(5) / 5, mode="same")
        calm[:3] = calm[-3:] = np.inf  # the ends of the convolution see too few rows
        cuts.append(low + int(calm.argmin()))
    cuts.append(height)
    return list(pairwise(cuts))


def _other_turns(lines: list[RawLine]) -> tuple[int, ...]:
    """Which quarter turns are worth a try, from how the upright reading looks."""
    tall = sum(_is_tall(line.box) for line in lines)
    # Tall lines say nothing about a half turn: a chart's turned labels read badly either way up.
    words = [line for line in lines if len(line.text) >= 3 and not _is_tall(line.box)]
    if len(lines) >= 3 and tall > 0.6 * len(lines) and len(words) < 3:
        return (1, 3)
    if len(words) >= 3 and _mean_score(words) < _GOOD_SCORE:
        return (2,)
    return ()


def _mean_score(lines: list[RawLine]) -> float:
    weights = [len(line.text) for line in lines]
    total = sum(line.score * weight for line, weight in zip(lines, weights, strict=True))
    return total / max(sum(weights), 1)


def _quality(lines: list[RawLine]) -> float:
    """How much was read and how surely: the squared score keeps noise from counting as text."""
    return sum(len(line.text) * line.score**2 for line in lines)
