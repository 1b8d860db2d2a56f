"""File types that Vidence does not read itself, by any llama-index reader that the settings name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from core.errors import invalid_input, unavailable
from knowledge.readers.cutting import split_text
from knowledge.records import Piece


def llama_pieces(path: Path, reader: str) -> list[Piece]:
    """Return the text of a file as a llama-index reader gives it; its page labels become pages.

    Args:
        path: The file.
        reader: `package.module:Class`, a `BaseReader` whose `load_data` takes the file.

    Raises:
        VidenceError: `unavailable` when the reader cannot be loaded; `invalid_input` when it gives no text.
    """
    documents: list[Any] = list(_load(reader)().load_data(path))
    pieces: list[Piece] = []
    for document in documents:
        label = str(document.metadata.get("page_label", ""))
        pieces += split_text(
            document.text,
            title=path.stem.replace("_", " "),
            path=str(path),
            page=int(label) if label.isdigit() else None,
            lines=False,
        )
    if not pieces:
        raise invalid_input("The file holds no text", help="Leave it out, or save it as PDF.")
    return pieces


def _load(reader: str) -> Any:
    module, _, name = reader.partition(":")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise unavailable(
            f"The reader `{reader}` cannot be loaded: {error}",
            help="Install its package (for example llama-index-readers-file) or mend `file_readers`.",
            retryable=False,
        ) from error
