"""The adaptive planner as a LangGraph state machine."""

from __future__ import annotations

import os

# Before langgraph is imported: checkpoints hold plain values, so nothing else may be loaded from them.
os.environ.setdefault("LANGGRAPH_STRICT_MSGPACK", "true")

import sqlite3
from functools import partial
from typing import TYPE_CHECKING, Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy

from core.settings import Settings, load_settings
from graph import edges
from graph.nodes.act import act
from graph.nodes.ask import ask
from graph.nodes.assess import assess
from graph.nodes.draft import draft
from graph.nodes.intake import intake
from graph.nodes.judge import judge
from graph.nodes.plan import plan
from graph.nodes.respond import respond
from graph.nodes.verify import verify
from graph.services import Services, open_services
from graph.state import ActInput, InputState, State
from graph.steps import Router, bind, routed

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver
    from langgraph.graph.state import CompiledStateGraph


NODE_SLACK_S = 10.0
"""A node may outlive its tools' own time limit by this much before LangGraph stops it."""


def build_graph(
    settings: Settings,
    *,
    checkpointer: BaseCheckpointSaver[Any] | None = None,
    services: Services | None = None,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile the graph; without a checkpointer it runs, but cannot resume or ask."""
    services = services or open_services(settings)
    # A store that is locked by another process is worth a second try; a wrong input is not.
    retry = RetryPolicy(max_attempts=3, retry_on=(sqlite3.OperationalError, ConnectionError))
    builder = StateGraph(State, input_schema=InputState)
    routers: dict[Any, tuple[Router, tuple[str, ...]]] = {
        intake: (edges.after_intake, ("plan", "respond")),
        plan: (partial(edges.after_plan, settings=settings), ("act", "ask", "draft", "respond")),
        assess: (edges.after_assess, ("plan", "draft")),
        judge: (edges.after_judge, ("plan", "respond")),
    }
    for node, (router, destinations) in routers.items():
        work = routed(bind(node.__name__, node, services), router)
        builder.add_node(node.__name__, work, retry_policy=retry, destinations=destinations)
    for node in (ask, draft, verify, respond):
        builder.add_node(node.__name__, bind(node.__name__, node, services), retry_policy=retry)
    builder.add_node(
        "act",
        bind("act", act, services),
        input_schema=ActInput,
        retry_policy=retry,
        timeout=settings.tool_timeout_s + NODE_SLACK_S,
    )
    builder.add_edge(START, "intake")
    builder.add_edge("act", "assess")
    builder.add_edge("ask", "plan")
    builder.add_edge("draft", "verify")
    builder.add_edge("verify", "judge")
    builder.add_edge("respond", END)
    return builder.compile(checkpointer=checkpointer, name="vidence")


def studio_graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Build the graph for LangGraph's server, which brings its own checkpointer."""
    return build_graph(load_settings())
