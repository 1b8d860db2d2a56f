"""Draws tables and asks for cells, extremes, counts and sums."""

from __future__ import annotations

from random import Random

from core.contracts import Box
from finetune.data.rows import Split
from finetune.synth.documents.sheet import Sheet
from finetune.synth.documents.words import LOOKS
from finetune.synth.made import Made, Question
from finetune.synth.tables import Table, made_table


def make_table(random: Random, split: Split) -> Made:
    """Make a table with two to six rows and one to four columns of numbers."""
    table = made_table(random, split, categories=random.randint(2, 7), series=random.randint(1, 4))
    look = random.choice(LOOKS[split])
    size = random.uniform(11, 16)
    names = (table.x, *table.series)
    rows = [
        (name, *(f"{row[index]:g}" for row in table.values)) for index, name in enumerate(table.categories)
    ]
    probe = Sheet(1, 1, look, size)
    pad = size * random.uniform(0.7, 1.4)
    wide = [
        max(probe.measure(str(r[c]), bold=not i) for i, r in enumerate([names, *rows])) + 2 * pad
        for c in range(len(names))
    ]
    deep = size * random.uniform(1.7, 2.3)
    left, top = size, size * (2.6 if random.random() < 0.8 else 1.0)
    sheet = Sheet(round(sum(wide) + 2 * left), round(top + deep * (len(rows) + 1) + size), look, size)
    if top > 2 * size:
        sheet.text(left, 0.7 * size, table.title, share=1.1, bold=True)
    boxes = _draw(sheet, [names, *rows], wide, deep, (left, top), pad)
    return Made(
        png=sheet.png(),
        group=f"table:{table.id}",
        split=split,
        questions=tuple(_questions(random, table, boxes)),
        source="synth-tables",
        metadata={"document": "table", "theme": look.name, "table": table.id},
    )


def _draw(
    sheet: Sheet,
    cells: list[tuple[str, ...]],
    wide: list[float],
    deep: float,
    at: tuple[float, float],
    pad: float,
) -> list[list[Box]]:
    left, top = at
    right, size = left + sum(wide), sheet.size
    sheet.band((left, top, right, top + deep))
    boxes = []
    for r, row in enumerate(cells):
        y, x, line = top + r * deep, left, []
        for c, text in enumerate(row):
            x_text = x + pad if c == 0 else x + wide[c] - pad
            line.append(
                sheet.text(
                    x_text, y + (deep - size) / 2 - 1, text, bold=r == 0, align="left" if c == 0 else "right"
                )
            )
            x += wide[c]
        boxes.append(line)
        if sheet.look.lines in ("all", "rows") or (sheet.look.lines == "head" and r == 0):
            sheet.rule(left, y + deep, right, y + deep)
    if sheet.look.lines == "all":
        x = left
        for width in [0.0, *wide]:
            x += width
            sheet.rule(x, top, x, top + deep * len(cells))
    return boxes


def _questions(random: Random, table: Table, boxes: list[list[Box]]) -> list[Question]:
    found = []
    for _ in range(2):
        r, c = random.randrange(len(table.categories)), random.randrange(len(table.series))
        what = f"the {table.series[c]} value of {table.categories[r]}"
        form = random.choice(("What is {}?", "How much is {}?", "Read {}."))
        found.append(_ask("cell", form.format(what), f"{table.values[c][r]:g}", boxes[r + 1][c + 1]))
    c = random.randrange(len(table.series))
    column = table.values[c]
    high = random.random() < 0.5
    best = (max if high else min)(column)
    if column.count(best) == 1:
        r = column.index(best)
        word = random.choice(("highest", "largest") if high else ("lowest", "smallest"))
        question = f"Which {table.x.lower()} has the {word} {table.series[c]} value?"
        found.append(_ask("extreme", question, table.categories[r], boxes[r + 1][0]))
    found.append(
        _ask(
            "row_count",
            "How many rows of data does the table have?",
            str(len(table.categories)),
            None,
            "rows",
        )
    )
    found.append(
        _ask(
            "column_count",
            "How many columns does the table have?",
            str(len(table.series) + 1),
            None,
            "columns",
        )
    )
    if all(float(value).is_integer() for value in column):
        total = f"{sum(column):g}" if sum(column) < 1e6 else str(int(sum(column)))
        found.append(_ask("sum", f"What is the sum of the {table.series[c]} column?", total, None))
    unique = list({(q.kind, q.question): q for q in found}.values())
    return unique


def _ask(kind: str, question: str, answer: str, box: Box | None, balance: str = "") -> Question:
    return Question(
        kind=f"table_{kind}", question=question, answers=(answer,), reading=kind not in ("row_count", "column_count"),
        boxes=(box,) if box else (), balance=balance,
    )  # fmt: skip
