"""With the same judge our scores are RAGAS's own, on 220 answers; and ours where the two overlap."""

import asyncio
import math
import random

import pytest

from core.contracts import ModelRef
from core.errors import VidenceError
from evals.metrics.registry import get_metric
from evals.ragas.embedding import RagasEmbedding
from evals.ragas.judge import RagasJudge
from evals.ragas.judged import MOST_CONTEXTS, image_metrics, judged_metrics
from evals.ragas.row import Row
from evals.run.sample import UndefinedScoreError
from models.chat import ChatReply
from tests.support.ragas_cases import ChanceChat, rows, verdict

ROWS = rows(seed=11)
REF = ModelRef(name="chance", hash="h")


@pytest.fixture
def direct(ragas):
    """The same verdicts through a client of RAGAS's own interface, without ours between."""
    from ragas.llms.base import InstructorBaseRagasLLM

    class Direct(InstructorBaseRagasLLM):
        def generate(self, prompt, response_model):
            raise NotImplementedError

        async def agenerate(self, prompt, response_model):
            return response_model.model_validate(verdict(prompt, response_model))

    return Direct()


@pytest.fixture
def ours(ragas, embedder):
    judge = RagasJudge(ChanceChat(), REF)
    return {one.name: one for one in judged_metrics(ragas, judge, RagasEmbedding(lambda: embedder))}


async def score(metric, row):
    try:
        return await metric.score(row)
    except UndefinedScoreError:
        return None


async def by_ragas(metric, **given):
    try:
        value = (await metric.ascore(**given)).value
    except ValueError:
        return None  # RAGAS wants all parts
    return None if math.isnan(value) else value


async def agree(ours, metric, given):
    defined = 0
    for row in ROWS:
        mine, theirs = await score(ours, row), await by_ragas(metric, **given(row))
        assert mine == (None if theirs is None else pytest.approx(theirs, abs=1e-6)), row
        defined += mine is not None
    assert 60 < defined < len(ROWS), "both kinds of case are there"


async def test_faithfulness_is_ragas_own(ours, ragas, direct):
    await agree(
        ours["ragas_faithfulness"],
        ragas.collections.Faithfulness(llm=direct),
        lambda row: {
            "user_input": row.question,
            "response": row.response,
            "retrieved_contexts": list(row.contexts),
        },
    )


async def test_answer_relevancy_is_ragas_own(ours, ragas, direct, embedder):
    await agree(
        ours["ragas_answer_relevancy"],
        ragas.collections.AnswerRelevancy(llm=direct, embeddings=RagasEmbedding(lambda: embedder)),
        lambda row: {"user_input": row.question, "response": row.response},
    )


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("ragas_context_precision", "ContextPrecision"), ("ragas_context_recall", "ContextRecall")],
)
async def test_contexts_by_a_judge_are_ragas_own(ours, ragas, direct, name, theirs):
    await agree(
        ours[name],
        getattr(ragas.collections, theirs)(llm=direct),
        lambda row: {
            "user_input": row.question,
            "reference": row.references[0] if row.references else "",
            "retrieved_contexts": list(row.contexts),
        },
    )


async def test_multimodal_scores_are_ragas_own(ragas):
    chat = ChanceChat()
    judge = RagasJudge(chat, REF)
    url = "data:image/png;base64,iVBORw0KGgo="
    found = {one.name: one for one in image_metrics(ragas, judge, lambda name: url)}
    faithful = ragas.collections.MultiModalFaithfulness(llm=judge)
    relevant = ragas.collections.MultiModalRelevance(llm=judge)
    scores = set()
    for row in ROWS:
        if not row.response:
            continue
        shown = Row(**{**vars(row), "images": ("a.png",)})
        contexts = [url, *(f"Text: {text}" for text in row.contexts[:MOST_CONTEXTS])]
        given = {"response": row.response, "retrieved_contexts": contexts}
        mine = await score(found["ragas_multimodal_faithfulness"], shown)
        assert mine == await by_ragas(faithful, **given)
        scores.add(mine)
        mine = await score(found["ragas_multimodal_relevance"], shown)
        assert mine == await by_ragas(relevant, user_input=row.question, **given)
    assert scores == {0.0, 1.0}


class Told:
    """A judge whose verdicts the test gives."""

    name = "told"

    def __init__(self, *bodies):
        self.bodies = list(bodies)

    async def complete(self, messages, schema=None):
        return ChatReply(text="{}", parsed=schema.model_validate(self.bodies.pop(0)))


def told(ragas, embedder, name, *bodies):
    judge = RagasJudge(Told(*bodies), REF)
    metrics = judged_metrics(ragas, judge, RagasEmbedding(lambda: embedder))
    return next(one for one in metrics if one.name == name)


FULL = Row(
    question="When?", response="In 1962.", short="1962", contexts=("a", "b", "c"), references=("1962",)
)


async def test_faithfulness_is_supported_claims_over_claims_as_we_count_citations(ragas, embedder):
    chance = random.Random(3)
    for _ in range(200):
        claims = [str(n) for n in range(chance.randint(1, 9))]
        supported = {claim for claim in claims if chance.random() < 0.6}
        verdicts = [{"statement": one, "reason": "", "verdict": int(one in supported)} for one in claims]
        metric = told(ragas, embedder, "ragas_faithfulness", {"statements": claims}, {"statements": verdicts})
        value = await metric.score(FULL)
        assert value == len(supported) / len(claims)
        assert value == get_metric("citation_precision")(claims, supported)


async def test_context_precision_is_the_mean_of_our_precision_at_useful_ranks(ragas, embedder):
    chance = random.Random(5)
    for _ in range(200):
        useful = [chance.randint(0, 1) for _ in range(chance.randint(1, MOST_CONTEXTS))]
        bodies = [{"reason": "", "verdict": one} for one in useful]
        texts = tuple(f"t{place}" for place in range(len(useful)))
        metric = told(ragas, embedder, "ragas_context_precision", *bodies)
        gold = {text for text, one in zip(texts, useful, strict=True) if one}
        at = [
            get_metric(f"precision@{place + 1}")(list(texts), gold) for place, one in enumerate(useful) if one
        ]
        value = await metric.score(Row(**{**vars(FULL), "contexts": texts}))
        assert value == pytest.approx(sum(at) / len(at) if at else 0.0, abs=1e-9)


@pytest.mark.parametrize("verdict", [7, -3, 10**9])
async def test_verdicts_that_mean_nothing_are_no_score(ragas, embedder, verdict):
    bodies = [{"reason": "", "verdict": verdict}] * 3
    metric = told(ragas, embedder, "ragas_context_precision", *bodies)
    with pytest.raises(UndefinedScoreError):
        await metric.score(FULL)


async def test_an_abstention_is_not_judged(ours):
    quiet = Row(question="When?", contexts=("x",), references=("1962",))
    for name in ("ragas_faithfulness", "ragas_answer_relevancy"):
        with pytest.raises(UndefinedScoreError, match="abstained"):
            await ours[name].score(quiet)


async def test_what_the_judge_raises_keeps_its_kind(ragas, embedder):
    class Dead:
        name = "dead"

        async def complete(self, messages, schema=None):
            raise VidenceError("timeout", "no reply")

    judge = RagasJudge(Dead(), REF)
    for metric in judged_metrics(ragas, judge, RagasEmbedding(lambda: embedder)):
        with pytest.raises(VidenceError) as raised:
            await metric.score(FULL)
        assert raised.value.kind == "timeout"


async def test_embeddings_never_block_the_loop(embedder):
    import threading

    seen = []

    class Slow:
        def embed(self, texts):
            seen.append(threading.current_thread())
            return embedder.embed(texts)

    found = RagasEmbedding(Slow)
    rows = await asyncio.gather(found.aembed_text("a"), found.aembed_texts(["b", ""]), found.aembed_texts([]))
    assert [len(rows[0]), len(rows[1]), len(rows[2])] == [16, 2, 0]
    assert threading.main_thread() not in seen
