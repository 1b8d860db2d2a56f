"""What the commands about data sets share: where they lie, the bar, how counts are shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from core.errors import invalid_input
from core.settings import load_settings
from server.cli.output import out_console

if TYPE_CHECKING:
    from finetune.data.dataset import Dataset

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}")


def open_dataset(name: str) -> Dataset:
    """Return the data set of this name in the data folder.

    Raises:
        VidenceError: `invalid_input` for a name that is no plain folder name.
    """
    from finetune.data.dataset import Dataset

    if not _NAME.fullmatch(name):
        raise invalid_input(
            f"`{name}` is no name for a data set", help="Use letters, digits, dots, dashes and underscores."
        )
    return Dataset(load_settings().root / "finetune" / "data" / name)


def counts_text(counts: Mapping[str, int]) -> str:
    """Return counts as `1,200 train, 30 dev`."""
    return ", ".join(f"{count:,} {escape(name)}" for name, count in counts.items()) or "none"


def show_reasons(counts: Mapping[str, int], examples: Mapping[str, Any], *, of_each: int = 2) -> None:
    """Print each reason with its count and a few examples."""
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        out_console().print(f"  {count:,} {escape(reason)}")
        for example in list(examples.get(reason, ()))[:of_each]:
            out_console().print(f"    [dim]{escape(str(example))[:160]}[/]")
