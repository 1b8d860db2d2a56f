"""The one place where tools are registered, checked, called and timed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import ValidationError

from core.contracts import ToolError, ToolResult
from core.errors import VidenceError, not_found
from tools.base import Tool, ToolContext


class ToolRegistry:
    """Tools by name. Unknown names, bad arguments, failures and time-outs come back as errors."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools = {tool.name: tool for tool in tools}

    def names(self) -> list[str]:
        """Return the registered names in order."""
        return sorted(self._tools)

    def get(self, name: str) -> Tool:
        """Return a tool.

        Raises:
            VidenceError: `not_found`, listing what exists.
        """
        try:
            return self._tools[name]
        except KeyError:
            raise not_found(
                f"No tool is called `{name}`", help=f"Known tools: {', '.join(self.names())}."
            ) from None

    async def call(self, name: str, args: dict[str, Any], context: ToolContext) -> ToolResult:
        """Run a tool and return its evidence or a typed error; only cancellation escapes."""
        try:
            tool = self.get(name)
            checked = tool.arguments.model_validate(args)
            async with asyncio.timeout(context.settings.tool_timeout_s):
                return await tool.run(checked, context)
        except VidenceError as error:
            return ToolResult(error=ToolError.of(error))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            return _failed("invalid_input", f"{name}: `{where}` {first['msg']}", "Fix the argument.")
        except TimeoutError:
            return _failed(
                "timeout",
                f"{name} took longer than {context.settings.tool_timeout_s:g} s",
                "Raise VIDENCE_TOOL_TIMEOUT_S, or use a smaller input.",
                retryable=True,
            )
        except Exception as error:  # noqa: BLE001 - a tool's bug must not end the run
            return _failed("internal", f"{name} failed: {type(error).__name__}: {error}", "")

    def as_langchain(self, name: str, context: ToolContext) -> Any:
        """Return the tool as a LangChain `BaseTool` bound to a context."""
        from langchain_core.tools import StructuredTool

        tool = self.get(name)

        async def _run(**kwargs: Any) -> dict[str, Any]:
            result = await self.call(name, kwargs, context)
            return result.model_dump(mode="json")

        return StructuredTool.from_function(
            coroutine=_run, name=name, description=tool.description, args_schema=tool.arguments
        )


def _failed(kind: Any, message: str, help: str, *, retryable: bool = False) -> ToolResult:
    return ToolResult(error=ToolError(kind=kind, message=message, help=help, retryable=retryable))


@cache
def default_registry() -> ToolRegistry:
    """Build the registry of every tool that ships."""
    from tools.catalog import all_tools

    return ToolRegistry(all_tools())
