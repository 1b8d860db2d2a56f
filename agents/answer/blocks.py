# ruff: noqa: E501 - tables of words and patterns, one group to a line
"""Parts of a page that carry no label: who issued it, the issuer's address, its title, its date."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from agents.answer.amounts import Found
from agents.answer.labels import Pair, canon, match_label
from agents.answer.layout import Line, Page
from agents.answer.values import Value, find_values

_SUFFIX = re.compile(
    r"\b(?:sdn\.?\s*bhd|bhd|s/b|sb|plt|ltd|limited|inc|incorporated|llc|llp|plc|corp|corporation|co|company"
    r"|gmbh|ag|kg|s\.?a\.?r?\.?l?|b\.?v|pty|pte|enterprises?|trading|holdings?|group|industries|services"
    r"|restoran|restaurants?|cafe|bakery|kitchen|mart|market|supermarket|grocer|store|stationery|pharmacy|clinic"
    r"|hospital|hotel|bank|university|school|college|institute|ministry|department|shop|bistro|marketing"
    r"|hardware|motors?|auto|foods?|books?|electronics?|fashion|boutique|jewell?ery|perniagaan|syarikat"
    r"|kedai|pasar mini|foundation|association|society|agency|airlines?|railways?)\b\.?",
    re.I,
)
_STREET = re.compile(
    r"\b(?:jalan|jln|lorong|persiaran|lebuh\w*|taman|tmn|kampung|kg|bandar|seksyen|section|kawasan|lot|level|floor|flr|block"
    r"|blok|wisma|plaza|mall|menara|bangunan|kompleks|compleks|complex|street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard"
    r"|blvd|square|court|way|highway|suite|unit|building|tower|park|p\.?o\.? box|stra(?:ss|ß)e|platz|weg|rue|via|calle"
    r"|batu|pahang|selangor|johor|kuala lumpur|perak|penang|pulau pinang|melaka|kedah|kelantan|sabah|sarawak|malaysia"
    r"|singapore|usa|uk|united kingdom|germany|france|canada|australia|city|town|county|state)\b",
    re.I,
)
_POSTCODE = re.compile(
    r"(?<![\d-])\d{5}(?:-\d{4})?(?!\d)|\b[A-Z]{1,2}\d{1,2}[A-Z]?\s?\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}\b"
)
_HOUSE = re.compile(
    r"^\W*(?:no\.?\s*:?\s*)?\d+[a-z]?(?:\s*[-&/]\s*\d+\w?)*\s*,|\bno\.?\s*:?\s*\d+|^\d+\s+[A-Z]", re.I
)
_OTHER_FIELD = re.compile(
    r"\b(?:tel|fax|phone|gst|vat|sst|roc|reg|invoice|inv|receipt|date|time|cashier|bill|order|email|www|website|id no|table|tax"
    r"|qty|total|cash|counter|e-mail|page)\b|@|\.com",
    re.I,
)
_TITLE_OF_PAPER = re.compile(
    r"^\W*(?:simplified |original |customer'?s? |official |cash |credit |duplicate )*(?:tax\s*)?(?:invoice|receipt|bill|copy|statement|order|quotation|memo|note)\W*$",
    re.I,
)  # fmt: skip
_NOT_COMPANY = re.compile(
    r"^\W*(?:(?:co|company)\W*(?:reg|no)|welcome|thank|visit|www|tel|formerly|licensee|page \d|dimiliki|owned by)\b",
    re.I,
)
_OTHER_DATES = frozenset(
    "due expiry birth delivery valid start end since until effective manufactured mfg departure arrival check "
    "return next last renewal hire joined dd deadline appointment warranty bestbefore".split()
)
_DATE_LABELS = (
    "date", "invoice date", "bill date", "receipt date", "transaction date", "date time", "issue date", "date issue", "document date",
    "date of issue", "purchase date", "order date", "printed on", "date printed", "sales date",
)  # fmt: skip


def company_candidates(page: Page) -> list[Found]:
    """Return the lines that may name who issued a page: high up, large, with a firm's ending."""
    found: list[Found] = []
    usual = page.height or 1.0
    for order, line in enumerate(_head(page)):
        text = line.text
        letters = sum(c.isalpha() for c in text)
        digits = sum(c.isdigit() for c in text)
        if letters < 3 or digits > letters or _TITLE_OF_PAPER.match(text) or _NOT_COMPANY.match(text):
            continue
        name = _clean_name(text)
        score = 0.62 - 0.05 * order
        suffix = _SUFFIX.search(text) is not None
        score += 0.3 if suffix else 0.0
        score += min(0.12, 0.12 * (line.height / usual - 1.0)) if line.height > usual else 0.0
        if _address_like(text) >= 1.0 and not suffix:
            score -= 0.4
        if _OTHER_FIELD.search(text) and not suffix:
            score -= 0.35
        if letters < 5 and not suffix:
            score -= 0.2
        found.append(Found(Value(name, name, 1.0), line, _clip(score) * line.trust))
    return sorted(found, key=lambda item: -item.score)


def _head(page: Page) -> list[Line]:
    rows = [row for row in page.rows if any(sum(c.isalpha() for c in line.text) >= 3 for line in row)]
    return [max(row, key=lambda line: len(line.text)) for row in rows[:8]]


def _clean_name(text: str) -> str:
    """Leave out a registration number in brackets at the end."""
    return re.sub(r"\s*\(?\b\d{4,}\s*[-·.]?\s*\w?\)?\W*$", "", text).strip(" :,-(") or text


def address_blocks(page: Page) -> list[list[Line]]:
    """Return runs of lines that read as an address, the most likely first."""
    lines = [line for line in page.lines if line.text]
    runs: list[list[Line]] = []
    current: list[Line] = []
    bridge: list[Line] = []  # a bare place name, kept when the address goes on after it
    for line in lines:
        if len(line.text) <= 4 and sum(c.isalpha() for c in line.text) < 3:
            continue  # specks at the margin do not end an address
        weight = _address_like(line.text)
        last = (bridge or current or [line])[-1]
        near = bool(current) and line.box[1] - last.box[3] < 1.3 * max(line.height, page.height)
        side = bool(current) and line.row == last.row
        if weight >= 1.0 or (near and not side and weight >= 0.5):
            if current and not near:
                runs.append(current)
                current, bridge = [], []
            current += [*bridge, line]
            bridge = []
        elif near and not side and not bridge and _place_name(line.text):
            bridge = [line]
        elif current:
            runs.append(current)
            current, bridge = [], []
    if current:
        runs.append(current)
    runs = [run for run in runs if sum(_address_like(line.text) for line in run) >= 1.5]
    return sorted(runs, key=lambda run: -_block_score(page, run))


def _place_name(text: str) -> bool:
    bare = not any(c.isdigit() for c in text) and len(text) <= 40 and sum(c.isalpha() for c in text) >= 3
    return bare and not (_OTHER_FIELD.search(text) or _SUFFIX.search(text) or _TITLE_OF_PAPER.match(text))


def address_score(page: Page, run: Sequence[Line]) -> float:
    """How sure a run of lines is the issuer's address, 0 to 1."""
    return _clip(0.3 + 0.15 * _block_score(page, run)) * min(line.trust for line in run)


def _block_score(page: Page, run: Sequence[Line]) -> float:
    weight = sum(_address_like(line.text) for line in run)
    code = 0.8 if any(_POSTCODE.search(line.text) for line in run) else 0.0
    return min(weight, 4.0) + code - 3.0 * page.depth(run[0])


def _address_like(text: str) -> float:
    if _OTHER_FIELD.search(text) and not re.search(r"\baddress\b", text, re.I):
        return 0.0
    if re.search(r"\d+\.\d{2}(?!\d)", text) or sum(c.isalpha() for c in text) < 3:
        return 0.0
    streets = len(_STREET.findall(text))
    weight = (
        0.7 * min(streets, 2)
        + (0.7 if _POSTCODE.search(text) else 0.0)
        + (0.5 if _HOUSE.search(text) else 0.0)
    )
    weight += 0.3 if text.count(",") else 0.0
    if _SUFFIX.search(text) and streets == 0 and not _POSTCODE.search(text):
        return min(weight, 0.4)
    return weight


def heading_candidates(page: Page) -> list[Found]:
    """Return the lines that may be the title: the largest letters high on the page."""
    usual = page.height or 1.0
    found = []
    for line in page.lines:
        if sum(c.isalpha() for c in line.text) < 3 or page.depth(line) > 0.5:
            continue
        size = line.height / usual
        score = 0.45 + 0.3 * min(size - 1.0, 1.5) - 0.5 * page.depth(line)
        score += 0.05 if line.row == 0 else 0.0
        found.append(Found(Value(line.text, line.text, 1.0), line, _clip(score) * line.trust))
    return sorted(found, key=lambda item: -item.score)


def date_candidates(page: Page, pairs: Sequence[Pair], qualifiers: Sequence[str]) -> list[Found]:
    """Return the dates of a page, best first.

    Without qualifiers the date of the document itself is meant; with some (`due`, `birth`) the label
    has to say them.
    """
    dated = [(line, value) for line in page.lines for value in find_values("date", line.text)]
    counts = Counter(value.short for _, value in dated)
    found: list[Found] = []
    for line, value in dated:
        labels = [
            pair
            for pair in pairs
            if pair.line is line and (value.text in pair.text or pair.text in value.text)
        ]
        score, label = _date_score(labels, qualifiers)
        if not qualifiers:
            score += 0.05 * min(counts[value.short] - 1, 2) - 0.06 * page.depth(line)
            score -= 0.25 if len(line.text) > len(value.text) + 30 else 0.0
        found.append(Found(value, line, _clip(score) * (0.6 + 0.4 * line.trust), label))
    return sorted(found, key=lambda item: -item.score)


def _date_score(labels: Sequence[Pair], qualifiers: Sequence[str]) -> tuple[float, str]:
    if qualifiers:
        scored = [(_qualified(pair.label, qualifiers) * pair.near, pair.label) for pair in labels]
        best = max(scored, default=(0.0, ""))
        return best[0] * 0.93, best[1]
    score, name = 0.78, ""
    for pair in labels:
        have = set(canon(pair.label))
        if have & _OTHER_DATES:
            return 0.42, pair.label
        fit = max(match_label(pair.label, canon(phrase)) for phrase in _DATE_LABELS) * pair.near
        if fit > 0.6 and 0.78 + 0.16 * fit > score:
            score, name = 0.78 + 0.16 * fit, pair.label
    return score, name


def _qualified(label: str, qualifiers: Sequence[str]) -> float:
    hits = sum(1 for word in qualifiers if match_label(label, [word]) > 0)
    if not hits:
        return 0.0
    have = canon(label)
    extra = max(0, len(have) - hits - (1 if "date" in have else 0))
    return hits / len(qualifiers) / (1 + 0.1 * extra)


def _clip(score: float) -> float:
    return min(max(score, 0.0), 0.97)
