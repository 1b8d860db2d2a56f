"""Words are told as a model writes them: what its answer says, and nothing that is never told."""

from __future__ import annotations

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from agents.answer.spoken import SpokenAnswer


def told(reply: str, cuts: list[int], *, never: str = "") -> list[str]:
    said: list[str] = []
    spoken = SpokenAnswer(said.append, lambda text: bool(never) and never in text)
    places = [0, *sorted(cut % (len(reply) + 1) for cut in cuts), len(reply)]
    for start, end in itertools.pairwise(places):
        spoken.hear(reply[start:end])
    spoken.finish()
    return said


@given(
    answer=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
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
    assert "".join(told(f"```json\n{reply}\n```" if fenced else reply, cuts)) == answer


def test_words_come_whole_and_before_the_reply_ends() -> None:
    said: list[str] = []
    spoken = SpokenAnswer(said.append, lambda text: False)
    for piece in ('{"can_answer": true, "ans', 'wer": "The tot', "al is 4", '2.", "claims": ['):
        spoken.hear(piece)
    assert said == ["The ", "total is "]
    spoken.finish()
    assert said[-1] == "42."


@given(st.lists(st.integers(0, 400), max_size=12))
def test_what_is_never_told_is_held_back_with_all_that_follows_however_it_comes(cuts: list[int]) -> None:
    reply = json.dumps({"can_answer": True, "answer": "The key is sk-123456 now, keep it."})
    assert "".join(told(reply, cuts, never="sk-1234")) in ("The key is ", "The key ", "The ", "")
    assert "".join(told(reply, cuts, never="sk-999")) == "The key is sk-123456 now, keep it."


def test_an_answer_that_the_model_declines_and_what_is_no_json_are_not_told() -> None:
    assert told('{"can_answer": false, "answer": "I do not know it."}', [9, 30]) == []
    assert told("I would say: 42.", [3, 6]) == []
    assert told('{"can_answer": true, "answer": null}', [9]) == []
    assert told('I think {x} "answer": "42 is it"', [9]) == []
