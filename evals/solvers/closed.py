"""The agent's tools as evals give them: nothing outside this machine is asked.

What PubMed says changes from day to day, and holds the papers that public questions were made of.
"""

from __future__ import annotations

from typing import ClassVar

from core.contracts import ToolResult
from core.errors import unavailable
from tools.base import ToolContext
from tools.catalog import all_tools
from tools.registry import ToolRegistry
from tools.search_pubmed import SearchPubMed, SearchPubMedArgs


class ClosedPubMed(SearchPubMed):
    """PubMed's tool, which says at once that it is not there."""

    version: ClassVar[str] = "closed"

    async def run(self, args: SearchPubMedArgs, context: ToolContext) -> ToolResult:
        """Raise `unavailable`."""
        raise unavailable("Evals do not ask PubMed", help="Ask with `vidence ask`.", retryable=False)


def closed_registry() -> ToolRegistry:
    """Return every tool that ships, with what needs the network closed."""
    return ToolRegistry(ClosedPubMed() if tool.name == ClosedPubMed.name else tool for tool in all_tools())
