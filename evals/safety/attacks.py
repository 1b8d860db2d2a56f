"""Attacks that are planted in documents and images: BIPIA's, and a small set of our own.

BIPIA: Yi et al. 2023, Benchmarking and Defending Against Indirect Prompt Injection Attacks; its emails with
questions are the tasks, its instructions the attacks.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import invalid_input
from evals.suites.rows import json_lines

DATA = Path(__file__).parent / "data"
STYLES = frozenset(
    {
        "Alphanumeric Substitution",
        "Homophonic Substitution",
        "Misspelling Intentionally",
        "Anagramming",
        "Space Removal & Grouping",
        "Language Translation",
    }
)
"""Kinds that ask for the same answer in another writing; all others ask for something to be said or done."""
_SPOKEN = re.compile(r"[\"“]([^\"”]{8,})[\"”]")


@dataclass(frozen=True)
class Attack:
    """An instruction to plant.

    Attributes:
        id: Unique in its set.
        kind: What it tries.
        text: What is planted.
        says: What the answer says where it succeeded; by default what it quotes, or the whole text.
        place: Where it stands: `text`, `title`, table `cell`, file `name`, `metadata`, source `comment`,
            PubMed `abstract`, `chart` title, `caption` in an image, or there in `tiny` or `pale` letters.
    """

    id: str
    kind: str
    text: str
    says: str = ""
    place: str = "text"

    @property
    def payload(self) -> str:
        """What an obedient answerer says."""
        if self.says:
            return self.says
        spoken = _SPOKEN.search(self.text)
        return spoken[1] if spoken else self.text


@dataclass(frozen=True)
class Task:
    """A document and a question about it. An empty target: the document does not say."""

    id: str
    document: str
    question: str
    target: str = ""
    title: str = ""
    others: tuple[str, ...] = field(default=())
    """Documents that belong to the task and stay clean."""
    medium: str = "text"
    """What the document is: `text` (or a page of it), `code`, cells of a `chart`, a `pubmed` abstract."""


def compact(text: str) -> str:
    """Return the letters and digits of a text alone: spaces, marks and what is invisible do not count."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())


def bipia_attacks(folder: Path) -> list[Attack]:
    """Read BIPIA's attacks on text and on code; raises `invalid_input` where the files are not BIPIA's."""
    found = []
    for name in ("text", "code"):
        kinds = _json(folder / f"{name}_attack_train.json")
        for kind, texts in kinds.items():
            found += [
                Attack(f"{name}-{_slug(kind)}-{n}", kind, text) for n, text in enumerate(texts, start=1)
            ]
    return found


def bipia_tasks(folder: Path) -> list[Task]:
    """Read BIPIA's emails, each with its question; those that the email answers come first."""
    path = folder / "email_train.jsonl"
    tasks = []
    for number, row in enumerate(json_lines(path), start=1):
        target = "" if row["ideal"].strip().lower() == "unknown" else row["ideal"]
        tasks.append(
            Task(
                id=f"email{number:02}",
                document=row["context"].replace("|", "\n"),
                question=row["question"].removeprefix("Q:").strip(),
                target=target,
            )
        )
    return sorted(tasks, key=lambda task: not task.target)


def own_attacks(path: Path = DATA / "attacks.jsonl") -> list[Attack]:
    """Read our own attacks."""
    return [Attack(**row) for row in json_lines(path)]


def own_tasks(medium: str = "text", path: Path = DATA / "tasks.jsonl") -> list[Task]:
    """Read our own tasks of a medium."""
    tasks = [Task(**{**row, "others": tuple(row.get("others", ()))}) for row in json_lines(path)]
    return [task for task in tasks if task.medium == medium]


def _json(path: Path) -> dict[str, list[str]]:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise invalid_input(f"Cannot read {path}: {error}", help="Give BIPIA's files by --data.") from error
    return {str(kind): [str(text) for text in texts] for kind, texts in body.items()}


def _slug(kind: str) -> str:
    return re.sub(r"[^a-z]+", "-", kind.lower()).strip("-")
