"""The drawing in the documentation is the compiled graph."""

from __future__ import annotations

from graph.diagram import DOCUMENT, mermaid, renewed


def test_the_documented_graph_is_the_compiled_one() -> None:
    text = DOCUMENT.read_text()
    assert mermaid() in text
    assert renewed(text) == text, "run `make diagram`"
