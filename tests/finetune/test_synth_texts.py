"""Questions from captions and code say what their source says, and name it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import VidenceError
from finetune.data.dataset import Dataset
from finetune.synth.captions import Captioned, CaptionMaker, CaptionQuestion, by_rules, stated
from finetune.synth.code.instruct import CodeQuestion, confirmed
from finetune.synth.code.project import CodeProject
from finetune.synth.code.rules import docs_sources, issue_sources
from finetune.synth.code.symbols import symbols_of
from finetune.synth.listed import ListMaker
from finetune.synth.run import synthesise


def said(caption: str) -> dict[str, str]:
    return {f"{q.kind}: {q.question}": q.answers[0] for q in by_rules(caption)}


def test_a_caption_is_asked_for_what_it_plainly_says() -> None:
    found = said("Axial CT of the chest shows a left pleural effusion. No pneumothorax.")
    assert found["modality: What kind of imaging is this?"] == "CT"
    assert found["plane: In which plane is the image?"] == "axial"
    assert found["yes_no: Does the image show an effusion?"] == "yes"
    assert found["laterality: On which side is the effusion?"] == "left"
    assert found["yes_no: Does the image show a pneumothorax?"] == "no"


@pytest.mark.parametrize(
    "caption",
    [
        "Possible effusion.",
        "Effusion or consolidation.",
        "Fracture cannot be excluded.",
        "No change of the large mass.",
        "CT and MRI of the liver and the kidney.",
    ],
)
def test_doubt_alternatives_and_mixed_clauses_are_not_asked(caption: str) -> None:
    assert not {key for key in said(caption) if key.startswith(("yes_no", "laterality", "modality", "organ"))}


@pytest.mark.parametrize(
    ("kind", "answer", "quote", "kept"),
    [
        ("finding", "cardiomegaly", "shows cardiomegaly", True),
        ("finding", "pneumonia", "shows cardiomegaly", False),
        ("finding", "edema", "with edema", False),  # not in the caption
        ("yes_no", "yes", "shows cardiomegaly", True),
        ("yes_no", "no", "shows cardiomegaly", False),
        ("yes_no", "no", "no effusion", True),
        ("yes_no", "yes", "effusion", False),  # denied just before
        ("yes_no", "yes", "possible nodule", False),
    ],
)
def test_a_models_answer_must_stand_in_the_words_that_it_quotes(
    kind: Any, answer: str, quote: str, kept: bool
) -> None:
    caption = "Radiograph shows cardiomegaly, no effusion, and a possible nodule."
    assert (
        stated(CaptionQuestion(kind=kind, question="What is it?", answer=answer, quote=quote), caption)
        == kept
    )


class Half:
    """A matcher that likes bright images."""

    name = "half"

    def score(self, pixels: np.ndarray, caption: str) -> float:
        return float(pixels.mean() / 255)


def test_pairs_that_do_not_match_and_missing_images_are_reported_skips(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "white").save(tmp_path / "a.png")
    Image.new("RGB", (8, 8), "black").save(tmp_path / "b.png")
    pairs = [Captioned(image=name, caption="Chest radiograph.") for name in ("a.png", "b.png", "gone.png")]
    report = synthesise(
        Dataset(tmp_path / "d"),
        "d",
        lambda: CaptionMaker(pairs, tmp_path, "CC0-1.0", matcher=Half(), threshold=0.5),
        3,
        {},
    )
    assert set(report.skipped) == {
        "invalid_input: image and caption do not match",
        "not_found: missing image",
    }
    row = Dataset(tmp_path / "d").rows()[0]
    assert (row.metadata["match"], row.metadata["matcher"]) == (1.0, "half")


SOURCE = '''
class Shelf(dict):
    """Keeps books in order."""

    def add(self, book: str, place: int = 3, *, loud: bool = False) -> int:
        """Put a book on the shelf.

        Args:
            book: The title as it is printed,
                on its back.
            place: Counted from the left side.

        Returns:
            How many books stand there now.
        """
        if place < 0:
            raise ValueError("no such place")
        return len(self)
'''


def test_every_row_about_code_is_true_and_names_file_lines_and_commit(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "docs").mkdir(parents=True)
    (root / "shelf.py").write_text(SOURCE)
    (root / "broken.py").write_text("def (")
    (root / "docs" / "use.md").write_text(
        "# Use\n\n## Opening the shelf\n\n| `--loud` | n |\n| `shelf_width` | The width in metres. |\n"
    )
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(root)]
    for args in (["init", "-q"], ["add", "."], ["commit", "-qm", "Keep books on shelves"]):
        subprocess.run([*git, *args], check=True)
    head = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    project = CodeProject(root, [], "MIT")
    data = Dataset(tmp_path / "d")
    synthesise(data, "d", lambda: ListMaker(project.sources, project.make), len(project.sources), {})
    answers = {row.question: row for row in data.rows()}
    assert answers["Which file defines `Shelf.add`?"].answers == ("shelf.py",)
    assert answers["What is the default of `place` in `Shelf.add`?"].answers == ("3",)
    assert answers["Which exception does `Shelf.add` raise itself?"].answers == ("ValueError",)
    assert answers["What does `Shelf.add` return?"].answers == ("How many books stand there now.",)
    assert answers["What is `book` of `Shelf.add`?"].answers == ("The title as it is printed, on its back.",)
    assert answers["What does the class `Shelf` derive from?"].answers == ("dict",)
    assert answers["Which files did the commit “Keep books on shelves” change?"].answers[0].count(", ") == 2
    row = answers["Which file defines `Shelf.add`?"]
    assert row.metadata["commit"] == head
    first, last = row.metadata["lines"]
    assert SOURCE.splitlines()[first - 1].strip().startswith("def add")
    assert SOURCE.splitlines()[last - 1].strip() == "return len(self)"
    assert project.broken == ["broken.py: SyntaxError"]


def test_names_that_are_defined_twice_are_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("def twice():\n    pass\n\ndef once():\n    pass\n")
    (tmp_path / "b.py").write_text("def twice():\n    pass\n")
    asked = {q.question for source in CodeProject(tmp_path, [], "MIT").sources for q in source.questions}
    assert any("`once`" in question for question in asked)
    assert not any("`twice`" in question for question in asked)


def test_issues_and_pulls_are_read_from_both_exports(tmp_path: Path) -> None:
    export = tmp_path / "issues.json"
    items = [
        {
            "number": 7,
            "title": "Shelf falls over",
            "state": "open",
            "body": "",
            "labels": [{"name": "bug"}],
            "html_url": "u7",
        },
        {
            "number": 8,
            "title": "Mend the shelf",
            "state": "closed",
            "merged_at": "2024",
            "body": "Fixes #7",
            "url": "u8",
        },
        {"number": 9, "title": "Same", "state": "open", "body": ""},
        {"number": 10, "title": "Same", "state": "open", "body": ""},
    ]
    export.write_text(json.dumps(items))
    sources = list(issue_sources(export))
    answers = {q.question: q.answers[0] for source in sources for q in source.questions}
    assert answers["Which issue does pull request #8 close?"] == "#7"
    assert answers["Is pull request #8 open, closed or merged?"] == "merged"
    assert answers["Which labels has issue #7?"] == "bug"
    assert not any("Same" in question for question in answers)
    assert {source.url for source in sources} == {"u7", "u8"}
    export.write_text("{")
    with pytest.raises(VidenceError, match="not JSON"):
        list(issue_sources(export))


def test_a_page_is_asked_for_its_sections_and_terms() -> None:
    (source,) = docs_sources("# Settings\n| `home` | Where everything lives. |\n", "docs/a.md")
    assert {q.question: q.answers[0] for q in source.questions} == {
        "Which page has a section “Settings”?": "docs/a.md",
        "What does docs/a.md say of `home`?": "Where everything lives.",
    }


@pytest.mark.parametrize(
    ("op", "subject", "answer", "kept"),
    [
        ("default", "place", "3", True),
        ("default", "place", "4", False),
        ("default", "nothing", "3", False),
        ("raises", "", "ValueError", True),
        ("raises", "", "KeyError", False),
        ("calls", "", "len()", True),
        ("calls", "", "print", False),
        ("parameter_count", "", "3", True),
        ("is_async", "", "No", True),
        ("returns_literal", "", "0", False),
    ],
)
def test_a_models_answer_about_code_must_be_in_the_syntax_tree(
    op: Any, subject: str, answer: str, kept: bool
) -> None:
    symbol = next(s for s in symbols_of(SOURCE, "shelf.py") if s.name == "add")
    asked = CodeQuestion(op=op, subject=subject, question="What about `add`?", answer=answer)
    assert confirmed(asked, symbol) == kept
