"""The registry turns failures into typed errors and lends its tools to LangChain."""

from __future__ import annotations

from pathlib import Path

from core.errors import unavailable
from tests.support.fakes import FakeSearch, ScriptedPlanner, fake_services


async def test_a_tool_works_as_a_langchain_tool(tmp_path: Path) -> None:
    services = fake_services(tmp_path, ScriptedPlanner())
    tool = services.registry.as_langchain("search_text", services.tool_context("r", {}))
    result = await tool.ainvoke({"query": "x"})
    assert result["evidence"][0]["content"] == "The answer to x is 42."
    assert result["error"] is None


async def test_unknown_tools_bad_arguments_and_failures_are_typed_errors(tmp_path: Path) -> None:
    failing = FakeSearch(lambda _: unavailable("down"))
    services = fake_services(tmp_path, ScriptedPlanner(), failing)
    context = services.tool_context("r", {})
    call = services.registry.call
    kinds = [
        (await call(name, args, context)).error.kind  # type: ignore[union-attr]
        for name, args in (("nope", {}), ("search_text", {}), ("search_text", {"query": "x"}))
    ]
    assert kinds == ["not_found", "invalid_input", "unavailable"]
