"""The lines of a file of JSON lines."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from core.errors import invalid_input


def first_problem(error: ValidationError) -> str:
    """Return the first thing that is wrong with a line, with the field that it is about."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    return f"{field}: {first['msg']}" if field else str(first["msg"])


def file_lines(path: Path, *, errors: str = "strict") -> list[str]:
    """Return the lines of a UTF-8 file, which a line feed ends and nothing else.

    JSON may hold U+2028 and U+0085 as they are (text from the web does), at which `str.splitlines` breaks.

    Raises:
        VidenceError: `invalid_input` for a file in another encoding, unless `errors` is `replace`.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise invalid_input(
            f"{path} is not UTF-8 text (byte {error.start:,})", help="Save it as UTF-8."
        ) from error
    return text.removesuffix("\n").split("\n") if text else []
