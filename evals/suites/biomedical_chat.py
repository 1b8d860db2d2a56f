"""PubMedQA for a served chat model by itself: from memory, and with what search found.

The graph is not in between, so that these say what the model knows and what reading adds to it. `pubmedqa`
with the same setting asks the agent that has the model as its answerer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Literal

from pydantic import BaseModel

from core.contracts import ModelRef
from core.errors import unavailable
from evals.run.registry import OpenSolver, Place, suite
from evals.run.sample import Output, Sample, Seen, Spent
from evals.solvers.bench import Bench, open_bench
from evals.suites.biomedical import LABELS, verdicts
from evals.suites.passages import pubmedqa_records
from models.chat import ChatModel

_ROLE = "answerer"
_READ = 1
"""Abstracts shown: the one that is wanted is found first in 99 of 100."""
_SYSTEM = (
    "Answer a biomedical question by yes, no or maybe. Maybe is for findings that point both ways or are too "
    'weak to tell. Reply with a JSON object: {"answer": "yes"}, {"answer": "no"} or {"answer": "maybe"}.'
)


class Verdict(BaseModel):
    """The reply that the model has to give."""

    answer: Literal["yes", "no", "maybe"]


class _ChatSolver:
    def __init__(
        self,
        chat: ChatModel,
        bench: Bench,
        collection: str,
        models: dict[str, ModelRef],
        rests_on: dict[str, str],
    ) -> None:
        self._chat = chat
        self._bench = bench
        self._collection = collection
        self.models = models
        self.rests_on = rests_on

    async def solve(self, sample: Sample, seed: int) -> Output:
        """Ask the model; it raises as the server does, or when the reply is no verdict."""
        question = sample.input["question"]
        found = await asyncio.to_thread(self._found, question) if self._collection else []
        read = "".join(f"Abstract:\n{text}\n\n" for _, text in found)
        reply = await self._chat.complete(
            [
                {"role": "system", "content": _SYSTEM},
                {"role": "user", "content": f"{read}Question: {question}"},
            ],
            schema=Verdict,
        )
        return Output(
            answer={"status": "done", "short": reply.parsed.answer, "cited": [id_ for id_, _ in found]},
            evidence=tuple(Seen(id=id_, kind="passage", text=text[:500]) for id_, text in found),
            usage=Spent(tokens_in=reply.tokens_in, tokens_out=reply.tokens_out, calls=1),
        )

    def _found(self, question: str) -> list[tuple[str, str]]:
        hits = self._bench.services.collections.search(self._collection, question, k=_READ)
        return [(hit.doc_id, hit.text) for hit in hits]


def _opens(*, reads: bool) -> OpenSolver:
    @contextmanager
    def opened(place: Place) -> Iterator[_ChatSolver]:
        with open_bench(place) as bench:
            chat = bench.services.models.chat(_ROLE)
            if chat is None:
                raise unavailable(
                    "No chat model is set",
                    help="Set VIDENCE_ANSWERER=openai:BASE_URL#MODEL.",
                    retryable=False,
                )
            assert bench.data is not None  # the suite needs it
            records = pubmedqa_records(bench.data / "pubmedqa") if reads else []
            with bench.noting() as noted:
                name = bench.collection("pubmedqa", records) if reads else ""
            models = bench.models(_ROLE, *(["embeddings"] if reads else []))
            yield _ChatSolver(chat, bench, name, models, noted)

    return opened


_asked = partial(suite, family="biomedical", needs="pubmedqa", scorers=LABELS, at_once=1, timeout_s=300.0)


@_asked("pubmedqa_chat", open_solver=_opens(reads=True))
def pubmedqa_chat(place: Place) -> Iterator[Sample]:
    """Yes, no or maybe by the chat model of VIDENCE_ANSWERER, shown the first abstract found (PubMedQA)."""
    yield from verdicts(place, "pubmedqa_chat")


@_asked("pubmedqa_chat_alone", open_solver=_opens(reads=False))
def pubmedqa_chat_alone(place: Place) -> Iterator[Sample]:
    """The same model and questions with nothing to read: what it says from memory (PubMedQA)."""
    yield from verdicts(place, "pubmedqa_chat_alone")


SUITES = (pubmedqa_chat, pubmedqa_chat_alone)
