"""Text out of XML that came over the network: nothing inside an element is lost, and bombs are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from core.errors import VidenceError, unavailable

_SPACE = re.compile(r"\s+")


def text_of(node: Element | None) -> str:
    """Return all text inside an element with its white space folded."""
    return "" if node is None else _SPACE.sub(" ", "".join(_texts(node))).strip()


def texts_at(node: Element, path: str) -> tuple[str, ...]:
    """Return the texts of all elements at a path, without empty ones."""
    return tuple(text for item in node.iterfind(path) if (text := text_of(item)))


def _texts(node: Element) -> Iterator[str]:
    # Inside a formula white space is layout only: V, O and 2 of three lines are one symbol.
    if node.tag.rpartition("}")[2] == "math":
        yield "".join(part.strip() for part in node.itertext())
        return
    yield node.text or ""
    for child in node:
        yield from _texts(child)
        yield child.tail or ""


def read_root(body: bytes, *expected: str) -> Element:
    """Parse XML and check its outermost element.

    Args:
        body: The reply.
        expected: Names that the outermost element may have; any when empty.

    Raises:
        VidenceError: `unavailable`, worth another try, for what is not whole XML or not what was asked for.
    """
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise VidenceError(
            "unavailable",
            f"PubMed's reply is not whole XML ({error})",
            help="Try again in a minute.",
            retryable=True,
        ) from error
    if expected and root.tag not in expected:
        said = text_of(root)[:200]
        raise unavailable(f"PubMed did not answer with {expected[0]}: {said}", help="Try again in a minute.")
    return root
