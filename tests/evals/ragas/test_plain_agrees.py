"""The metrics without a model say what RAGAS itself says, on 220 answers drawn by chance and by hand."""

import asyncio
import math

import pytest

from evals.metrics.registry import get_metric
from evals.ragas.embedding import RagasEmbedding
from evals.ragas.plain import plain_metrics
from evals.run.sample import UndefinedScoreError
from tests.support.ragas_cases import rows

ROWS = rows()


def score(metric, row):
    try:
        return metric.score(row)
    except UndefinedScoreError:
        return None


def said(value):
    return None if math.isnan(value) else value


@pytest.fixture
def ours(ragas, embedder):
    return {one.name: one for one in plain_metrics(ragas, RagasEmbedding(lambda: embedder))}


def best_by_ragas(metric, references, response):
    """RAGAS's own value for each accepted answer; the best of them."""
    values = [
        asyncio.run(metric.ascore(reference=reference, response=response)).value for reference in references
    ]
    return said(max(values))


@pytest.mark.parametrize(
    ("name", "field", "theirs"),
    [
        ("ragas_exact_match", "short", "ExactMatch"),
        ("ragas_string_presence", "response", "StringPresence"),
        ("ragas_string_similarity", "short", "NonLLMStringSimilarity"),
        ("ragas_rouge_l", "short", "RougeScore"),
        ("ragas_chrf", "short", "CHRFScore"),
    ],
)
def test_likeness_of_answers_is_ragas_own(ours, ragas, name, field, theirs):
    metric = getattr(ragas.collections, theirs)()
    values = [score(ours[name], row) for row in ROWS]
    assert values == [best_by_ragas(metric, row.references, getattr(row, field)) for row in ROWS]
    assert len(set(values)) > 1


def test_semantic_similarity_is_ragas_own(ours, ragas, embedder):
    metric = ragas.collections.SemanticSimilarity(embeddings=RagasEmbedding(lambda: embedder))
    for row in ROWS:
        mine = score(ours["ragas_semantic_similarity"], row)
        assert mine == pytest.approx(best_by_ragas(metric, row.references, row.short), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "room", "theirs"),
    [
        ("ragas_nonllm_context_precision", "precision", "NonLLMContextPrecisionWithReference"),
        ("ragas_nonllm_context_recall", "recall", "NonLLMContextRecall"),
    ],
)
def test_likeness_of_contexts_is_ragas_own(ours, ragas, name, room, theirs, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # RAGAS's own way writes an id of the user there
    metric = getattr(getattr(ragas, room), theirs)()
    compared = 0
    for row in ROWS:
        mine = score(ours[name], row)
        if not row.reference_contexts:
            assert mine is None
            continue
        if not row.contexts:
            assert mine == 0.0
            continue
        sample = ragas.sample(
            retrieved_contexts=list(row.contexts), reference_contexts=list(row.reference_contexts)
        )
        assert mine == said(asyncio.run(metric.single_turn_ascore(sample)))
        compared += 1
    assert compared > 120


@pytest.mark.parametrize(
    ("name", "room", "theirs"),
    [
        ("ragas_id_context_precision", "precision", "IDBasedContextPrecision"),
        ("ragas_id_context_recall", "recall", "IDBasedContextRecall"),
    ],
)
def test_contexts_by_id_are_ragas_own_and_ours(ours, ragas, name, room, theirs, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    metric = getattr(getattr(ragas, room), theirs)()
    for row in ROWS:
        mine = score(ours[name], row)
        if not row.reference_ids:
            assert mine is None
            continue
        sample = ragas.sample(
            retrieved_context_ids=list(row.context_ids), reference_context_ids=list(row.reference_ids)
        )
        assert mine == said(asyncio.run(metric.single_turn_ascore(sample)))
        own = get_metric("citation_precision" if "precision" in name else "citation_recall")
        assert mine == own(list(row.context_ids), list(dict.fromkeys(row.reference_ids)))


def test_average_precision_of_contexts_is_the_mean_of_our_precision_at_the_relevant_ranks(ours):
    from evals.ragas.row import Row

    texts = {False: "nothing of the kind, at all", True: "the bridge was opened in 1962"}
    for number in range(256):
        relevant = [bool(number >> bit & 1) for bit in range(8)]
        row = Row(
            question="?",
            contexts=tuple(texts[one] for one in relevant),
            reference_contexts=(texts[True],),
        )
        ids = [f"{place}{one}" for place, one in enumerate(relevant)]
        gold = {id_ for id_, one in zip(ids, relevant, strict=True) if one}
        at = [get_metric(f"precision@{place + 1}")(ids, gold) for place, one in enumerate(relevant) if one]
        wanted = sum(at) / len(at) if at else 0.0
        assert ours["ragas_nonllm_context_precision"].score(row) == pytest.approx(wanted, abs=1e-9)


def test_nothing_is_written_into_the_home_folder(ours, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for metric in ours.values():
        for row in ROWS[:20]:
            score(metric, row)
    assert list(tmp_path.iterdir()) == []


def test_an_abstention_never_scores_best(ours):
    from evals.ragas.row import Row

    quiet = Row(
        question="When?", references=("1962",), reference_ids=("a",), reference_contexts=("In 1962.",)
    )
    values = {name: score(metric, quiet) for name, metric in ours.items()}
    assert values.pop("ragas_id_context_precision") is None, "nothing was retrieved: no share of it"
    assert all(value is not None and value < 0.9 for value in values.values()), values


def test_what_is_not_known_of_a_sample_is_said_and_never_a_number(ours):
    from evals.ragas.row import Row

    bare = Row(question="When?", response="In 1962.", short="1962", contexts=("x",), context_ids=("a",))
    for metric in ours.values():
        with pytest.raises(UndefinedScoreError, match=r"\w"):
            metric.score(bare)
