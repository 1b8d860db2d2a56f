"""Train, dev and test apart: nothing that is tested on was seen in training.

Rows belong together when they share an image (the same file, the same pixels, or nearly), a `group`, or,
without an image, their text. Official splits are kept; where one of these bundles lies in two of them, the
split that is tested on keeps its rows and the other loses its rows of the bundle, and the leak is reported.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.errors import invalid_input
from finetune.data.near import same_texts
from finetune.data.rows import SPLITS, Split, TrainRow
from knowledge.seen import question_key

_EXAMPLES = 5


@dataclass(frozen=True)
class Shares:
    """How much of the bundles without an official split goes to dev and to test."""

    dev: float = 0.0
    test: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the shares; raises `invalid_input`."""
        if min(self.dev, self.test) < 0 or self.dev + self.test >= 1:
            raise invalid_input(
                f"Shares of dev {self.dev:g} and test {self.test:g} leave nothing to train on",
                help="Use shares from 0, together below 1, for example --dev 0.1 --test 0.1.",
            )


@dataclass
class SplitReport:
    """What was assigned, and which bundles lay in several official splits."""

    bundles: int = 0
    assigned: Counter[str] = field(default_factory=Counter)
    leaks: Counter[str] = field(default_factory=Counter)
    removed: int = 0
    examples: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "bundles": self.bundles,
            "assigned": dict(self.assigned),
            "leaks": dict(self.leaks),
            "removed": self.removed,
            "examples": self.examples,
        }


def bundles(rows: Sequence[TrainRow], same_image: Mapping[str, str]) -> list[list[TrainRow]]:
    """Return the rows in bundles that must stay in one split; the order of the rows plays no part.

    Args:
        rows: The rows.
        same_image: For each image the one that stands for it (`finetune.data.near.same_images`).
    """
    owner: dict[str, str] = {}

    def root(key: str) -> str:
        owner.setdefault(key, key)
        while owner[key] != key:
            owner[key] = owner[owner[key]]
            key = owner[key]
        return key

    texts = same_texts([row for row in rows if row.image_sha256 is None])
    for row in rows:
        keys = [f"row:{row.id}", f"group:{row.group}"]
        if row.image_sha256:
            keys.append(f"image:{same_image.get(row.image_sha256, row.image_sha256)}")
        else:
            keys += [f"row:{texts[row.id]}", f"text:{question_key(row.question)}"]
        for key in keys[1:]:
            low, high = sorted((root(keys[0]), root(key)))
            owner[high] = low
    found: dict[str, list[TrainRow]] = defaultdict(list)
    for row in sorted(rows, key=lambda one: one.id):
        found[root(f"row:{row.id}")].append(row)
    return [found[key] for key in sorted(found)]


def split_rows(
    rows: Sequence[TrainRow],
    same_image: Mapping[str, str],
    shares: Shares | None = None,
    *,
    again: bool = False,
) -> tuple[list[TrainRow], SplitReport]:
    """Return rows whose splits share nothing.

    Args:
        rows: The rows; those with `metadata.origin.official_split` keep their split.
        same_image: For each image the one that stands for it.
        shares: Of bundles without an official split; they stay where they are when both shares are 0.
        again: Forget the official splits and draw all anew.
    """
    shares = shares or Shares()
    report = SplitReport()
    kept: list[TrainRow] = []
    for bundle in bundles(rows, same_image):
        report.bundles += 1
        official = {row.split for row in bundle if _official(row)} if not again else set()
        if not official and (shares.dev or shares.test):
            split = _drawn(bundle, shares)
            kept += [row.model_copy(update={"split": split}) for row in bundle]
            report.assigned[split] += len(bundle)
            continue
        held = {row.split for row in bundle}
        if len(held) == 1:
            kept += bundle
            continue
        strict = max(held, key=SPLITS.index)
        stay = [row for row in bundle if row.split == strict]
        kept += stay
        for row in bundle:
            if row.split != strict:
                report.leaks[f"{row.split} in {strict}"] += 1
        report.removed += len(bundle) - len(stay)
        if len(report.examples) < _EXAMPLES:
            gone = next(row for row in bundle if row.split != strict)
            report.examples.append(
                f"{gone.id} ({gone.split}) shares with {stay[0].id} ({strict}): {gone.question[:80]}"
            )
    return kept, report


def _official(row: TrainRow) -> bool:
    origin = row.metadata.get("origin")
    return row.split != "train" or (isinstance(origin, dict) and bool(origin.get("official_split")))


def _drawn(bundle: Sequence[TrainRow], shares: Shares) -> Split:
    """Draw a split from the bundle's name, so that it never changes when other rows come or go."""
    name = min(row.group if row.image_sha256 is None else row.image_sha256 for row in bundle)
    digest = hashlib.sha256(f"{shares.seed}:{name}".encode()).digest()
    at = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if at < shares.test else "dev" if at < shares.test + shares.dev else "train"
