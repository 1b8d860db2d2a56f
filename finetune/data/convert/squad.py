"""SQuAD 1.1 and 2.0 (Rajpurkar et al. 2016, 2018): questions about a paragraph, some without an answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from finetune.data.convert.base import Converter, Draft, Options, Skip, need, safely, sound, split_of, text_of
from finetune.data.convert.files import existing, find, load_json, parquet

_LAYOUT = "{train,dev}-v{1.1,2.0}.json, or parquet files with title, context, question, answers"
UNANSWERABLE = "unanswerable"
"""The answer of rows whose paragraph does not answer their question."""


def read(source: Path, options: Options) -> Iterator[Draft | Skip]:
    """Yield a draft a question: the paragraph, an empty line, the question. An article is one group."""
    root = existing(source)
    files = find(root, "train*.json", "dev*.json", "test*.json") or find(root, "*.parquet")
    need(files, "SQuAD", _LAYOUT, source)
    for path in files:
        official = path.stem.split("-")[0]
        if not options.wants(official, split_of(official)):
            continue
        for found in _questions(path):
            if isinstance(found, Skip):
                yield found
            else:
                yield from safely(found[0], _draft, *found, official)


def _questions(path: Path) -> Iterator[tuple[str, str, str, Mapping[str, Any]] | Skip]:
    """Yield (place, title, context, question)."""
    if path.suffix == ".parquet":
        for found in parquet(path):
            if isinstance(found, Skip):
                yield found
            else:
                where, row = found
                yield where, text_of(row.get("title")), text_of(row.get("context")), row
        return
    body = load_json(path)
    if isinstance(body, Skip):
        yield body
        return
    for article in sound(body.get("data") if isinstance(body, dict) else None, f"{path.name} data"):
        if isinstance(article, Skip):
            yield article
            continue
        for paragraph in sound(article[1].get("paragraphs"), f"{article[0]}.paragraphs"):
            if isinstance(paragraph, Skip):
                yield paragraph
                continue
            for asked in sound(paragraph[1].get("qas"), f"{paragraph[0]}.qas"):
                if isinstance(asked, Skip):
                    yield asked
                    continue
                where, item = asked
                place = f"{path.name}#{item['id']}" if isinstance(item.get("id"), str) else where
                yield place, text_of(article[1].get("title")), text_of(paragraph[1].get("context")), item


def _draft(where: str, title: str, context: str, item: Mapping[str, Any], official: str) -> Draft | Skip:
    given = item.get("answers")
    # Hugging Face's copy has {text: [...], answer_start: [...]}; the official files a list of objects.
    raw = given.get("text", []) if isinstance(given, Mapping) else [one.get("text") for one in given or []]
    answers = tuple(dict.fromkeys(text for text in map(text_of, raw) if text))
    # The official files say it; Hugging Face's copy by an empty list. Elsewhere an empty list is a mistake.
    impossible = bool(item.get("is_impossible")) or (isinstance(given, Mapping) and not raw)
    question = text_of(item.get("question"))
    if not context or not question:
        return Skip(where, "no question", "no paragraph or no question")
    return Draft(
        where=where,
        question=f"{context}\n\n{question}",
        answers=(UNANSWERABLE,) if impossible else answers,
        kind=UNANSWERABLE if impossible else "extract",
        split=split_of(official),
        official=official,
        group=f"squad:{title}",
        metadata={"title": title, "squad_id": text_of(item.get("id"))},
    )


CONVERTER = Converter(
    "squad",
    "SQuAD 1.1 and 2.0: questions about paragraphs, text only",
    "CC-BY-SA-4.0",
    _LAYOUT,
    read,
    homepage="https://rajpurkar.github.io/SQuAD-explorer",
)
