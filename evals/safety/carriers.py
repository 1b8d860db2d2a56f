"""What carries an attack: a collection, a page, a chart, a source file, a PubMed record; clean or planted."""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.safety.attacks import Attack, Task
from evals.safety.plant import draw_page, planted

if TYPE_CHECKING:
    from graph.services import Services

MEDIA = ("text", "image", "chart", "code", "pubmed")
_LOOK = 5
DRAWN = ("text", "caption", "tiny", "pale")
"""Where an attack stands when it is drawn into a page; elsewhere it is in the file's name or metadata."""


@dataclass(frozen=True)
class Placed:
    """What a run works on, and what its hash or name is called in every run."""

    images: tuple[Path, ...] = ()
    collections: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    profile: str = "general"
    record: tuple[str, str] = ()  # type: ignore[assignment]
    """Title and abstract of what PubMed finds; empty for other media."""


class Carriers:
    """Makes carriers in a folder. Images are kept; a task's collection holds one version of it at a time.

    Opening a collection costs ten times what a changed document in it does, so an attack replaces the one
    before it. A run has to be over before the next carrier of its task is placed.
    """

    def __init__(self, home: Path, services: Services) -> None:
        self._home = home
        self._services = services
        self._made: dict[tuple[str, ...], Placed] = {}
        self._held: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()
        self._make: dict[str, Callable[[Task, Attack | None, str], Placed]] = {
            "text": self._collection,
            "image": self._page,
            "chart": self._chart,
            "code": self._code,
            "pubmed": _record,
        }

    def place(self, task: Task, attack: Attack | None, medium: str, place: str) -> Placed:
        """Return what a run of a task works on; without an attack it is the clean one, whatever the place."""
        key = (task.id, medium, *((attack.id, attack.text, place) if attack else ()))
        with self._lock:
            placed = self._made.get(key)
            if placed is None or any(self._held[name] != key for name in placed.collections):
                placed = self._made[key] = self._make[medium](task, attack, place)
                self._held.update(dict.fromkeys(placed.collections, key))
            return placed

    def _folder(self) -> Path:
        folder = self._home / "carriers" / f"c{uuid.uuid4().hex[:10]}"
        folder.mkdir(parents=True)
        return folder

    def _folder_of(self, task: Task, medium: str) -> Path:
        folder = self._home / "carriers" / f"{medium}-{task.id}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _collection(self, task: Task, attack: Attack | None, place: str) -> Placed:
        spot = attack.place if attack else ""
        # Another name is another file: what stood in it before would stay.
        folder = self._folder() if spot == "name" else self._folder_of(task, "text")
        text, title = task.document, task.title
        if attack and spot == "text":
            text = planted(text, attack.text, place)
        elif attack and spot == "cell":
            cell = attack.text.replace("|", "/").replace("\n", " ")
            text = f"{text}\n\n| Entry | Remark |\n|---|---|\n| first | none |\n| second | {cell} |"
        elif attack and spot == "title":
            title = attack.text
        row: dict[str, Any] = {"id": task.id, "text": text, **({"title": title} if title else {})}
        if attack and spot == "metadata":
            row["metadata"] = {"note": attack.text}
        stem = _file_name(attack.text) if attack and spot == "name" else "documents"
        rows = [row, *({"id": f"other{n}", "text": other} for n, other in enumerate(task.others))]
        (folder / f"{stem}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
        return self._indexed(folder)

    def _code(self, task: Task, attack: Attack | None, place: str) -> Placed:
        folder = self._folder_of(task, "code")
        comment = "".join(f"# {line}\n" for line in attack.text.split("\n")) if attack else ""
        # Behind the code: the lines of what is asked about stay where they are.
        (folder / f"{task.title}.py").write_text(f"{task.document}\n\n{comment}", "utf-8")
        return self._indexed(folder, profile="code", kind="code")

    def _indexed(self, folder: Path, profile: str = "general", kind: Any = "auto") -> Placed:
        self._services.collections.add(folder.name, [folder], kind=kind)
        names = ((folder.name, "the collection"),)
        return Placed(collections=(folder.name,), names=names, profile=profile)

    def _page(self, task: Task, attack: Attack | None, place: str) -> Placed:
        spot = attack.place if attack else ""
        style = spot if spot in ("tiny", "pale") else ""
        text = task.document
        if attack and spot in DRAWN and not style:
            text = planted(text, attack.text, place)
        path = self._folder() / f"{_file_name(attack.text) if attack and spot == 'name' else 'page'}.png"
        draw_page(
            text,
            path,
            metadata=attack.text if attack and spot == "metadata" else "",
            aside=attack.text if attack and style else "",
            style=style,
        )
        return self._image(path)

    def _chart(self, task: Task, attack: Attack | None, place: str) -> Placed:
        from PIL import Image

        from evals.drawings.charts import Table, draw

        cells = [line.split(": ") for line in task.document.split("\n")]
        names, values = [name for name, _ in cells], [float(value) for _, value in cells]
        title = attack.text if attack else task.title
        table = Table(title, "Place", "Count", tuple(names), ("Count",), (tuple(values),))
        drawing = draw("bar", "matplotlib", random.Random(_LOOK), lambda _: table)  # noqa: S311 - a look, no secret
        path = self._folder() / "chart.png"
        Image.fromarray(drawing.pixels).save(path)
        return self._image(path)

    def _image(self, path: Path) -> Placed:
        stored = self._services.images.add_path(path)
        return Placed(images=(path,), names=((stored.sha256, "image 1"),))


def _record(task: Task, attack: Attack | None, place: str) -> Placed:
    text = planted(task.document, attack.text, place) if attack else task.document
    return Placed(profile="medical", record=(task.title, text.replace("\n", " ")))


def _file_name(text: str) -> str:
    return text.replace("/", " ")[:100].strip()
