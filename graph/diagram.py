"""Draw the compiled graph: `python -m graph.diagram` renews the drawing in docs/architecture.md."""

from __future__ import annotations

import re
from pathlib import Path

from core.settings import Settings
from graph.app import build_graph

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "architecture.md"
_BLOCK = re.compile(r"(<!-- graph -->\n```mermaid\n).*?(```\n<!-- /graph -->)", re.S)


def mermaid() -> str:
    """Return the compiled graph as a Mermaid diagram."""
    drawing = build_graph(Settings()).get_graph().draw_mermaid(with_styles=False)
    return drawing.strip() + "\n"


def renewed(document: str) -> str:
    """Return the document with its drawing replaced by the compiled graph's."""
    return _BLOCK.sub(lambda match: match[1] + mermaid() + match[2], document)


if __name__ == "__main__":
    DOCUMENT.write_text(renewed(DOCUMENT.read_text()))
