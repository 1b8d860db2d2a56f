"""Lists from text: what sentences enumerate, gathered over passages, each item in a quote."""

from __future__ import annotations

import pytest

from agents.answer.base import AnswerTask
from agents.answer.enumerated import asks_for_list, items_of
from agents.answer.passages import PassageExtractor
from agents.answer.relevance import bag
from agents.checks import check_candidate
from agents.question import parse_question
from core.contracts import Citation, Evidence

TEXTS = {
    "orchard": "The orchard of Holme grows apples, pears and quinces. It was planted in 1931.",
    "market": "The orchard of Holme also grows pears, plums and sloes, which the market sells.",
    "quarry": "The quarry of Brack yields slate. It opened in 1902.",
}
EVIDENCE = [
    Evidence(kind="passage", source=f"{name}.md", content=text, score=1.0) for name, text in TEXTS.items()
]
KNOWN = {item.id: item for item in EVIDENCE}


def best(question: str) -> list[str]:
    return [
        one.short_answer for one in PassageExtractor().propose(AnswerTask(parse_question(question), EVIDENCE))
    ]


def test_items_of_several_passages_are_one_list_without_repeats() -> None:
    question = parse_question("List the fruits that the orchard of Holme grows.")
    found = PassageExtractor().propose(AnswerTask(question, EVIDENCE))[0]
    assert found.short_answer == "apples, pears, quinces, plums, sloes"
    assert found.answer_type == "list"
    assert {claim.citations[0].source for claim in found.claims} == {"orchard.md", "market.md"}
    assert check_candidate(found, KNOWN).survives


def test_a_number_in_the_question_ends_the_list() -> None:
    assert best("Which two fruits does the orchard of Holme grow?")[0] == "apples, pears"


def test_a_list_that_says_more_than_its_quotes_does_not_stand() -> None:
    question = parse_question("List the fruits that the orchard of Holme grows.")
    found = PassageExtractor().propose(AnswerTask(question, EVIDENCE))[0]
    more = found.model_copy(update={"short_answer": "cherries, mangoes, lemons"})
    assert not check_candidate(more, KNOWN).survives


@pytest.mark.parametrize(
    ("sentence", "items"),
    [
        ("The pill contains lamira, dorafen, and tepizole.", ["lamira", "dorafen", "tepizole"]),
        ("Ravenol combines netura and palora in one tablet.", ["netura", "palora"]),
        ("The ERX proteins (ezra/radia/moesa) bind actin.", ["ezra", "radia", "moesa"]),
        ("It opened in 1902.", []),
        ("Some were tall, partly assigned and 90 min long.", ["tall"]),
    ],
)
def test_function_words_and_verbs_end_an_item(sentence: str, items: list[str]) -> None:
    found = list(items_of(sentence, bag("Which ones are in Ravenol, and bind or open?")))
    assert found == items or (not items and len(found) < 2)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("List adipokines.", True),
        ("Which drugs are included in the pill?", True),
        ("What are the parts of the lamp?", True),
        ("What three colours does the flag have?", True),
        ("Which drug is included in the pill?", False),
        ("What is the list price of the lamp?", False),
        ("Which bus is the last one?", False),
    ],
)
def test_what_asks_for_several_is_told_from_what_asks_for_one(question: str, asks: bool) -> None:
    assert asks_for_list(parse_question(question)) is asks


def test_the_more_documents_give_an_answer_the_surer_it_is() -> None:
    once = Evidence(
        kind="passage", source="a", content="The mill of Holme was built by Anna Berger.", score=1.0
    )
    again = once.model_copy(update={"id": "second"})
    other = again.model_copy(update={"source": "b"})
    question = parse_question("Who built the mill of Holme near the old bridge?")
    (alone, *_) = PassageExtractor().propose(AnswerTask(question, [once, again]))
    (both, *_) = PassageExtractor().propose(AnswerTask(question, [once, other]))
    assert both.short_answer == alone.short_answer == "Anna Berger"
    assert alone.score < both.score < 1
    assert isinstance(both.claims[0].citations[0], Citation)
