"""Reducers are pure: they change no input, and merging by id does not depend on the grouping."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.contracts import Evidence, merge_by_id
from graph.state import NEW, add_usage, append_items, merge_mapping

keys = st.text(min_size=1, max_size=4).filter(lambda key: key != NEW)
mappings = st.dictionaries(keys, st.integers())


@given(mappings, mappings, mappings)
def test_merging_mappings_is_associative_and_pure(a: Any, b: Any, c: Any) -> None:
    before = copy.deepcopy((a, b, c))
    left = merge_mapping(merge_mapping(a, b), c)
    assert left == merge_mapping(a, merge_mapping(b, c))
    assert (a, b, c) == before


@given(mappings, mappings)
def test_usage_adds_in_any_order(a: Any, b: Any) -> None:
    assert add_usage(a, b) == add_usage(b, a)


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_appending_keeps_order_and_its_inputs(a: list[int], b: list[int]) -> None:
    before = (list(a), list(b))
    assert append_items(a, b) == before[0] + before[1]
    assert (a, b) == before


@given(mappings)
def test_the_new_mark_starts_a_channel_anew(old: Any) -> None:
    assert merge_mapping(old, {NEW: 1, "k": 2}) == {"k": 2}
    assert add_usage(old, {NEW: 1, "k": 2}) == {"k": 2}
    assert append_items([1], [NEW, 2]) == [2]


evidence = st.builds(
    lambda text, score: Evidence(kind="passage", source="s", content=text, score=score),
    st.sampled_from(["a", "b", "c", "d"]),
    st.floats(0, 1),
)
bundles = st.lists(evidence, max_size=6)


@given(bundles, bundles, bundles)
def test_evidence_merges_by_id_and_keeps_the_higher_score(
    a: list[Evidence], b: list[Evidence], c: list[Evidence]
) -> None:
    once = merge_by_id(merge_by_id(a, b), c)
    again = merge_by_id(a, merge_by_id(b, c))
    assert {item.id: item.score for item in once} == {item.id: item.score for item in again}
    assert len({item.id for item in once}) == len(once)
    for item in [*a, *b, *c]:
        assert next(kept.score for kept in once if kept.id == item.id) >= item.score
