"""`vidence data`: look after training data sets. Each command lives in a file of its own, `data_NAME.py`."""

from __future__ import annotations

import typer

from server.cli.data_curate import curate, dedup
from server.cli.data_look import lineage, list_, stats, verify
from server.cli.data_split import check, split

app = typer.Typer(no_args_is_help=True)
app.command("list")(list_)
app.command()(stats)
app.command()(verify)
app.command()(curate)
app.command()(dedup)
app.command()(split)
app.command()(check)
app.command()(lineage)
