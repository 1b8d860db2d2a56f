"""Questions and claims with the passages that bear on them, to fit the token encoder with.

From BioASQ (CC BY 2.5), PubMedQA (MIT) and StrategyQA (MIT) alone: questions with snippets of one article,
sentences of expert answers with those snippets that do not say the same in the same words, questions and
sentences of conclusions with their abstract without its conclusion, questions with the facts that answer
them. A claim is thus paired with a text that supports it in words that were written for something else.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evals.suites.rows import json_lines

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9])")
_LEAST_WORDS = 5
_FACTS = 500
"""Questions of StrategyQA, the only texts that are not biomedical: enough to stay general."""


@dataclass(frozen=True)
class Pair:
    """A query with one passage that bears on it."""

    group: str
    """Pairs of a group are held out together."""
    query: str
    passage: str
    source: str
    """The article of the passage."""
    related: frozenset[str]
    """Articles that bear on the query, as far as is known: none of them is a wrong answer."""
    kind: str

    @property
    def held_out(self) -> bool:
        """Whether the pair serves to choose and to measure, not to train."""
        return held_out(self.group)


def held_out(group: str) -> bool:
    """Return whether a question (BioASQ), an abstract (PubMedQA) is never trained on: one in five."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % 5 == 0


def read_pairs(data: Path) -> list[Pair]:
    """Return all pairs of the three sets under the folder of the development sets."""
    return [
        *_bioasq(data / "bioasq" / "dev.jsonl"),
        *_pubmedqa(data / "pubmedqa"),
        *_strategyqa(data / "multihop_text" / "strategyqa_dev.jsonl"),
    ]


def _bioasq(path: Path) -> Iterator[Pair]:
    for row in json_lines(path):
        articles: dict[str, list[str]] = {}
        for snippet in row["snippets"]:
            text = " ".join(snippet["text"].split())
            known = articles.setdefault(snippet["pmid"], [])
            if len(_words(text)) > 3 and text not in known:
                known.append(text)
        related = frozenset(articles) | frozenset(row["pmids"])
        answer = _sentences(" ".join((row["ideal_answer"] or [])[:1]))
        for source, texts in articles.items():
            passage = " ".join(texts)
            if not passage:
                continue
            yield Pair(row["id"], row["question"], passage, source, related, "question")
            for claim in answer:
                # What is said in the same words, or in none of them, teaches nothing.
                if 0.2 <= _shared(claim, passage) <= 0.8:
                    yield Pair(row["id"], claim, passage, source, related, "answer")


def _pubmedqa(folder: Path) -> Iterator[Pair]:
    asked = {row["pmid"]: row for row in json_lines(folder / "dev.jsonl")}
    for pmid, row in asked.items():
        body = " ".join(row["contexts"])
        for query in [row["question"], *_sentences(row["long_answer"])[:3]]:
            yield Pair(pmid, query, body, pmid, frozenset({pmid}), "conclusion")
    for row in json_lines(folder / "corpus.jsonl"):
        found = _sentences(row["text"])
        if row["pmid"] in asked or len(found) < 5:
            continue
        # Of these only the abstract is given; its last two sentences are its conclusion.
        for query in found[-2:]:
            yield Pair(
                row["pmid"], query, " ".join(found[:-2]), row["pmid"], frozenset({row["pmid"]}), "conclusion"
            )


def _strategyqa(path: Path) -> Iterator[Pair]:
    for row in json_lines(path)[:_FACTS]:
        if row["facts"]:
            yield Pair(
                row["qid"],
                row["question"],
                " ".join(row["facts"]),
                row["qid"],
                frozenset({row["qid"]}),
                "facts",
            )


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE.split(text) if len(part.split()) >= _LEAST_WORDS]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _shared(claim: str, passage: str) -> float:
    own = _words(claim)
    return len(own & _words(passage)) / max(len(own), 1)
