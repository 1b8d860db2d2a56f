"""Draws receipts and asks for their fields. Sums are right to the cent."""

from __future__ import annotations

import hashlib
from random import Random

from core.contracts import Box
from finetune.data.rows import Split
from finetune.synth.documents.sheet import Sheet
from finetune.synth.documents.words import COMPANIES, GOODS, LOOKS, STREETS, TOWNS, listed
from finetune.synth.made import Made, Question

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def make_receipt(random: Random, split: Split) -> Made:
    """Make a receipt with two to nine items; SROIE's fields (company, date, address, total) and more are asked."""
    look, size = random.choice(LOOKS[split]), random.uniform(12, 16)
    width = round(size * random.uniform(24, 30))
    sheet = Sheet(width, round(size * 60), look, size)
    company = random.choice(listed(COMPANIES, split))
    street = f"{random.randint(1, 240)} {random.choice(listed(STREETS, split))}"
    town = f"{random.randint(10000, 99999)} {random.choice(listed(TOWNS, split))}"
    iso, date = _date(random)
    number = f"{random.choice(('INV', 'R', 'NO'))}-{random.randint(1000, 99999)}"
    currency = random.choice(("$", "£", "€", ""))
    items = [
        (name, random.choice((1, 1, 1, 2, 2, 3, 4)), random.randint(45, 2500))
        for name in random.sample(listed(GOODS, split), random.randint(2, min(9, len(listed(GOODS, split)))))
    ]
    boxes: dict[str, Box] = {}
    middle, y = width / 2, size
    boxes["company"] = sheet.text(middle, y, company, share=1.25, bold=True, align="center")
    boxes["street"] = sheet.text(middle, y + 2.0 * size, street, align="center")
    boxes["town"] = sheet.text(middle, y + 3.4 * size, town, align="center")
    y += 5.6 * size
    label = random.choice(("Date: ", "DATE ", ""))
    boxes["number"] = sheet.text(size, y, number)
    boxes["date"] = sheet.text(width - size, y, label + date, align="right")
    y += 2 * size
    sheet.rule(size, y, width - size, y)
    y += 0.6 * size
    for name, count, cents in items:
        boxes[f"name {name}"] = sheet.text(size, y, f"{count} x {name}" if count > 1 else name)
        boxes[f"price {name}"] = sheet.text(width - size, y, _money(count * cents, currency), align="right")
        y += 1.5 * size
    sheet.rule(size, y, width - size, y)
    y += 0.6 * size
    subtotal = sum(count * cents for _, count, cents in items)
    rate = random.choice((0, 5, 6, 10, 20))
    tax = (subtotal * rate + 50) // 100
    total = subtotal + tax
    rows = [("Subtotal", subtotal, "subtotal")] if rate or random.random() < 0.3 else []
    rows += [(f"Tax {rate}%", tax, "tax")] if rate else []
    rows.append((random.choice(("TOTAL", "Total", "Grand Total", "Amount Due")), total, "total"))
    paid = 0
    if random.random() < 0.5:
        paid = -(-total // 500) * 500
        rows += [("Cash", paid, "cash"), ("Change", paid - total, "change")]
    for text, cents, key in rows:
        sheet.text(size, y, text, bold=key == "total")
        boxes[key] = sheet.text(width - size, y, _money(cents, currency), bold=key == "total", align="right")
        y += 1.6 * size
    sheet.text(
        middle,
        y + 0.6 * size,
        random.choice(("Thank you!", "Please come again", "Have a nice day")),
        align="center",
    )
    asked = _questions(
        random,
        company,
        f"{street}, {town}",
        iso,
        date,
        number,
        items,
        {key: cents for _, cents, key in rows},
        boxes,
    )
    body = f"{company}{street}{town}{date}{number}{items}"
    return Made(
        png=sheet.png(y + 3 * size),
        group=f"receipt:{hashlib.sha256(body.encode()).hexdigest()[:16]}",
        split=split,
        questions=tuple(asked),
        source="synth-receipts",
        metadata={
            "document": "receipt",
            "theme": look.name,
            "fields": {
                "company": company,
                "date": iso,
                "address": f"{street}, {town}",
                "total": f"{total / 100:.2f}",
            },
        },
    )


def _questions(
    random: Random,
    company: str,
    address: str,
    iso: str,
    date: str,
    number: str,
    items: list[tuple[str, int, int]],
    sums: dict[str, int],
    boxes: dict[str, Box],
) -> list[Question]:
    def ask(
        kind: str, forms: tuple[str, ...], answers: tuple[str, ...], *keys: str, balance: str = ""
    ) -> Question:
        places = tuple(boxes[key] for key in keys)
        return Question(
            kind=kind,
            question=random.choice(forms),
            answers=answers,
            reading=True,
            boxes=places,
            balance=balance,
        )

    money = {key: (f"{cents / 100:.2f}",) for key, cents in sums.items()}
    found = [
        ask(
            "company",
            ("Which company issued this receipt?", "What is the name of the shop?", "Where was this bought?"),
            (company,),
            "company",
        ),
        ask(
            "address",
            ("What is the address on the receipt?", "What is the shop's address?"),
            (address,),
            "street",
            "town",
        ),
        ask("date", ("What is the date of the receipt?", "When was this bought?"), (iso, date), "date"),
        ask(
            "total",
            ("What is the total?", "How much was paid in total?", "What is the total amount?"),
            money["total"],
            "total",
        ),
        ask(
            "receipt_number",
            ("What is the number of the receipt?", "What is the receipt number?"),
            (number,),
            "number",
        ),
        ask(
            "item_count",
            ("How many different items are on the receipt?", "How many lines of goods are there?"),
            (str(len(items)),),
            balance="items",
        ),
    ]
    name, count, cents = random.choice(items)
    found.append(
        ask(
            "item_price",
            (f"What was paid for {name}?", f"How much did {name} cost in all?"),
            (f"{count * cents / 100:.2f}",),
            f"price {name}",
        )
    )
    if "tax" in money:
        found.append(ask("tax", ("How much is the tax?", "What is the amount of tax?"), money["tax"], "tax"))
    if "change" in money:
        found.append(
            ask("change", ("How much change was given?", "What is the change?"), money["change"], "change")
        )
    prices = sorted((count * cents, name) for name, count, cents in items)
    if prices[-1][0] > prices[-2][0]:
        top = prices[-1][1]
        found.append(
            ask(
                "dearest",
                ("Which item cost the most?", "For which item was the most paid?"),
                (top,),
                f"name {top}",
            )
        )
    return found


def _date(random: Random) -> tuple[str, str]:
    year, month, day = random.randint(2015, 2026), random.randint(1, 12), random.randint(1, 28)
    iso = f"{year}-{month:02d}-{day:02d}"
    # Day first, as the public receipts have it; with a name of the month nobody can mix them up.
    forms = (
        f"{day:02d}/{month:02d}/{year}",
        f"{day} {_MONTHS[month - 1]} {year}",
        iso,
        f"{day:02d}.{month:02d}.{year}",
    )
    return iso, random.choice(forms)


def _money(cents: int, currency: str) -> str:
    return f"{currency}{cents / 100:,.2f}"
