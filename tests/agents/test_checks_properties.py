"""Corrupt a true claim in any one place and it is never verified again."""

from __future__ import annotations

from datetime import date

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.check.quotes import occurs
from agents.checks import check_claim
from core.contracts import Citation, DraftClaim, Evidence

NAMES = st.sampled_from(["aspirin", "the pump", "line seven", "compound", "the northern plant", "sensor"])
NOUNS = st.sampled_from(["mortality", "pressure", "the output", "defects", "temperature"])
UNITS = ["mg", "kg", "ml", "km", "%", "hours", "days", "GB", "million", "billion"]
NUMBERS = st.decimals(min_value="0.1", max_value="99999", places=2, allow_nan=False).map(str)
DATES = st.dates(min_value=date(1970, 1, 1), max_value=date(2068, 12, 31))
VERBS = st.sampled_from(
    [
        ("reduced", "did not reduce"),
        ("showed", "showed no"),
        ("is", "is not"),
        ("causes", "never causes"),
        ("raised", "failed to raise"),
    ]
)
POLES = st.sampled_from(
    "increased/decreased higher/lower left/right positive/negative benign/malignant upper/inferior "
    "worse/better before/after acute/chronic".split()
).map(lambda pair: pair.split("/"))
few = settings(max_examples=60, deadline=None)


def level(text: str, content: str, *, derived: bool = False) -> str:
    items = [
        Evidence(kind="passage", source="s", content=part)
        for part in (content.split("\n") if derived else [content])
    ]
    claim = DraftClaim(text=text, citations=tuple(map(Citation.of, items)), derived=derived)
    return check_claim(claim, {item.id: item for item in items}).claim.supported


@few
@given(NAMES, NOUNS, NUMBERS, st.sampled_from(UNITS))
def test_a_true_claim_with_a_figure_is_verified(name, noun, number, unit):
    text = f"In the trial {name} changed {noun} by {number} {unit}."
    assert level(text, f"We saw a lot. {text} The end.") == "verified"


@few
@given(NAMES, NOUNS, NUMBERS, NUMBERS, st.sampled_from(UNITS))
def test_a_changed_number_is_never_verified(name, noun, number, wrong, unit):
    assume(float(number) != float(wrong))
    source = f"In the trial {name} changed {noun} by {number} {unit}."
    assert level(source.replace(number, wrong), source) == "unsupported"


@few
@given(NUMBERS, st.sampled_from(UNITS), st.sampled_from(UNITS))
def test_a_swapped_unit_is_never_verified(number, unit, wrong):
    assume(unit != wrong)
    assert level(f"The pump moved {number} {wrong}.", f"The pump moved {number} {unit}.") == "unsupported"


@few
@given(NUMBERS, *[st.sampled_from(["RM ", "$", "€", "£", "EUR ", "USD "])] * 2)
def test_a_swapped_currency_is_never_verified(number, currency, wrong):
    same = {"€": "EUR ", "$": "USD "}
    assume(same.get(currency, currency) != same.get(wrong, wrong))
    assert level(f"The total is {wrong}{number}.", f"Total: {currency}{number}") == "unsupported"


@few
@given(DATES, DATES)
def test_a_changed_date_is_never_verified(day, wrong):
    assume(day != wrong)
    source = f"The bill was issued on {day.strftime('%d/%m/%Y')}."
    assert level(f"The bill was issued on {day.isoformat()}.", source) == "verified"
    assert level(f"The bill was issued on {wrong.isoformat()}.", source) == "unsupported"


@few
@given(NAMES, NOUNS, VERBS)
def test_a_negated_claim_is_never_verified(name, noun, verbs):
    yes, no = (f"The study says {name} {verb} {noun} in adults." for verb in verbs)
    assert level(yes, yes) == level(no, no) == "verified"
    assert level(no, yes) == level(yes, no) == "unsupported"


@few
@given(NAMES, NOUNS, POLES)
def test_a_claim_in_the_opposite_direction_is_never_verified(name, noun, poles):
    one, other = (
        f"With {name} the {noun} was {pole} in adults over many long weeks of care." for pole in poles
    )
    assert level(one, one) == "verified"
    assert level(one, other) == level(other, one) == "unsupported"


@few
@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(-50, 50))
def test_a_derived_difference_is_recomputed(a, b, slip):
    assume(a != b)
    text = f"The difference between Japan ({a}) and Korea ({b}) is {abs(a - b) + slip}."
    shown = abs(a - b) + slip
    assume(shown not in (a, b) and shown > 0)
    assert (level(text, f"Japan: {a}\nKorea: {b}", derived=True) == "verified") == (slip == 0)


@few
@given(st.lists(st.integers(2, 900), min_size=2, max_size=8, unique=True), st.integers(-20, 20))
def test_a_derived_sum_is_recomputed(values, slip):
    shown = sum(values) + slip
    assume(shown > 0 and shown not in values)
    content = "\n".join(f"bar {chr(97 + i)}: {value}" for i, value in enumerate(values))
    assert (level(f"The sum is {shown}.", content, derived=True) == "verified") == (slip == 0)


@few
@given(st.text(max_size=60), st.text(max_size=120))
def test_any_text_is_checked_without_a_failure(text, content):
    item = Evidence(kind="passage", source="s", content=content)
    for derived in (False, True):
        claim = DraftClaim(text=text, citations=(Citation.of(item),), derived=derived)
        assert check_claim(claim, {item.id: item}).claim.supported in ("verified", "observed", "unsupported")


@few
@given(st.text(max_size=20), st.text(max_size=60))
def test_a_quote_that_is_accepted_really_occurs(quote, content):
    if occurs(quote, content):
        assert any(char.isalnum() for char in quote.casefold())
