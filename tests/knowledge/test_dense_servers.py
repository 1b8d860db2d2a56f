"""Vectors on a server that several processes share: chromadb's and pgvector; typed errors without one."""

from __future__ import annotations

import gc
import shutil
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import VidenceError
from knowledge.collections import Collections
from tests.support.hash_embedder import HashEmbedder
from tests.support.postgres import postgres_server


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def chroma_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = shutil.which("chroma", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("chromadb's server program `chroma` is not installed")
    port = free_port()
    folder = tmp_path_factory.mktemp("chroma")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [program, "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)],
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            if process.poll() is not None:
                pytest.skip(f"`chroma run` ended at once: {(folder / 'log').read_text()[:300]}")
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


def whole_life(tmp_path: Path, docs: Path, url: str) -> None:
    """Add, search with a filter, replace, restore and drop, with a second process's reader beside."""
    writer = Collections(tmp_path / "c", HashEmbedder, dense_url=url)
    writer.add("home", [docs])
    writer.snapshot("home")
    reader = Collections(tmp_path / "c", HashEmbedder, dense_url=url)
    assert reader.search("home", "water roses in the morning", 1, mode="dense")[0].doc_id == "garden.txt"
    code = reader.search("home", "water roses", 5, mode="dense", where={"kind": "code"})
    assert {hit.kind for hit in code} == {"code"}
    assert not (tmp_path / "c" / "home" / "dense").exists()
    (docs / "garden.txt").write_text("Nothing grows here but moss.\n")
    writer.add("home", [docs])
    assert "moss" in reader.search("home", "moss grows", 1, mode="dense")[0].text
    assert writer.verify("home").ok
    writer.restore("home")
    assert "roses" in reader.search("home", "water roses", 1, mode="dense")[0].text
    assert reader.verify("home").ok
    writer._get("home").vectors.store(writer._get("home").manifest.leg("dense").state).delete([1])  # type: ignore[union-attr]
    assert writer.verify("home").missing_dense == 1
    assert writer.verify("home", repair=True).ok
    assert writer.verify("home").ok
    local = Collections(tmp_path / "c", HashEmbedder)
    with pytest.raises(VidenceError, match="dense_url") as caught:
        local.search("home", "roses")
    assert caught.value.kind == "unavailable"
    assert local.verify("home", repair=True).ok
    assert local.search("home", "water roses", 1, mode="dense")[0].doc_id == "garden.txt"
    for opened in (local, reader, writer):
        opened.close()


@pytest.mark.server
def test_vectors_on_a_chromadb_server(tmp_path: Path, docs: Path, chroma_url: str) -> None:
    with warnings.catch_warnings():
        # chromadb's HTTP client leaves the sockets of its session to the garbage collector, also when closed.
        warnings.simplefilter("ignore", ResourceWarning)
        whole_life(tmp_path, docs, chroma_url)
        gc.collect()


@pytest.mark.server
def test_vectors_in_postgresql(tmp_path: Path, docs: Path, postgres_url: str) -> None:
    whole_life(tmp_path, docs, postgres_url)


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:{port}", "postgresql://u:secret@127.0.0.1:{port}/x"])
def test_a_server_that_is_away_is_an_error_that_names_the_setting(
    tmp_path: Path, docs: Path, scheme: str
) -> None:
    if scheme.startswith("postgres"):
        pytest.importorskip("psycopg")
    away = Collections(tmp_path / "c", HashEmbedder, dense_url=scheme.format(port=free_port()))
    with pytest.raises(VidenceError) as caught:
        away.add("home", [docs])
    assert caught.value.kind == "unavailable"
    assert "VIDENCE_DENSE_URL" in caught.value.help
    assert "secret" not in caught.value.message
    away.close()


def test_a_url_of_no_known_kind_is_refused(tmp_path: Path, docs: Path) -> None:
    odd = Collections(tmp_path / "c", HashEmbedder, dense_url="mysql://here")
    with pytest.raises(VidenceError, match="dense_url"):
        odd.add("home", [docs])
    odd.close()
