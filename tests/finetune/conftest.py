"""What the tests of `finetune` share."""

from __future__ import annotations

import importlib.util

import pytest


@pytest.fixture(autouse=True)
def torch_where_marked(request: pytest.FixtureRequest) -> None:
    """Skip tests marked `ml` where torch and transformers are not installed, saying so."""
    if request.node.get_closest_marker("ml") is None:
        return
    missing = [name for name in ("torch", "transformers", "peft") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: make setup-ml")
    import torch

    # Tiny models: two threads on busy cores wait for each other longer than they work.
    torch.set_num_threads(1)
