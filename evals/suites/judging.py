"""Judging: candidate answers to a question, ranked by the agent's judge after the agent's check of claims.

The candidates are made of our library, so that their order is known: the right one, supported and short; the
same with sentences that nobody asked for; one that is true of another thing of the kind; and four that must
not pass the check: another unit, another number than the evidence has, a statement that no evidence makes,
and a right one whose citation is invented. The route is equally sure of all: the order is the judge's own.
With `VIDENCE_JUDGE` set, the served judge chooses among those that the heuristic one puts on one level.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from agents.checks import check_candidate
from agents.judge import rank
from agents.judge_chat import rerank
from agents.question import parse_question
from core.contracts import Candidate, Citation, DraftClaim, Evidence
from core.text import sentences
from evals.made.things import Asked, Thing
from evals.run.registry import Place, Scorer, suite
from evals.run.sample import Output, Sample, Spent
from evals.run.scorers import metric_scorer
from evals.solvers.bench import AsyncAnswer, Bench, async_solver
from evals.suites.library import made

GRADES = {"right": 2, "verbose": 1, "other": 0, "unit": 0, "contradicted": 0, "unsupported": 0, "invented": 0}
"""What each kind of candidate is worth."""
FALSE = ("unit", "contradicted", "unsupported", "invented")
_UNITS = ("kilograms", "hours", "litres", "degrees")
_SURE = 0.7
_UNKNOWN = "e" + "0" * 16


def questions() -> Iterator[tuple[Thing, Thing, Asked]]:
    """Yield (thing, another of its kind with the same fact, what is asked) where the answer has a unit."""
    for thing in made():
        for asked in thing.answered:
            if asked.kind != "number" or len(asked.accepted) < 2:
                continue
            kin = [one for one in made() if one.kind == thing.kind and one.id != thing.id]
            others = [one for one in kin if _fact(one, asked.key)]
            if others:
                yield thing, others[0], asked
                break


def candidates(thing: Thing, other: Thing, asked: Asked) -> tuple[list[Evidence], dict[str, Candidate]]:
    """Return the passages of both things as evidence, and a candidate of each kind."""
    mine, theirs = _evidence(thing), _evidence(other)
    value = asked.accepted[1]
    number, unit = value.split(maxsplit=1)
    told = _sentence(thing.text, value)
    their_value = next(one for one in other.answered if one.key == asked.key).accepted[1]
    wrong_unit = next(one for one in _UNITS if one not in thing.text)
    more = [one for one in sentences(thing.text) if one != told][-2:]
    false = str(int(number.replace(",", "")) + 7)
    real = _claim(mine, told)
    unknown = tuple(one.model_copy(update={"evidence_id": _UNKNOWN}) for one in real.citations)
    return [mine, theirs], {
        "right": _candidate(value, [real]),
        "verbose": _candidate(value, [_claim(mine, one) for one in (told, *more)]),
        "other": _candidate(their_value, [_claim(theirs, _sentence(other.text, their_value))]),
        "unit": _candidate(
            f"{number} {wrong_unit}", [_claim(mine, told, told.replace(value, f"{number} {wrong_unit}"))]
        ),
        "contradicted": _candidate(
            f"{false} {unit}", [_claim(mine, told, told.replace(value, f"{false} {unit}"))]
        ),
        "unsupported": _candidate(
            f"{false} {unit}", [_claim(mine, more[-1], f"It is about {false} {unit}.")]
        ),
        "invented": _candidate(value, [real.model_copy(update={"citations": unknown})]),
    }


def _fact(thing: Thing, key: str) -> Asked | None:
    return next((one for one in thing.answered if one.key == key), None)


def _evidence(thing: Thing) -> Evidence:
    return Evidence(kind="passage", source=thing.id, content=f"{thing.title}: {thing.text}", score=1.0)


def _sentence(text: str, value: str) -> str:
    return next(one for one in sentences(text) if value in one)


def _claim(evidence: Evidence, sentence: str, said: str = "") -> DraftClaim:
    """Return a claim that names its thing: it quotes the title, and the sentence that says so."""
    title = evidence.content.partition(":")[0]
    quotes = (Citation.of(evidence, title), Citation.of(evidence, sentence))
    return DraftClaim(text=f"{title}: {said or sentence}", citations=quotes)


def _candidate(short: str, claims: list[DraftClaim]) -> Candidate:
    return Candidate(
        id="",
        route="extraction",
        answer=" ".join(claim.text for claim in claims),
        short_answer=short,
        answer_type="number",
        claims=tuple(claims),
        score=_SURE,
    )


def _judge(bench: Bench) -> AsyncAnswer:
    chat = bench.services.models.chat("judge")

    async def answer(sample: Sample) -> Output:
        question = parse_question(sample.input["question"])
        evidence = {item.id: item for item in map(Evidence.model_validate, sample.input["evidence"])}
        proposed = [Candidate.model_validate(one) for one in sample.input["candidates"]]
        ranking = rank([check_candidate(one, evidence) for one in proposed], question)
        spent = Spent()
        if chat is not None:
            judged = await rerank(chat, question, ranking)
            ranking, usage = judged.ranking, judged.usage
            spent = Spent(
                calls=int(usage.get("llm_calls", 0)),
                tokens_in=int(usage.get("tokens_in", 0)),
                tokens_out=int(usage.get("tokens_out", 0)),
            )
        order = [item.checked.candidate.id for item in ranking]
        scores = [len(proposed) - order.index(one.id) if one.id in order else 0 for one in proposed]
        return Output(answer={"scores": scores, "passed": order}, usage=spent)

    return answer


def _scores(sample: Sample, output: Output) -> list[float]:
    return list(output.answer["scores"])


def _grades(sample: Sample) -> list[float]:
    return list(sample.target["grades"])


def _let_through(sample: Sample, output: Output) -> float:
    """Return the share of the false candidates that passed the check."""
    scores = dict(zip(sample.target["kinds"], output.answer["scores"], strict=True))
    return float(sum(scores[kind] > 0 for kind in FALSE)) / len(FALSE)


@suite(
    "judge_ranking",
    family="judging",
    open_solver=async_solver(_judge, "judge"),
    scorers=(
        metric_scorer("pairwise_accuracy", _scores, _grades),
        metric_scorer("best_chosen", _scores, _grades),
        metric_scorer("judged_ndcg", _scores, _grades, judged=False),
        metric_scorer("kendall_tau", _scores, _grades, judged=False),
        Scorer(
            "let_through",
            _let_through,
            higher_is_better=False,
            help="False candidates (unit, number, no support, invented citation) that pass the check.",
        ),
    ),
)
def judge_ranking(place: Place) -> Iterator[Sample]:
    """Seven candidates a question, right, verbose, of another thing and false: who comes first."""
    for thing, other, asked in questions():
        evidence, made_up = candidates(thing, other, asked)
        kinds = list(made_up)
        # The judge breaks ties by the order it is given: it must not be the order of worth.
        random.Random(f"judge-{thing.id}").shuffle(kinds)  # noqa: S311 - a draw, no secret
        proposed = [made_up[kind].model_copy(update={"id": f"c{at}"}) for at, kind in enumerate(kinds)]
        yield Sample(
            id=f"{thing.id}-{asked.key}",
            suite="judge_ranking",
            family="judging",
            kind=thing.kind,
            modality="text",
            source="made",
            group=thing.id,
            input={
                "question": asked.question,
                "evidence": [item.model_dump(mode="json") for item in evidence],
                "candidates": [one.model_dump(mode="json") for one in proposed],
            },
            target={"grades": [GRADES[kind] for kind in kinds], "kinds": kinds},
        )


SUITES = (judge_ranking,)
