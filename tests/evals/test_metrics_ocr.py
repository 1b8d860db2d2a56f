"""Error rates agree with NLTK's edit distance, by page and over a corpus."""

from __future__ import annotations

import random

import pytest
from nltk import edit_distance

from evals.metrics.ocr import cer, character_errors, corpus_cer, corpus_wer, wer, word_errors
from tests.evals.metric_cases import like, random_text


def pages(count: int) -> list[tuple[str, str]]:
    rng = random.Random(11)
    golds = [random_text(rng, 6) for _ in range(count)]
    return [(rng.choice([like(rng, gold), random_text(rng, 6), gold, ""]), gold) for gold in golds]


def test_error_rates_agree_with_another_implementation() -> None:
    cases = pages(220)
    edits = {"characters": 0, "words": 0}
    for said, gold in cases:
        characters, words = edit_distance(said, gold), edit_distance(said.split(), gold.split())
        edits["characters"] += characters
        edits["words"] += words
        assert cer(said, gold) == (pytest.approx(characters / len(gold)) if gold else None)
        assert wer(said, gold) == (pytest.approx(words / len(gold.split())) if gold else None)
    said_all, gold_all = zip(*cases, strict=True)
    assert corpus_cer(said_all, gold_all) == pytest.approx(edits["characters"] / sum(map(len, gold_all)))
    length = sum(len(gold.split()) for gold in gold_all)
    assert corpus_wer(said_all, gold_all) == pytest.approx(edits["words"] / length)


def test_by_hand() -> None:
    assert cer("kitten", "sitting") == pytest.approx(3 / 7)
    assert wer("the cat sat", "the dog sat down") == pytest.approx(2 / 4)
    assert cer("aaaa", "b") == 4


def test_spaces_and_composed_letters_do_not_count() -> None:
    assert cer("Gru\u0308ße \n an  alle", "Grüße an alle") == 0
    assert character_errors("TOTAL", "total").edits == 5
    assert character_errors("TOTAL", "total", fold_case=True).edits == 0
    assert word_errors("A b", "a b", fold_case=True).edits == 0


def test_a_page_without_text_is_undefined_but_what_was_invented_counts() -> None:
    assert cer("ghost", "") is None
    assert wer("", "") is None
    assert corpus_cer(["ghost", "abcde"], ["", "abcde"]) == 1
    assert corpus_cer(["", ""], ["", ""]) is None


def test_long_pages_weigh_more() -> None:
    assert corpus_cer(["x", "aaaaaaaaa"], ["y", "aaaaaaaaa"]) == pytest.approx(0.1)


def test_nothing_read_is_all_wrong() -> None:
    assert cer(None, "abc") == 1
    assert corpus_wer([None], ["a b"]) == 1


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        corpus_cer(["a"], ["a", "b"])
