"""The global test switches: no network but loopback, no model hub, settings never from the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    LANGSMITH_TRACING="false",
    ANONYMIZED_TELEMETRY="False",
    RAGAS_DO_NOT_TRACK="true",
    LANGGRAPH_STRICT_MSGPACK="true",
    # Subprocesses are outside pytest's socket switch: this port refuses at once.
    VIDENCE_PUBMED_BASE_URL="http://127.0.0.1:9",
)

ROOMS = ["agents", "core", "evals", "finetune", "graph", "knowledge", "models", "server", "tools"]


@pytest.fixture(autouse=True)
def isolated_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test a data folder of its own and keep the user's config file out."""
    home = tmp_path / "home"
    monkeypatch.setenv("VIDENCE_HOME", str(home))
    monkeypatch.setenv("VIDENCE_CONFIG", str(tmp_path / "no-config.yaml"))
    return home


@pytest.fixture(autouse=True)
def no_blocking() -> Iterator[BlockBuster]:
    """Fail any async test in which code of ours blocks the event loop."""
    with blockbuster_ctx(scanned_modules=ROOMS) as found:
        yield found


@pytest.fixture(scope="session")
def data_root() -> Path:
    """Return the folder of public development sets, or skip, saying so."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("VIDENCE_DATA", default))
    if not root.is_dir():
        pytest.skip(f"the public development sets are not at {root}; set VIDENCE_DATA")
    return root
