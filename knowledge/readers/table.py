"""CSV and TSV: each row a record under its column names, rows grouped into pieces of sensible size."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core.contracts import Locator
from core.errors import invalid_input
from core.text import find_dates, find_numbers
from knowledge.readers.cutting import count_words
from knowledge.readers.decode import decode
from knowledge.records import FileFailure, IndexKind, Piece, SourceDocument

GROUP_WORDS = 160
"""Words and marks a piece: half of a passage's, because rows say little to each other."""
_SAMPLE = 64_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Row:
    """A record: its number from 1 (the header is none), its lines in the file, its text."""

    number: int
    lines: tuple[int, int]
    text: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table's column names and its rows."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def text(self) -> str:
        """The normalised text: a line a row. Every piece is a span of it."""
        return "\n".join(row.text for row in self.rows)


def table_documents(
    path: Path, data: bytes, doc_id: str, kind: IndexKind
) -> Iterator[SourceDocument | FileFailure]:
    """Yield the table as one document, or the images that it holds the captions of."""
    from knowledge.readers.captions import caption_documents, captions_of_rows

    table = read_table(decode(data), tab=path.suffix.lower() == ".tsv")
    captions = captions_of_rows(table)
    if captions and kind != "text":
        yield from caption_documents(path, captions)
        return
    yield SourceDocument(
        source=str(path),
        doc_id=doc_id,
        title=path.stem.replace("_", " "),
        sha256=hashlib.sha256(data).hexdigest(),
        pieces=partial(table_pieces, path, table),
        metadata={"rows": len(table.rows), "columns": len(table.header)},
    )


def read_table(text: str, *, tab: bool = False) -> Table:
    """Read a table; the delimiter and whether there is a header are told from its content.

    Raises:
        VidenceError: `invalid_input` for an empty table or one that does not parse.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tab else delimiter(text))
    rows: list[tuple[tuple[int, int], list[str]]] = []
    try:
        last = 0
        for cells in reader:
            lines = (last + 1, reader.line_num)
            last = reader.line_num
            if any(cell.strip() for cell in cells):
                rows.append((lines, [" ".join(cell.split()) for cell in cells]))
    except csv.Error as error:
        raise invalid_input(
            f"The table does not parse at line {reader.line_num}: {error}", help="Check its quotes."
        ) from error
    if not rows:
        raise invalid_input("The table holds no rows", help="Leave it out.")
    header, body = _header(rows)
    named = tuple(
        Row(number, lines, _row_text(header, cells), tuple(cells))
        for number, (lines, cells) in enumerate(body, start=1)
    )
    if not named:
        raise invalid_input("The table holds column names but no rows", help="Leave it out.")
    return Table(header, named)


def table_pieces(path: Path, table: Table) -> list[Piece]:
    """Return the rows in pieces; `row` is the first row's number, `lines` are those of the file."""
    pieces: list[Piece] = []
    group: list[Row] = []
    size = 0
    for row in table.rows:
        words = count_words(row.text)
        if group and size + words > GROUP_WORDS:
            pieces.append(_piece(path, group))
            group, size = [], 0
        group.append(row)
        size += words
    return [*pieces, _piece(path, group)]


def _piece(path: Path, group: list[Row]) -> Piece:
    return Piece(
        text="\n".join(row.text for row in group),
        kind="passage",
        locator=Locator(path=str(path), row=group[0].number, lines=(group[0].lines[0], group[-1].lines[1])),
        title=path.stem.replace("_", " "),
    )


def delimiter(text: str) -> str:
    """Return what separates the cells: the mark that gives most rows of the sample the same width."""
    sample = text[:_SAMPLE]
    if len(text) > _SAMPLE:
        sample = sample[: sample.rfind("\n") + 1] or sample
    best, best_score = ",", 0.0
    for mark in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=mark) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count) if widths else 1
        # Width counts a little: text with a comma in each line would else pass for a table by `,`.
        score = widths.count(usual) / len(widths) * (1 + min(usual, 20) / 100) if usual > 1 else 0.0
        if score > best_score:
            best, best_score = mark, score
    return best


def _header(
    rows: list[tuple[tuple[int, int], list[str]]],
) -> tuple[tuple[str, ...], list[tuple[tuple[int, int], list[str]]]]:
    """Return the column names and the rest. A first row of distinct, non-empty words is the header."""
    first = rows[0][1]
    width = max(len(cells) for _, cells in rows)
    has_header = (
        len({cell.lower() for cell in first}) == len(first)
        and all(first)
        and not any(_is_value(cell) for cell in first)
        and len(rows) > 1
    )
    names = list(first) if has_header else []
    names += [f"column {number}" for number in range(len(names) + 1, width + 1)]
    return tuple(names), rows[1:] if has_header else rows


def _is_value(cell: str) -> bool:
    """Whether a cell is a number or a date as a whole, which no column is called but by its year."""
    texts = [span.text for span in find_numbers(cell)] + [span.text for span in find_dates(cell)]
    whole = any(text.strip() == cell for text in texts)
    return whole and not (cell.isdigit() and len(cell) == 4)


def _row_text(header: tuple[str, ...], cells: list[str]) -> str:
    return "; ".join(f"{name}: {cell}" for name, cell in zip(header, cells, strict=False) if cell)
