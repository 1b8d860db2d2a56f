"""Which questions the answer cache takes for one: never two of another meaning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.question_pairs import FREE, OTHER, SAME, changed, written
from evals.suites.rows import own
from server.cache.polite import core_of
from server.cache.sense import exact_of, sense_of, timeless


def questions() -> list[str]:
    """Return questions of our own suites, and the wordings that have a sense in common."""
    suites = [row["question"] for name in ("questions", "routing") for row in own(f"{name}.jsonl")]
    return sorted({*suites, *(text for pair in written(SAME) for text in (pair.one, pair.other))})


def one_sense(one: str, other: str) -> bool:
    """Whether two texts have a sense in common, with no, one or two images."""
    senses = [(sense_of(one, images=n), sense_of(other, images=n)) for n in (0, 1, 2)]
    return any(mine is not None and mine == theirs for mine, theirs in senses)


def test_no_pair_of_another_meaning_has_a_sense_in_common() -> None:
    pairs = written(OTHER)
    assert len(pairs) >= 350
    assert len({pair.kind for pair in pairs}) >= 12
    assert [pair for pair in pairs if pair.one == pair.other or one_sense(pair.one, pair.other)] == []


def test_a_question_changed_in_one_place_has_another_sense() -> None:
    asked = questions()
    names = sorted({word.strip("?.,") for text in asked for word in text.split() if len(word) > 4})
    pairs = [pair for number, text in enumerate(asked) for pair in changed(text, number, names)]
    assert len(pairs) > 2000
    senses = {text: sense_of(text, images=1) for text in asked}
    wrong = [
        pair
        for pair in pairs
        if pair.one != pair.other and senses[pair.one] == sense_of(pair.other, images=1)
    ]
    assert [pair for pair in wrong if senses[pair.one] is not None] == []


TURNING = (
    "not",
    "no",
    "never",
    "left",
    "right",
    "7",
    "largest",
    "all",
    "only",
    "without",
    "before",
    "Paris",
    "must",
)


def _with_a_word_more(text: str) -> Iterator[str]:
    tokens = text.split()
    for place in range(len(tokens) + 1):
        for word in TURNING:
            yield " ".join([*tokens[:place], word, *tokens[place:]])


def test_no_word_that_turns_a_question_gets_lost_wherever_it_stands() -> None:
    for pair in written(SAME):
        for text in (pair.one, pair.other):
            sense = sense_of(text, images=1)
            assert all(
                sense is None or sense_of(more, images=1) != sense for more in _with_a_word_more(text)
            ), text


def test_no_two_neighbours_of_a_question_may_change_places() -> None:
    for text in questions():
        tokens, sense = text.split(), sense_of(text, images=1)
        if sense is None or core_of(text)[1]:
            continue  # an embedded question is brought into order
        for place in range(1, len(tokens)):
            swapped = [*tokens[: place - 1], tokens[place], tokens[place - 1], *tokens[place + 1 :]]
            assert swapped == tokens or sense_of(" ".join(swapped), images=1) != sense, text


def test_wordings_of_one_question_share_its_sense() -> None:
    pairs = [pair for pair in written(SAME) if pair.kind != FREE]
    known = [pair for pair in pairs if one_sense(pair.one, pair.other)]
    assert len(known) / len(pairs) > 0.9


@pytest.mark.parametrize(
    "text",
    [
        "What does `a b` do?",
        'Who said "yes"?',
        "What is in main.py?",
        "Which is true? A) yes B) no",
        "Is it red? Is it blue?",
        "Where is Müller?",
        "What is C++?",
        "first line\nsecond line",
        "word " * 100,
        "?",
        "",
    ],
)
def test_what_the_changes_were_not_made_for_has_no_sense(text: str) -> None:
    assert sense_of(text, images=0) is None


def test_one_image_makes_this_chart_the_chart_and_two_do_not() -> None:
    one, other = "What is the title of this chart?", "What is the title of the chart?"
    assert sense_of(one, images=1) == sense_of(other, images=1)
    assert sense_of(one, images=2) != sense_of(other, images=2)
    assert sense_of(one, images=0) != sense_of(other, images=0)


def test_the_very_text_keeps_capitals_and_spaces() -> None:
    assert exact_of("  What is it?\n") == "What is it?"
    assert exact_of("cafe\u0301") == "caf\u00e9"
    assert len({exact_of(text) for text in ("US", "us", "a  b", "a b", "x\u00b2", "x2")}) == 6


@pytest.mark.parametrize(
    ("question", "lasting"),
    [
        ("What is the total?", True),
        ("What was sold in 2019?", True),
        ("What is the time now?", False),
        ("Who is currently the tenant?", False),
        ("What happened two days ago?", False),
        ("What is due next month?", False),
        ("What is the latest report?", False),
        ("Pick a random page.", False),
    ],
)
def test_what_speaks_of_now_is_not_for_later(question: str, *, lasting: bool) -> None:
    assert timeless(question) is lasting
