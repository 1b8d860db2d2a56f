"""What a checkpoint is, by its content: the SHA-256 of each file, and the version over all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from core.errors import VidenceError, invalid_input, not_found

VERSION_DIGITS = 16
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, by its path with `/`, sorted.

    Raises:
        VidenceError: `not_found` without the folder; `invalid_input` for one without files.
    """
    if not folder.is_dir():
        raise not_found(f"There is no folder {folder}", help="Give the folder of a checkpoint.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise invalid_input(f"{folder} has no files", help="Give the folder of a checkpoint.")
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}


def version_of(files: Mapping[str, str]) -> str:
    """Return 16 hexadecimal digits that name these files: the start of the SHA-256 over path and hash."""
    lines = "".join(f"{files[path]}  {path}\n" for path in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()[:VERSION_DIGITS]


def check_files(folder: Path, expected: Mapping[str, str], name: str) -> None:
    """Compare a folder with the hashes that were recorded for it.

    Raises:
        VidenceError: `blocked`, naming the files that changed, went missing or were added.
    """
    found = file_hashes(folder) if folder.is_dir() else {}
    problems = [f"{path} is missing" for path in expected if path not in found]
    problems += [f"{path} was added" for path in found if path not in expected]
    problems += [
        f"{path} was changed" for path in expected if path in found and found[path] != expected[path]
    ]
    if problems:
        raise VidenceError(
            "blocked",
            f"{name} is not what was registered: {'; '.join(sorted(problems)[:5])}",
            help=f"Register it anew from its run, or restore the files in {folder}.",
        )
