"""Reading the files of public sets: JSON, JSON lines, tables, parquet, and images by name.

A broken file or line is a `Skip`, not an end: the rest is still converted.
"""

from __future__ import annotations

import csv
import filecmp
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import VidenceError, not_found, unavailable
from finetune.data.convert.base import Blob, Skip
from knowledge.readers.decode import decode

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


def existing(source: Path) -> Path:
    """Return the folder or file; raises `not_found` when it is not there."""
    path = source.expanduser()
    if not path.exists():
        raise not_found(f"There is nothing at {source}", help="Check the path of the data set's files.")
    return path


def find(root: Path, *patterns: str) -> list[Path]:
    """Return the files under a folder that match any pattern, sorted, each once; a file stands for itself."""
    if root.is_file():
        return [root] if any(root.match(pattern) for pattern in patterns) else []
    return sorted({path for pattern in patterns for path in root.rglob(pattern) if path.is_file()})


def load_json(path: Path) -> Any | Skip:
    """Return the value of a JSON file, or why it cannot be read."""
    try:
        return json.loads(decode(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        return Skip(str(path), "broken file", f"not JSON: {error}")
    except VidenceError as error:
        return Skip(str(path), "broken file", error.message)
    except OSError as error:
        return Skip(str(path), "unreadable file", str(error.strerror))


def json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, object) for each line; a line that is none is a skip."""
    try:
        text = decode(path.read_bytes())
    except (VidenceError, OSError) as error:
        yield Skip(str(path), "broken file", str(error))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path.name}:{number}"
        try:
            body = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Skip(where, "broken line", f"not JSON: {error}")
            continue
        if isinstance(body, dict):
            yield where, body
        else:
            yield Skip(where, "broken line", "no JSON object")


def objects(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, object) of a JSON list, JSON lines, parquet, CSV or Excel table, by the file's suffix."""
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson"):
        yield from json_lines(path)
    elif suffix == ".parquet":
        yield from parquet(path)
    elif suffix in (".csv", ".tsv"):
        yield from table(path)
    elif suffix == ".xlsx":
        yield from excel(path)
    else:
        body = load_json(path)
        if isinstance(body, Skip):
            yield body
            return
        items = body if isinstance(body, list) else _listed(body)
        if items is None:
            yield Skip(str(path), "broken file", "holds no list of records")
            return
        for number, item in enumerate(items):
            where = f"{path.name}[{number}]"
            yield (where, item) if isinstance(item, dict) else Skip(where, "broken line", "no JSON object")


def _listed(body: Any) -> list[Any] | None:
    if not isinstance(body, dict):
        return None
    return next(
        (body[key] for key in ("data", "rows", "questions", "items") if isinstance(body.get(key), list)), None
    )


def table(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, row) of a table with a header; commas, tabs or bars by what the header has."""
    try:
        text = decode(path.read_bytes())
    except (VidenceError, OSError) as error:
        yield Skip(str(path), "broken file", str(error))
        return
    head = text.split("\n", 1)[0]
    delimiter = max("\t|,", key=head.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    try:
        for number, row in enumerate(reader, 2):
            yield f"{path.name}:{number}", {str(key or "").strip(): value for key, value in row.items()}
    except csv.Error as error:
        yield Skip(str(path), "broken file", f"not a table: {error}")


def excel(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, row) of the first sheet of an Excel file; raises `unavailable` without openpyxl."""
    try:
        import openpyxl
    except ImportError as error:
        raise _missing("openpyxl", path) from error
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
        header = [str(cell or "").strip() for cell in next(rows, ())]
        for number, cells in enumerate(rows, 2):
            yield f"{path.name}:{number}", dict(zip(header, cells, strict=False))
        book.close()
    except (OSError, ValueError, KeyError, IndexError) as error:
        yield Skip(str(path), "broken file", f"not an Excel table: {error}")


def parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]] | Skip]:
    """Yield (place, row) of a parquet file as Hugging Face writes them; images are `Blob`s.

    Raises:
        VidenceError: `unavailable` without pyarrow.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise _missing("pyarrow", path) from error
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            # Small batches: the images of a batch are in memory together.
            for batch in file.iter_batches(batch_size=64):
                for row in batch.to_pylist():
                    where = f"{path.name}[{number}]"
                    yield where, {key: _blob(value, f"{where}.{key}") for key, value in row.items()}
                    number += 1
    except (OSError, pyarrow.ArrowException) as error:
        yield Skip(str(path), "broken file", f"not parquet: {error}")


def _blob(value: Any, name: str) -> Any:
    if isinstance(value, Mapping) and isinstance(value.get("bytes"), bytes):
        content = value["bytes"]
        return Blob(str(value.get("path") or name), partial(bytes, content))
    return Blob(name, partial(bytes, value)) if isinstance(value, bytes) else value


class Images:
    """The images of a set by the name that its annotations give, wherever they lie below a folder.

    Args:
        root: The set's folder.
        given: Another folder that the user named, looked in first.
    """

    def __init__(self, root: Path, given: Path | None = None) -> None:
        self._roots = [path for path in (given, root if root.is_dir() else root.parent) if path is not None]
        self._names: dict[str, list[Path]] | None = None
        self._folders: set[str] = set()

    def get(self, name: str, *folders: str) -> Path | None:
        """Return the image of this name, or nothing.

        Args:
            name: A file name or relative path; without a suffix, any image suffix fits.
            folders: Where to look first, relative to the root.
        """
        if not name or "\0" in name:
            return None
        for root in self._roots:
            for folder in (*folders, "", "images", "imgs", "img"):
                path = root / folder / name
                if self._inside(root, path) and path.is_file():
                    return path
        return self._elsewhere(name)

    @staticmethod
    def _inside(root: Path, path: Path) -> bool:
        # An annotation file may not name files outside its set (`../../secret.png`).
        return os.path.normpath(path).startswith(os.path.normpath(root) + os.sep)

    def _elsewhere(self, name: str) -> Path | None:
        """Return the image of this name in any folder, if it is clear which one is meant.

        None when several folders have different ones, or when the folder that the name says is there without
        it: another folder's `0001.jpg` is another picture.
        """
        known = self._by_name()
        found = known.get(Path(name).name) or known.get(Path(name).stem) or []
        above = Path(name).parent.name
        if above and above in self._folders:
            found = [path for path in found if path.parent.name == above]
        inside = [path for path in found if self._inside(self._roots[0], path)] or found
        return inside[0] if inside and _all_same(inside) else None

    def _by_name(self) -> dict[str, list[Path]]:
        if self._names is None:
            self._names = {}
            self._folders = set()
            seen = {path for root in self._roots for path in root.rglob("*")}
            for path in sorted(seen):
                if path.suffix.lower() in IMAGE_SUFFIXES:
                    for key in {path.stem, path.name}:
                        self._names.setdefault(key, []).append(path)
                    self._folders.add(path.parent.name)
        return self._names


def _all_same(paths: Sequence[Path]) -> bool:
    """Whether files hold the same bytes: some downloads carry an image twice."""
    return len(paths) == 1 or all(filecmp.cmp(paths[0], path, shallow=False) for path in paths[1:])


def _missing(package: str, path: Path) -> VidenceError:
    return unavailable(
        f"{path.name} needs the package {package}, which is not installed",
        help="pip install 'vidence[data]'",
        retryable=False,
    )
