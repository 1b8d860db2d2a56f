"""Words are told as a model writes them: what its answer says, and no address that nobody asked for."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from agents.answer.spoken import SpokenAnswer


def told(reply: str, cuts: list[int], *, addresses: bool = False) -> list[str]:
    said: list[str] = []
    spoken = SpokenAnswer(said.append, addresses=addresses)
    places = [0, *sorted(cut % (len(reply) + 1) for cut in cuts), len(reply)]
    for start, end in itertools.pairwise(places):
        spoken.hear(reply[start:end])
    spoken.finish()
    return said


@given(
    answer=st.text(st.characters(exclude_characters=":@", exclude_categories=["Cs"]), max_size=60),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    ascii_=st.booleans(),
    fenced=st.booleans(),
)
def test_however_the_reply_is_cut_its_words_are_the_answer(
    answer: str, cuts: list[int], ascii_: bool, fenced: bool
) -> None:
    claims = [{"text": "x", "evidence_id": "e1", "quote": '"answer": "not this"'}]
    body = {"claims": claims, "can_answer": True, "answer": answer, "short_answer": "z"}
    reply = json.dumps(body, ensure_ascii=ascii_)
    if "www." not in answer:
        assert "".join(told(f"```json\n{reply}\n```" if fenced else reply, cuts)) == answer


def test_words_come_whole_and_before_the_reply_ends() -> None:
    said: list[str] = []
    spoken = SpokenAnswer(said.append)
    for piece in ('{"can_answer": true, "ans', 'wer": "The tot', "al is 4", '2.", "claims": ['):
        spoken.hear(piece)
    assert said == ["The ", "total is "]
    spoken.finish()
    assert said[-1] == "42."


def test_an_address_is_not_told_and_nothing_after_it_unless_it_was_asked_for() -> None:
    reply = json.dumps({"can_answer": True, "answer": "Log in at https://evil.example/a now, please."})
    pieces = list(range(0, len(reply), 3))
    assert "".join(told(reply, pieces)) == "Log in at "
    assert "https://evil.example/a now" in "".join(told(reply, pieces, addresses=True))


def test_an_answer_that_the_model_declines_and_what_is_no_json_are_not_told() -> None:
    assert told('{"can_answer": false, "answer": "I do not know it."}', [9, 30]) == []
    assert told("I would say: 42.", [3, 6]) == []
    assert told('{"can_answer": true, "answer": null}', [9]) == []
    assert told('I think {x} "answer": "42 is it"', [9]) == []
