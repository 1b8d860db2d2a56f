"""Lists everything of a project that can be asked about, and makes its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.errors import invalid_input, not_found
from finetune.synth.chat.caller import ChatCaller
from finetune.synth.code.instruct import instruct
from finetune.synth.code.rules import Source, commit_sources, docs_sources, issue_sources, symbol_sources
from finetune.synth.code.symbols import Symbol, python_files, symbols_of
from finetune.synth.made import Made, split_by_name

VERSION = "code-1"
_MAX_COMMITS = 2000


class CodeProject:
    """A project's sources for questions.

    Args:
        root: A folder, best a git checkout: then rows name the commit.
        exports: JSON exports of issues and pull requests.
        licence: Licence of the project, for the rows.
        caller: A chat model for self-instruct on top of the rules, or None.
    """

    def __init__(
        self, root: Path, exports: Sequence[Path], licence: str, caller: ChatCaller | None = None
    ) -> None:
        if not root.exists():
            raise not_found(f"There is no folder {root}", help="Give a folder with Python source.")
        self.root, self._licence, self._caller = root, licence, caller
        self.broken: list[str] = []
        self._symbols: dict[tuple[str, tuple[int, int]], Symbol] = {}
        self.sources: list[Source] = [*self._code(), *self._docs(), *self._commits()]
        for path in exports:
            self.sources += list(issue_sources(path))
        if not self.sources:
            raise invalid_input(
                f"{root} holds nothing to ask about", help="Python files, Markdown pages, a .git folder."
            )

    def make(self, source: Source) -> Made:
        """Make the rows of one source."""
        questions = list(source.questions)
        symbol = self._symbols.get((source.path, source.lines)) if source.lines else None
        if self._caller is not None and symbol is not None:
            questions += instruct(symbol, self._caller)
        group = source.path or source.url or source.commit or source.questions[0].question
        return Made(
            png=None,
            group=f"code:{group}",
            split=split_by_name(group),
            questions=tuple(questions),
            source=f"synth-code-{source.kind}",
            licence=self._licence,
            metadata={"path": source.path, "lines": source.lines, "commit": source.commit, "url": source.url},
        )

    def _code(self) -> list[Source]:
        symbols: list[Symbol] = []
        commits: dict[str, str] = {}
        for path in python_files(self.root):
            relative = path.relative_to(self.root).as_posix() if self.root.is_dir() else path.name
            try:
                symbols += symbols_of(path.read_text(), relative)
            except (SyntaxError, ValueError, OSError) as error:
                self.broken.append(f"{relative}: {type(error).__name__}")
                continue
            commits[relative] = self._commit(path)
        self._symbols = {(symbol.path, symbol.lines): symbol for symbol in symbols}
        return [replace(source, commit=commits[source.path]) for source in symbol_sources(symbols)]

    def _docs(self) -> list[Source]:
        if self.root.is_file():
            return []
        found = []
        for path in sorted([*self.root.glob("*.md"), *self.root.glob("docs/**/*.md")]):
            relative = path.relative_to(self.root).as_posix()
            commit = self._commit(path)
            found += [replace(source, commit=commit) for source in docs_sources(path.read_text(), relative)]
        return found

    def _commits(self) -> list[Source]:
        from itertools import islice

        from knowledge.readers.git_history import read_commits

        if not (self.root / ".git").exists():
            return []
        return list(commit_sources(list(islice(read_commits(self.root), _MAX_COMMITS))))

    def _commit(self, path: Path) -> str:
        from knowledge.code.version import version_of

        return version_of(path.resolve()) or ""
