"""Vectors in files, opened by several threads at once."""

from __future__ import annotations

import threading
from pathlib import Path

from knowledge.store.chroma import ChromaFiles


def test_a_folder_that_several_threads_open_at_once_can_be_used_by_all(tmp_path: Path) -> None:
    for turn in range(3):
        folder = tmp_path / str(turn)
        stores = [ChromaFiles(folder) for _ in range(6)]
        barrier = threading.Barrier(len(stores))
        failed: list[Exception] = []

        def use(store: ChromaFiles, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            try:
                store.count()
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=use, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        for store in stores:
            store.close()
