"""Live progress on a terminal: the plan, the steps and the evidence as they come."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

_MARKS = {"pending": "○", "running": "◐", "done": "●", "failed": "✗", "skipped": "–"}
_SAYS = {
    "intake": "looking at the question",
    "draft": "writing candidate answers",
    "verify": "checking every claim against its evidence",
    "judge": "ranking what survived",
}


class Progress:
    """Prints one line for each thing that happened; to stderr, so that stdout stays clean."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self._quiet = quiet
        self._shown: dict[str, str] = {}

    def __call__(self, node: str, update: dict[str, Any]) -> None:
        """Show a node's update."""
        if self._quiet:
            return
        if node in _SAYS:
            self._line(f"[dim]{_SAYS[node]}[/]")
        for item in (update.get("plan") or {}).values():
            if isinstance(item, dict):
                self._subquestion(item)
        for ref in list((update.get("refs") or {}).values())[:3]:
            if isinstance(ref, dict):
                self._line(f"    [green]{ref['kind']}[/] {escape(' '.join(ref['snippet'].split())[:90])}")
        for error in (update.get("errors") or {}).values():
            if isinstance(error, dict):
                self._line(f"    [yellow]{error['kind']}[/] {escape(error['message'])}")
        if update.get("stopped"):
            self._line(f"[yellow]the budget of {update['stopped']} is used up[/]")

    def _subquestion(self, item: dict[str, Any]) -> None:
        if self._shown.get(item["id"]) == item["status"]:
            return
        self._shown[item["id"]] = item["status"]
        mark = _MARKS.get(item["status"], "?")
        self._line(
            f"  {mark} [bold]{item['id']}[/] {escape(item['question'][:80])} [cyan]{item['action']}[/]"
        )

    def _line(self, text: str) -> None:
        self._console.print(text)
