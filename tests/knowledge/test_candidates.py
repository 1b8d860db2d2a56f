"""Candidates have the exact score of both legs, whichever leg found them, and only what readers see."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from knowledge.candidates import WordScores, candidates, word_scores
from knowledge.collection import Collection
from knowledge.collections import Collections
from knowledge.fusion import normalise_dense, normalise_sparse
from tests.support.hash_embedder import HashEmbedder


@pytest.fixture
def collection(collections: Collections, tmp_path: Path) -> Collection:
    folder = tmp_path / "many"
    folder.mkdir()
    words = "pump boiler rose water sun valve pipe tank".split()
    for place in range(40):
        text = " ".join(words[(place * step) % len(words)] for step in (1, 3, 5, place % 7))
        (folder / f"{place}.txt").write_text(f"note {place}: {text}.")
    collections.add("many", [folder])
    return collections._get("many")


def test_both_scores_are_exact_whichever_leg_found_a_piece(collection: Collection) -> None:
    query = "boiler pump valve"
    words = word_scores(collection, query)
    vector = HashEmbedder().embed([query])[0]
    found = candidates(collection, words, vector, 3, {})
    assert 3 <= len(found) <= 6
    every = collection.manifest.vectors(list(found))
    for id_, item in found.items():
        place = int(np.searchsorted(words.leg.numbers, item.number))
        assert item.sparse == pytest.approx(normalise_sparse(float(words.scores[place]), words.bound))
        assert item.dense == pytest.approx(normalise_dense(float(every[id_] @ vector)), abs=1e-5)


def test_a_piece_that_the_word_leg_does_not_hold_has_none_of_the_words(collection: Collection) -> None:
    words = word_scores(collection, "boiler")
    first, last = int(words.leg.numbers[0]), int(words.leg.numbers[-1])
    unknown = WordScores(words.leg, words.scores, words.bound).of([first - 1, last + 5])
    assert unknown == [0.0, 0.0]
    assert max(words.of([int(number) for number in words.leg.numbers])) > 0


def test_a_replaced_piece_is_no_candidate(
    collections: Collections, collection: Collection, tmp_path: Path
) -> None:
    old = word_scores(collection, "boiler")
    for file in (tmp_path / "many").glob("*.txt"):
        file.write_text(f"Quite another text about boiler {file.stem}.")
    collections.add("many", [tmp_path / "many"])
    # A search that had scored the words when the generation changed.
    assert candidates(collection, old, None, 100, {}) == {}


def test_vectors_by_number_are_those_by_id(collection: Collection) -> None:
    numbers = collection.manifest.next_numbers()
    names = collection.manifest.names(numbers)
    by_id = collection.manifest.vectors(list(names.values()))
    by_number = collection.manifest.vectors_at(numbers)
    assert by_number.keys() == names.keys()
    for number, id_ in names.items():
        np.testing.assert_array_equal(by_number[number], by_id[id_])
