"""The list of tools that ship; adding a tool is adding its class here."""

from __future__ import annotations

from tools.base import Tool
from tools.compare_images import CompareImages
from tools.look import Look
from tools.read import ReadImage
from tools.read_chart import ReadChart
from tools.search_code import SearchCode
from tools.search_external import SearchExternal
from tools.search_images import SearchImages
from tools.search_pubmed import SearchPubMed
from tools.search_text import SearchText


def all_tools() -> list[Tool]:
    """Return one instance of every tool."""
    return [
        Look(),
        ReadImage(),
        ReadChart(),
        CompareImages(),
        SearchText(),
        SearchImages(),
        SearchPubMed(),
        SearchCode(),
        SearchExternal(),
    ]
