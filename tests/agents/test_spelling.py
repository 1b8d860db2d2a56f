"""A slip of the finger is mended by the evidence; what could be another word, a name or a code is not."""

from __future__ import annotations

import pytest

from agents.question import parse_question
from agents.spelling import known_words, mended, one_slip, suspects
from core.contracts import Evidence

KNOWN = {"beacon", "price", "prize", "error", "light", "green", "designed", "colour", "which"}
TEXT = "The Veyla beacon has a green light. Error E14 means trouble. The prize went to Marit of Ulsay."


def evidence(text: str = TEXT) -> list[Evidence]:
    return [Evidence(kind="passage", source="x", content=text)]


def read(question: str, text: str = TEXT) -> str:
    return mended(parse_question(question), evidence(text), KNOWN).text


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("Which colour has the baecon?", "Which colour has the beacon?"),
        ("Which colour has the becon?", "Which colour has the beacon?"),
        ("Which colour has the beaccon?", "Which colour has the beacon?"),
        ("Which colour has the beavon?", "Which colour has the beacon?"),
    ],
)
def test_a_slip_becomes_the_word_of_the_evidence(asked: str, meant: str) -> None:
    assert read(asked) == meant
    assert mended(parse_question(asked), evidence(), KNOWN).keywords == parse_question(meant).keywords


@pytest.mark.parametrize(
    "asked",
    [
        "What is the price of the light?",  # a word, though the evidence has only `prize`
        "Who designed the beacon?",
        "What does error E15 mean?",
        "How tall is Ulsoy?",
        "When was brannoch lighthouse lit?",
        "Who won, Maret?",
        "What of merit?",  # evidence has the name, not the word
        "See beacon-x or my/beacom/file",
    ],
)
def test_words_names_and_codes_are_left_as_they_are(asked: str) -> None:
    assert read(asked) == asked


def test_what_could_be_two_words_is_not_decided() -> None:
    text = "Two strokes, and stroked cats in the harbour."
    assert read("Did it stop strokex?", text) == "Did it stop strokex?"


def test_a_plural_is_no_second_word() -> None:
    assert read("How many pasengers?", "One passenger, two passengers.") == "How many passengers?"


def test_without_known_words_nothing_is_mended() -> None:
    question = parse_question("Which colour has the baecon?")
    assert mended(question, evidence(), ()) is question


def test_suspects_are_words_that_the_evidence_lacks() -> None:
    assert suspects(parse_question("Which light has the baecon?"), evidence()) == ["baecon"]
    assert suspects(parse_question("WHICH LIGHT?"), evidence()) == []


def test_the_known_words_are_words_and_no_pieces() -> None:
    known = known_words()
    assert {"lighthouse", "ticket", "price"} <= known
    assert not known & {"baecon", "lighthuose", "tikcet"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("baecon", "beacon", True),
        ("beacn", "beacon", True),
        ("beaconn", "beacon", True),
        ("bebcon", "beacon", True),
        ("beacon", "beacon", False),
        ("bbcon", "beacon", False),
        ("noceab", "beacon", False),
        ("ebcaon", "beacon", False),
    ],
)
def test_one_slip_is_one_letter(one: str, other: str, expected: bool) -> None:
    assert one_slip(one, other) is expected
    assert one_slip(other, one) is expected
