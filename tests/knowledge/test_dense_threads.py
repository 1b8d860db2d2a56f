"""Vectors in files, opened by several threads at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from knowledge.store.chroma import ChromaFiles


def use_at_once(folder: Path, count: int = 6) -> list[BaseException]:
    """Open a folder from several threads at the same moment, and return what they raised."""
    stores = [ChromaFiles(folder) for _ in range(count)]
    barrier = threading.Barrier(count)

    def use(store: ChromaFiles) -> int:
        barrier.wait()
        return store.count()

    with ThreadPoolExecutor(count) as pool:
        raised = [future.exception() for future in [pool.submit(use, store) for store in stores]]
    for store in stores:
        store.close()
    return [error for error in raised if error is not None]


def test_a_folder_that_several_threads_open_at_once_can_be_used_by_all(tmp_path: Path) -> None:
    for turn in range(3):
        assert not use_at_once(tmp_path / str(turn))
