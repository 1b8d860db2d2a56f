"""Reading a file of JSON lines into contracts."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import invalid_input, not_found
from finetune.data.lines import file_lines, first_problem

Line = TypeVar("Line", bound=BaseModel)


def read_lines(path: Path, kind: type[Line], what: str, fields: str) -> list[Line]:
    """Read a file of `what` (said in errors), each line with `fields`.

    Raises:
        VidenceError: `not_found`; `invalid_input` for an empty file, or naming the broken line.
    """
    if not path.is_file():
        raise not_found(f"There is no {what} file {path}", help=f"JSON lines: {fields}.")
    found: list[Line] = []
    for number, line in enumerate(file_lines(path), 1):
        if line.strip():
            try:
                found.append(kind.model_validate_json(line))
            except ValidationError as error:
                raise invalid_input(
                    f"{path}, line {number}: {first_problem(error)}", help=f"JSON lines: {fields}."
                ) from error
    if not found:
        raise invalid_input(f"{path} holds no {what}", help=f"JSON lines: {fields}.")
    return found
