"""Draws pages of text with headings and facts, and asks what they say."""

from __future__ import annotations

import hashlib
from random import Random

from core.contracts import Box
from finetune.data.rows import Split
from finetune.synth.documents.sheet import Sheet, wrap
from finetune.synth.documents.words import HEADINGS, LOOKS, PEOPLE, SUBJECTS, TOWNS, listed
from finetune.synth.made import Made, Question

_MONTHS = "January February March April May June July August September October November December".split()
_FILL = (
    "The work went on as planned.", "Nothing else was changed.", "The council will look at it again.", "Most of the comments were kind.",
    "A longer note is in the archive.", "The figures were checked twice.", "All of this takes time.", "Some details are still open.",
    "The office is open on weekdays.", "Photographs were taken on the day.",
)  # fmt: skip


def make_page(random: Random, split: Split) -> Made:
    """Make a page with two to four sections, each with one fact that can be asked for."""
    look, size = random.choice(LOOKS[split]), random.uniform(11, 15)
    width = round(size * random.uniform(34, 42))
    sheet, margin = Sheet(width, round(size * 70), look, size), 2.2 * size
    subject, author = random.choice(listed(SUBJECTS, split)), random.choice(listed(PEOPLE, split))
    title = f"{random.choice(('Report on', 'Notes on', 'Plan for'))} {subject}"
    number = random.randint(2, 180)
    asked: list[Question] = []
    y = margin
    at = sheet.text(margin, y, title, share=1.5, bold=True)
    asked.append(
        _ask(
            "page_title",
            random.choice(("What is the title of the page?", "What is the document's title?")),
            title,
            at,
        )
    )
    y += 2.4 * size
    at = sheet.text(margin, y, f"by {author}", share=0.95)
    asked.append(_ask("author", random.choice(("Who wrote this?", "Who is the author?")), author, at))
    y += 2.2 * size
    wanted = random.randint(2, min(4, len(listed(HEADINGS, split))))
    headings = random.sample(listed(HEADINGS, split), wanted)
    facts = random.sample(_FACTS, wanted)
    for heading, make in zip(headings, facts, strict=True):
        sheet.text(margin, y, heading, share=1.2, bold=True)
        y += 1.8 * size
        sentence, kind, question, answer = make(random, split)
        fill = random.sample(_FILL, random.randint(1, 3))
        where = random.randint(0, len(fill))
        text = " ".join([*fill[:where], sentence, *fill[where:]])
        boxes = []
        for line in wrap(sheet, text, width - 2 * margin):
            box = sheet.text(margin, y, line)
            if answer in line:
                boxes.append(_part(sheet, box, line, answer))
            y += 1.45 * size
        if len(boxes) == 1:
            asked.append(_ask(kind, question, answer, boxes[0]))
        y += 0.9 * size
    at = sheet.text(width / 2, y + 0.5 * size, str(number), align="center")
    asked.append(
        _ask(
            "page_number", random.choice(("What is the page number?", "Which page is this?")), str(number), at
        )
    )
    asked.append(
        _ask("section_count", "How many headed sections are on the page?", str(wanted), None, "sections")
    )
    first = f"What is the heading of the {('first', 'second')[0]} section?"
    asked.append(_ask("heading", first, headings[0], None))
    body = f"{title}{author}{headings}{[q.answers for q in asked]}"
    return Made(
        png=sheet.png(y + 2.6 * size),
        group=f"page:{hashlib.sha256(body.encode()).hexdigest()[:16]}",
        split=split,
        questions=tuple(asked),
        source="synth-pages",
        metadata={"document": "page", "theme": look.name},
    )


def _part(sheet: Sheet, box: Box, line: str, answer: str) -> Box:
    """Return the box of a part of a written line."""
    before = line.index(answer)
    x0 = box[0] + sheet.measure(line[:before])
    return (round(x0, 1), box[1], round(x0 + sheet.measure(answer), 1), box[3])


def _ask(kind: str, question: str, answer: str, box: Box | None, balance: str = "") -> Question:
    return Question(
        kind=kind,
        question=question,
        answers=(answer,),
        reading=True,
        boxes=(box,) if box else (),
        balance=balance,
    )


_Fact = tuple[str, str, str, str]


def _budget(random: Random, split: Split) -> _Fact:
    amount = f"${random.randint(12, 980)},{random.randint(0, 9)}00"
    return f"The budget was set at {amount}.", "amount", "How large is the budget?", amount


def _meeting(random: Random, split: Split) -> _Fact:
    day = f"{random.randint(1, 28)} {random.choice(_MONTHS)} {random.randint(2018, 2027)}"
    return f"The next meeting is on {day}.", "page_date", "When is the next meeting?", day


def _lead(random: Random, split: Split) -> _Fact:
    name = random.choice(listed(PEOPLE, split))
    return f"The group is led by {name} this year.", "person", "Who leads the group?", name


def _place(random: Random, split: Split) -> _Fact:
    town = random.choice(listed(TOWNS, split))
    return f"Work begins in {town} in the spring.", "place_name", "Where does the work begin?", town


def _share(random: Random, split: Split) -> _Fact:
    share = f"{random.randint(11, 94)}%"
    return (
        f"In the survey {share} of the people agreed.",
        "percent",
        "What share of the people agreed?",
        share,
    )


def _count(random: Random, split: Split) -> _Fact:
    count = str(random.randint(12, 480))
    return f"In all {count} letters were received.", "page_count", "How many letters were received?", count


_FACTS = (_budget, _meeting, _lead, _place, _share, _count)
