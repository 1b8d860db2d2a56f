"""The entry point of `vidence`: offline by default, then the commands."""

from __future__ import annotations

import os

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "RAGAS_DO_NOT_TRACK": "true",
    "LANGSMITH_TRACING": "false",
    "ANONYMIZED_TELEMETRY": "False",
    "LANGGRAPH_STRICT_MSGPACK": "true",
}


def run(home: str = "") -> None:
    """Run the command line. No library may call a hub or a tracing service unless the user asks.

    Args:
        home: The data folder, for a process that the server begins; otherwise as the environment says.
    """
    if home:
        os.environ["VIDENCE_HOME"] = home
    for name, value in _OFFLINE.items():
        os.environ.setdefault(name, value)
    from server.cli.app import app

    app()
