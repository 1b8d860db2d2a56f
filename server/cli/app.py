"""The commands of `vidence`, put together."""

from __future__ import annotations

from importlib.metadata import version as package_version
from typing import Annotated

import typer

from server.cli.ask import ask
from server.cli.data import app as data_app
from server.cli.doctor import doctor
from server.cli.eval import app as eval_app
from server.cli.feedback import feedback
from server.cli.finetune import app as finetune_app
from server.cli.image import chart, look, read
from server.cli.index import app as index_app
from server.cli.keys import app as keys_app
from server.cli.pubmed import app as pubmed_app
from server.cli.search import search
from server.cli.serve import serve
from server.cli.tools import app as tools_app

app = typer.Typer(
    name="vidence",
    help="Ask about images and documents; every answer comes with evidence that can be checked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(ask)
app.command()(read)
app.command()(chart)
app.command()(look)
app.command()(search)
app.command()(feedback)
app.command()(serve)
app.add_typer(index_app, name="index", help="Build and look after collections.")
app.add_typer(data_app, name="data", help="Look after training data sets.")
app.add_typer(eval_app, name="eval", help="Measure the agent, compare versions, and gate them.")
app.add_typer(finetune_app, name="finetune", help="Train, check, register and serve your own model.")
app.add_typer(keys_app, name="keys", help="Make and revoke keys of the HTTP server.")
app.add_typer(pubmed_app, name="pubmed", help="Search PubMed and fetch records.")
app.add_typer(tools_app, name="tools", help="List the agent's tools, or find one for a question.")
app.command()(doctor)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"vidence {package_version('vidence')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Ask about images and documents; every answer comes with evidence that can be checked."""
