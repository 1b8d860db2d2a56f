# ruff: noqa: E501 - pages drawn as tables of lines
"""Synthetic pages as evidence: each line is (text, x, y) or (text, x, y, height); a letter is half a line wide."""

from agents.answer.base import AnswerTask
from agents.answer.fields import FieldExtractor
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Evidence, Locator


def page(*lines):
    items = []
    for number, (text, x, y, *rest) in enumerate(lines):
        height = rest[0] if rest else 20
        box = (float(x), float(y), x + len(text) * height * 0.5, float(y + height))
        items.append(
            Evidence(
                kind="ocr", source="page.png", locator=Locator(sha256="a" * 64, box=box), content=text,
                score=0.98, metadata={"line": number},
            )
        )  # fmt: skip
    return items


def ask(evidence, question):
    return FieldExtractor().propose(AnswerTask(parse_question(question), evidence))


def answer(evidence, question, *, at_least=0.35):
    """The short answer that a run would give: the best candidate that survives the check, or None."""
    known = {item.id: item for item in evidence}
    for candidate in ask(evidence, question):
        if candidate.score >= at_least and check_candidate(candidate, known).survives:
            return candidate.short_answer
    return None


RECEIPT = page(
    ("GREEN VALLEY MARKET LTD", 150, 10, 28),
    ("14 Orchard Road, Leeds LS1 4AB", 140, 50),
    ("Tel: 0113 496 0718", 180, 80),
    ("VAT No: GB 482 9910 33", 170, 110),
    ("Receipt No: R-20817", 40, 150), ("Cashier: MAYA", 360, 150),
    ("Date", 40, 180), ("17/05/2021 14:32", 200, 180),
    ("Oat Milk 1L", 40, 230), ("2 x", 300, 230), ("1.90", 380, 230), ("3.80", 500, 230),
    ("Rye Bread", 40, 260), ("1 x", 300, 260), ("2.65", 380, 260), ("2.65", 500, 260),
    ("Subtotal", 40, 310), ("6.45", 500, 310),
    ("VAT 20%", 40, 340), ("1.29", 500, 340),
    ("TOTAL", 40, 370), ("7.74", 500, 370),
    ("Cash", 40, 400), ("10.00", 490, 400),
    ("Change", 40, 430), ("2.26", 500, 430),
    ("No of items: 3", 40, 470),
    ("VAT summary", 40, 510), ("Net", 300, 510), ("VAT", 500, 510),
    ("Total", 40, 540), ("6.45", 300, 540), ("1.29", 500, 540),
)  # fmt: skip

FORM = page(
    ("PATIENT REGISTRATION FORM", 120, 10, 32),
    ("Full name:", 40, 80), ("Ines Calder", 260, 80),
    ("Date of birth:", 40, 120), ("3 March 1984", 260, 120),
    ("Blood group:", 40, 160), ("AB+", 260, 160),
    ("Insurance number", 40, 210), ("Expiry date", 400, 210),
    ("QX-7719-04", 40, 236), ("31/12/2026", 400, 236),
    ("Email: ines.calder@example.org", 40, 290),
    ("Emergency contact: Tom Calder", 40, 330),
    ("Form date: 09/01/2024", 40, 370),
)  # fmt: skip

INVOICE = page(
    ("INVOICE", 500, 10, 40),
    ("Bluefin Marine Supplies Inc.", 40, 20, 26),
    ("88 Harbor Street, Portland, OR 97204", 40, 52),
    ("Invoice #: BF-5521", 480, 80), ("Invoice date: 2023-02-11", 480, 108), ("Due date: 2023-03-13", 480, 136),
    ("Bill to:", 40, 150), ("Cormorant Charters", 40, 176),
    ("Description", 40, 240), ("Qty", 320, 240), ("Unit price", 420, 240), ("Amount", 600, 240),
    ("Anchor chain 10 m", 40, 270), ("2", 320, 270), ("120.00", 420, 270), ("240.00", 600, 270),
    ("Mooring rope", 40, 300), ("5", 320, 300), ("18.50", 420, 300), ("92.50", 600, 300),
    ("Subtotal", 420, 350), ("$332.50", 600, 350),
    ("Shipping", 420, 378), ("$25.00", 600, 378),
    ("Amount due", 420, 406), ("$357.50", 600, 406),
    ("Pay within 30 days. Thank you!", 40, 460),
)  # fmt: skip

LETTER = page(
    ("Harrow Field Trust", 40, 10, 30),
    ("2 Mill Lane, Bath BA2 6PN", 40, 46),
    ("12 October 2019", 40, 100),
    ("Dear Ms Okafor,", 40, 150),
    ("Subject: Renewal of your allotment lease", 40, 190),
    ("We are glad to confirm that the lease of plot 17 has been renewed.", 40, 230),
    ("Please return the signed copy in the envelope.", 40, 256),
    ("Yours sincerely,", 40, 310),
    ("Peter Lindqvist", 40, 350),
)  # fmt: skip

TICKET = page(
    ("COASTAL RAIL", 60, 10, 36),
    ("Passenger", 40, 70), ("Train", 300, 70), ("Seat", 460, 70),
    ("R. Moreau", 40, 96), ("IC 208", 300, 96), ("14C", 460, 96),
    ("Departure time: 07:45", 40, 150), ("Arrival time: 11:20", 320, 150),
    ("Fare", 40, 200), ("EUR 42.00", 300, 200),
)  # fmt: skip
