"""Questions that a run is measured on and trained on alike: its figures would flatter."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from finetune.train.mixture import Source


def seen_in_training(trained: Iterable[Source[Any]], measured: Sequence[Source[Any]]) -> list[str]:
    """Return a warning for each measured data set of which images, or questions without one, are trained on.

    Images are told by their files' hash; near-duplicates are what `vidence data split` and `check` look for.
    """
    images: set[str] = set()
    texts: set[str] = set()
    for source in trained:
        for row in source.rows:
            (images if row.image_sha256 else texts).add(row.image_sha256 or row.question)
    both = images | texts
    warnings = []
    for source in measured:
        known = sum((row.image_sha256 or row.question) in both for row in source.rows)
        if known:
            warnings.append(
                f"{known:,} of {len(source.rows):,} questions of {source.name} that are measured on are "
                "about images (or texts) that are trained on: their figures flatter (see vidence data split)"
            )
    return warnings
