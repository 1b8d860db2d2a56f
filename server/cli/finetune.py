"""`vidence finetune`: from training data to a served model, and back from feedback.

Each command lives in a file of its own, `finetune_NAME.py`, and is registered here.
"""

from __future__ import annotations

import typer

from server.cli.finetune_assemble import assemble
from server.cli.finetune_augment import augment
from server.cli.finetune_cycle import cycle
from server.cli.finetune_data import data
from server.cli.finetune_evaluate import evaluate, gate
from server.cli.finetune_export import export
from server.cli.finetune_incorporate import incorporate
from server.cli.finetune_label import app as label_app
from server.cli.finetune_merge import merge
from server.cli.finetune_promote import promote
from server.cli.finetune_queue import app as queue_app
from server.cli.finetune_register import list_, register, show
from server.cli.finetune_rollback import rollback
from server.cli.finetune_serve import serve
from server.cli.finetune_synth import app as synth_app
from server.cli.finetune_synth_from import captions, code, scans
from server.cli.finetune_train import train

app = typer.Typer(no_args_is_help=True)
app.command()(data)
app.command()(augment)
app.command()(assemble)
app.command()(merge)
app.command()(evaluate)
app.command()(gate)
app.command()(register)
app.command("list")(list_)
app.command()(show)
app.command()(promote)
app.command()(rollback)
app.command()(export)
app.command()(serve)
app.command()(train)
app.command()(incorporate)
app.command()(cycle)
app.add_typer(queue_app, name="queue", help="Find what is worth labelling.")
app.add_typer(label_app, name="label", help="Hand the queue to Label Studio, and take labels back.")
for command in (scans, captions, code):
    synth_app.command()(command)
app.add_typer(
    synth_app,
    name="synth",
    help="Make training data: charts, tables, receipts, pages, labels, captions, code.",
)
