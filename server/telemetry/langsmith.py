"""LangSmith's traces, by setting: what LangGraph tells its tracer, masked before it leaves.

Sent are the graph's and its nodes' inputs and outputs: the question, plan, snippets of evidence (120
characters), candidates and the answer, with secrets and personal data masked as in logs. Images are known to
the state by their hash alone; should any text hold one as a data URL, it is cut out. LangSmith's client adds
its `LANGSMITH_` variables without keys, and the revision of the git folder that the server was started in.
Nothing is sent unless `langsmith_tracing` is on, whatever LangChain's own variables say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.errors import invalid_input
from core.secrets import secret_values
from core.settings import Settings
from server.telemetry.redact import Redactor

CLOSE_S = 3.0
"""How long the end of the process waits for LangSmith."""
TIMEOUT_MS = (2_000, 5_000)
LONGEST = 4_000
"""Characters of a text that are sent."""
REMEMBERED = 4_096
"""Texts whose masked form is remembered."""


@dataclass(frozen=True)
class Tracer:
    """What LangGraph calls, and what ends it."""

    callback: Any
    close: Callable[[], None]


def check(settings: Settings) -> None:
    """Raise `invalid_input` when traces are asked for without a key."""
    if settings.langsmith_tracing and not settings.langsmith_api_key:
        raise invalid_input(
            "LangSmith's traces are on, and there is no key for it",
            help="Set VIDENCE_LANGSMITH_API_KEY, or VIDENCE_LANGSMITH_TRACING=false.",
        )


def open_tracer(settings: Settings) -> Tracer:
    """Return a tracer that sends in the background. Imports; call it in a thread."""
    from langchain_core.env import get_runtime_environment
    from langchain_core.tracers import LangChainTracer
    from langsmith import Client
    from langsmith.env import get_langchain_env_var_metadata

    # They ask git and the system by processes, once: here, not on the event loop.
    get_langchain_env_var_metadata()
    get_runtime_environment()
    # The client masks where a node ends, on the event loop; a state says the same texts at every node.
    redact = lru_cache(maxsize=REMEMBERED)(_short(Redactor(secret_values(settings))))
    client = Client(
        api_url=settings.langsmith_endpoint,
        api_key=settings.langsmith_api_key,
        workspace_id=settings.langsmith_workspace_id or None,
        timeout_ms=TIMEOUT_MS,
        anonymizer=lambda values: masked(values, redact),
        omit_traced_runtime_info=True,
    )
    callback = LangChainTracer(project_name=settings.langsmith_project, client=client)
    return Tracer(callback, lambda: client.cleanup(timeout=CLOSE_S))


def _short(redact: Redactor) -> Callable[[str], str]:
    # Somewhat more is masked: what is cut in two is not known any more.
    return lambda text: redact(text[: LONGEST + 500])[:LONGEST]


def masked(values: Any, redact: Callable[[str], str]) -> Any:
    """Return a copy of plain values with every string masked; bytes are left out."""
    if isinstance(values, str):
        return redact(values)
    if isinstance(values, dict):
        return {str(key): masked(value, redact) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [masked(value, redact) for value in values]
    if isinstance(values, (bytes, bytearray)):
        return f"[{len(values)} bytes]"
    return values
