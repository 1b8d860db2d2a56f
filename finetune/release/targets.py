"""What can be asked: a registered model, a checkpoint's folder, or a server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import invalid_input
from finetune.release.answering import Answerer, open_checkpoint
from finetune.release.hashing import file_hashes, version_of
from finetune.release.registry import Registry

Backend = Literal["transformers", "served"]


@dataclass(frozen=True)
class Target:
    """A model with the version of its files; `name` is `NAME@VERSION` where it is registered."""

    name: str
    version: str
    folder: Path | None = None
    server: str = ""
    registered: bool = False

    @property
    def backend(self) -> Backend:
        """What runs it."""
        return "served" if self.server else "transformers"


def find_target(registry: Registry, spec: str) -> Target:
    """Return the model that a word means, its files hashed.

    Args:
        registry: Where models are registered.
        spec: `NAME[@VERSION]`, a checkpoint's folder, or `openai:BASE_URL#MODEL`.

    Raises:
        VidenceError: `not_found`, or `blocked` when a registered file was changed.
    """
    if spec.startswith("openai:"):
        if "#" not in spec:
            raise invalid_input(f"Not a server: {spec}", help="Use openai:BASE_URL#MODEL.")
        return Target(spec, "", server=spec)
    folder = Path(spec).expanduser()
    if (folder / "config.json").is_file():
        return Target(str(folder.resolve()), version_of(file_hashes(folder)), folder=folder.resolve())
    state = registry.resolve(spec)
    ref = f"{state.name}@{state.version}"
    return Target(ref, state.version, folder=registry.checkpoint(ref), registered=True)


def open_target(target: Target, *, batch: int = 8, api_key: str = "", timeout_s: float = 60.0) -> Answerer:
    """Load the model, or make the client of its server; raises what they raise."""
    if target.server:
        from finetune.release.served import ServedAnswerer

        base, _, model = target.server.removeprefix("openai:").partition("#")
        return ServedAnswerer(base, model, api_key=api_key, timeout_s=timeout_s)
    assert target.folder is not None
    return open_checkpoint(target.folder, batch=batch)
