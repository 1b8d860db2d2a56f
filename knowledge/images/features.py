"""The features of images by content hash: computed once, kept beside the manifest, never out of date.

A file that is gone or has changed since it was indexed keeps the features of what was indexed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.sqlite_file import SqliteFile, select_in
from models.backbone import CLASSES_KEPT, DIM, FEATURES_VERSION, ImageFeatures

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCHEMA = """
CREATE TABLE IF NOT EXISTS features (
    sha256 TEXT NOT NULL, version TEXT NOT NULL, vector BLOB NOT NULL, classes BLOB NOT NULL,
    probabilities BLOB NOT NULL, boxes BLOB NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
    PRIMARY KEY (sha256, version));
"""
_BOX_STEPS = 255.0


class FeatureStore(SqliteFile):
    """One SQLite file a collection: 2.9 KB an image (half precision, boxes in steps of 1/255)."""

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables."""
        connection.executescript(_SCHEMA)

    def put(self, sha256: str, features: ImageFeatures, size: tuple[int, int]) -> None:
        """Keep the features of an image of that (width, height); each is a transaction of its own."""
        import numpy as np

        row = (
            sha256,
            FEATURES_VERSION,
            features.vector.astype(np.float16).tobytes(),
            features.classes.astype(np.int16).tobytes(),
            features.probabilities.astype(np.float16).tobytes(),
            np.round(features.boxes * _BOX_STEPS).astype(np.uint8).tobytes(),
            *size,
        )
        with self.open() as connection, connection:
            connection.execute("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def known(self) -> set[str]:
        """Return the hashes of the images that have features of the current version."""
        with self.open() as connection:
            rows = connection.execute("SELECT sha256 FROM features WHERE version = ?", (FEATURES_VERSION,))
            return {row[0] for row in rows}

    def get(self, hashes: Sequence[str]) -> dict[str, tuple[ImageFeatures, tuple[int, int]]]:
        """Return features and (width, height) by hash; images that have none are left out."""
        columns = "sha256, vector, classes, probabilities, boxes, width, height"
        statement = f"SELECT {columns} FROM features WHERE version = ? AND sha256 IN"
        with self.open() as connection:
            rows = select_in(connection, statement, hashes, FEATURES_VERSION)
        return {row[0]: (_features(row), (row[5], row[6])) for row in rows}


def _features(row: Sequence[Any]) -> ImageFeatures:
    import numpy as np

    def read(body: bytes, kind: Any, shape: tuple[int, ...]) -> NDArray[np.float32]:
        return np.frombuffer(body, dtype=kind).reshape(shape).astype(np.float32)

    return ImageFeatures(
        vector=read(row[1], np.float16, (DIM,)),
        classes=np.frombuffer(row[2], dtype=np.int16),
        probabilities=read(row[3], np.float16, (CLASSES_KEPT,)),
        boxes=read(row[4], np.uint8, (CLASSES_KEPT, 4)) / np.float32(_BOX_STEPS),
    )
