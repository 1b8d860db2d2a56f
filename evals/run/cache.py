"""Answers of models, kept by what was asked and by which model: a second run asks nothing twice."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.contracts import ModelRef
from core.sqlite_file import SqliteFile
from evals.run.header import Header, SuiteHeader
from evals.run.pictures import IMAGES, images_of
from evals.run.sample import Output, Sample, content_hash


class OutputCache(SqliteFile):
    """JSON values by key, in one SQLite file that threads and processes share."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.hits = 0

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table."""
        with connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS outputs (key TEXT PRIMARY KEY, body TEXT NOT NULL)"
            )

    def get(self, key: str) -> Any | None:
        """Return what is kept, or None."""
        with self.open() as connection:
            row = connection.execute("SELECT body FROM outputs WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        self.hits += 1
        return json.loads(row[0])

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value."""
        with self.open() as connection, connection:
            connection.execute("INSERT OR REPLACE INTO outputs VALUES (?, ?)", (key, json.dumps(value)))

    def model_call(
        self, job: str, model: ModelRef, content: Mapping[str, Any], make: Callable[[], Any]
    ) -> Any:
        """Return a model's answer, made only when it is not kept. Blocking.

        It is kept by content and model alone, so a change of any other code leaves it valid.

        Args:
            job: What is done, with its version when the steps around the model change.
            model: The model, with the hash of its weights.
            content: Everything that the answer depends on, as JSON; images by their hash.
            make: Asks the model; the answer is JSON. What it raises is raised and not kept.
        """
        key = content_hash([job, model.name, model.hash, dict(content)])
        known = self.get(key)
        if known is not None:
            return known
        value = make()
        self.put(key, value)
        return value


def output_key(
    header: Header, suite: SuiteHeader, sample: Sample, seed: int, pictures: Mapping[str, str] | None = None
) -> str:
    """Name a whole answer of a solver: by all that it depends on.

    That is its input with the content of its images (`pictures`, by name), what is searched, code, packages,
    settings, prompts, models and seed.
    """
    searched = {name: content for name, content in suite.rests_on.items() if name != IMAGES}
    return content_hash(
        [
            "solver",
            suite.name,
            suite.version,
            sample.id,
            sample.input,
            {name: content for name in images_of(sample) if (content := (pictures or {}).get(name))},
            searched,
            seed,
            header.code.sha256,
            header.code.packages,
            header.settings,
            header.prompts,
            {role: [ref.name, ref.hash] for role, ref in suite.models.items()},
        ]
    )


def kept_output(cache: OutputCache, key: str) -> Output | None:
    """Return a kept answer, marked as such."""
    body = cache.get(key)
    return None if body is None else Output.model_validate(body).model_copy(update={"cached": True})
