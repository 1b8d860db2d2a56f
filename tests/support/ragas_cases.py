"""For the tests of RAGAS: a judge that decides by what it is shown, and answers drawn by chance."""

import hashlib
import json
import random
from typing import Any

from evals.ragas.row import Row
from models.chat import ChatReply

WORDS = (
    "the oak bridge harbour 1962 ship Großes 東京 café is in of was opened tons, two. red -12.5 (a) 'quoted'"
).split()
EDGES = (
    "",
    " ",
    "a",
    "é",
    "0",
    "\n",
    "👍🏽",
    "a" * 300,
    "Yes. No.",
    "The oak. The oak.",
    "{}",
    "null",
    "\u0000",
)


def drawn(prompt: Any, *, most: int = 1 << 32) -> int:
    """A number that follows from what a judge is shown."""
    text = json.dumps(prompt, sort_keys=True)
    return int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8], 16) % most


def verdict(prompt: Any, schema: type) -> Any:
    """What the judge of these tests says: all fields of RAGAS's schemas, by chance, sometimes nothing."""
    chance = random.Random(drawn(prompt))
    name = schema.__name__
    yes = lambda: chance.randint(0, 1)  # noqa: E731
    if name == "StatementGeneratorOutput":
        return {"statements": [f"statement {n}" for n in range(chance.randint(0, 4))]}
    if name == "NLIStatementOutput":
        count = chance.randint(0, 4)
        return {"statements": [{"statement": str(n), "reason": "", "verdict": yes()} for n in range(count)]}
    if name == "AnswerRelevanceOutput":
        question = chance.choice(["", "What is it?", "When was the bridge opened?"])
        return {"question": question, "noncommittal": yes()}
    if name == "ContextPrecisionOutput":
        return {"reason": "", "verdict": yes()}
    if name == "ContextRecallOutput":
        count = chance.randint(0, 3)
        return {
            "classifications": [
                {"statement": str(n), "reason": "", "attributed": yes()} for n in range(count)
            ]
        }
    if name == "MultiModalFaithfulnessOutput":
        return {"faithful": bool(yes()), "reason": "r"}
    assert name == "MultiModalRelevanceOutput", name
    return {"relevant": bool(yes()), "reason": "r"}


class ChanceChat:
    """A chat model that gives those verdicts; counts what it is asked."""

    name = "chance"

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def complete(self, messages, schema=None):
        self.asked.append(messages)
        assert schema is not None
        body = verdict(messages[0]["content"], schema)
        return ChatReply(text=json.dumps(body), parsed=schema.model_validate(body), tokens_in=3, tokens_out=2)


class HashEmbedder:
    """Unit vectors that follow from the text."""

    name, hash, dim = "hash", "hash", 16

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def embed(self, texts):
        import numpy as np

        self.calls.append(list(texts))
        rows = [np.random.default_rng(drawn(text)).normal(size=self.dim) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in rows], dtype=np.float32).reshape(-1, self.dim)


def text(chance: random.Random, most: int = 8) -> str:
    if chance.random() < 0.15:
        return chance.choice(EDGES)
    return " ".join(chance.choice(WORDS) for _ in range(chance.randint(1, most)))


def texts(chance: random.Random, most: int) -> tuple[str, ...]:
    return tuple(text(chance, 12) for _ in range(chance.randint(0, most)))


def ids(chance: random.Random, most: int) -> tuple[str, ...]:
    return tuple(chance.choice("abcdefgh") for _ in range(chance.randint(0, most)))


def rows(count: int = 220, seed: int = 7) -> list[Row]:
    """Answers by chance, with every part missing now and then."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        reference = text(chance)
        said = reference if chance.random() < 0.2 else text(chance)
        found.append(
            Row(
                question=text(chance) or "?",
                response=chance.choice([said, f"It is {said}.", text(chance, 20)]),
                short=said,
                contexts=texts(chance, 6),
                context_ids=tuple(dict.fromkeys(ids(chance, 6))),
                references=(reference, *texts(chance, 2)),
                reference_contexts=texts(chance, 3),
                reference_ids=ids(chance, 3),
            )
        )
    return found
