"""`vidence finetune evaluate|gate`: how good a model is, and whether it may replace another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import EXIT_GATE_FAILED, invalid_input
from core.settings import Settings, load_settings
from server.cli.counting import counting
from server.cli.finetune_register import AsJson
from server.cli.output import emit_json, handle_errors, out_console

if TYPE_CHECKING:
    from finetune.release.evaluation import Evaluation
    from finetune.release.registry import Registry

Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="At most so many questions, the same ones each time.")
]


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="NAME[@VERSION], a checkpoint's folder, or openai:BASE_URL#MODEL.", metavar="MODEL"
        ),
    ],
    data: Annotated[str, typer.Option("--data", "-d", help="Questions: NAME[:SPLIT]; the split is dev.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write every answer here.")] = None,
    limit: Limit = None,
    text_only: Annotated[
        bool, typer.Option("--text-only/--no-text-only", help="Ask with grey images as well.")
    ] = True,
    batch: Annotated[int, typer.Option(min=1, help="Questions at once.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Answer every question of a data set greedily, and report accuracy by kind.

    Accuracies come with Wilson's interval. Beside them stands the text-only baseline: the same model with a
    plain grey image in every image's place, which shows what the words alone give away. The figures of a
    registered model are kept with it, and the gate uses them.
    """
    with handle_errors(as_json):
        from finetune.release.gate import keep_evaluation
        from finetune.release.opening import open_registry
        from finetune.release.targets import find_target

        settings = load_settings()
        with open_registry(settings) as registry:
            target = find_target(registry, model)
            found = _evaluate(settings, registry, model, data, limit, text_only, batch, quiet=as_json)
            if target.registered:
                keep_evaluation(registry, target.name, found)
        if output is not None:
            from finetune.data.dataset import write_whole

            write_whole(output, found.model_dump_json(indent=1).encode() + b"\n")
        if as_json:
            emit_json(found.summary() | {"output": str(output) if output else None})
            return
        _show(found)


def gate(
    base: Annotated[
        str,
        typer.Argument(help="What to compare with: NAME[@VERSION], `text-only`, or an evaluation file."),
    ],
    new: Annotated[str, typer.Argument(help="The model to decide about, or its evaluation file.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="The gate file; by default evals/gate.yaml as shipped.")
    ] = None,
    data: Annotated[str, typer.Option("--data", "-d", help="Questions: NAME[:SPLIT].")] = "",
    limit: Limit = None,
    batch: Annotated[int, typer.Option(min=1, help="Questions at once, where a model has to be asked.")] = 8,
    as_json: AsJson = False,
) -> None:
    """Decide whether a model may be promoted, and record the decision for exactly these files.

    A paired bootstrap over images compares the two on the same questions, over all and by kind. The gate
    passes when the target improves, or does not fall beyond the interval, and nothing else falls. Models that
    were not evaluated on these questions are evaluated first. For a first model the base is `text-only`: it
    has to beat what the words alone give. Refused: exit code 1.

    Next: vidence finetune promote NEW --to staging
    """
    with handle_errors(as_json):
        from evals.gate import load_gate
        from finetune.release.gate import gate_files, gate_models
        from finetune.release.opening import open_registry
        from finetune.release.questions import open_questions

        rules = load_gate(config)
        if new.endswith(".json"):
            found = gate_files(Path(base), Path(new), rules)
        else:
            settings = load_settings()
            spec = data or rules.data
            if not spec:
                raise invalid_input(
                    "The gate needs questions", help="Give --data NAME:dev, or `data` in the file."
                )
            ref = open_questions(settings.root / "finetune" / "data", spec, limit=limit).ref
            with open_registry(settings) as registry:
                found = gate_models(
                    registry,
                    base,
                    new,
                    rules,
                    ref,
                    lambda one: _evaluate(settings, registry, one, spec, limit, True, batch, quiet=as_json),
                )
        if as_json:
            emit_json(found.body())
        else:
            _show_decision(found.body())
        if not found.decision.passed:
            raise typer.Exit(EXIT_GATE_FAILED)


def _evaluate(
    settings: Settings,
    registry: Registry,
    model: str,
    data: str,
    limit: int | None,
    text_only: bool,
    batch: int,
    *,
    quiet: bool,
) -> Evaluation:
    from finetune.release.evaluation import evaluate as measure
    from finetune.release.questions import open_questions
    from finetune.release.targets import find_target, open_target

    questions = open_questions(settings.root / "finetune" / "data", data, limit=limit)
    target = find_target(registry, model)
    answerer = open_target(
        target, batch=batch, api_key=settings.model_api_key, timeout_s=settings.model_timeout_s
    )
    with counting(f"asking {target.name}", quiet=quiet) as progress:
        return measure(
            answerer,
            questions,
            model=target.name,
            version=target.version,
            backend=target.backend,
            text_only=text_only,
            progress=progress,
        )


def _show(found: Evaluation) -> None:
    out = out_console()
    out.print(f"[bold]{escape(found.model)}[/] on {escape(found.data)}, {found.backend}")
    table = Table("kind", "questions", "accuracy", "95% interval", "text only")
    for name, part in {"all": found.overall, **found.kinds}.items():
        blind = "-" if part.text_only is None else f"{part.text_only.value:.3f}"
        accuracy = part.accuracy
        between = f"{accuracy.low:.3f} to {accuracy.high:.3f}"
        table.add_row(escape(name), str(part.n), f"{accuracy.value:.3f}", between, blind)
    out.print(table)
    by_image = found.by_image
    out.print(f"over images: {by_image.low:.3f} to {by_image.high:.3f}")
    if found.over_text_only is not None:
        gain = found.over_text_only.difference
        out.print(f"over text only: {gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})")
    out.print(
        f"mean token confidence {found.mean_confidence:.3f}, calibration error {found.calibration_error:.3f}"
    )


def _show_decision(body: dict[str, Any]) -> None:
    out = out_console()
    said = "[green]passed[/]" if body["passed"] else "[red]refused[/]"
    out.print(f"{escape(body['new'])} against {escape(body['base'])}: {said}")
    table = Table("part", "questions", "base", "new", "difference", "interval", "better", "worse")
    for part in [body["overall"], *body["kinds"]]:
        compared = part["compared"]
        difference = compared["difference"]
        table.add_row(
            escape(part["name"]) + ("" if part["judged"] else " [dim](too few)[/]"),
            str(compared["n"]),
            f"{compared['base']:.3f}",
            f"{compared['new']:.3f}",
            f"{difference['value']:+.3f}" + (" [red]fell[/]" if part["fell"] else ""),
            f"{difference['low']:+.3f} to {difference['high']:+.3f}",
            str(compared["only_new_right"]),
            str(compared["only_base_right"]),
        )
    out.print(table)
    for reason in body["reasons"]:
        out.print(f"  {escape(reason)}")
    if not body["recorded"]:
        out.print("[dim]Files only: nothing was recorded, so this lets nobody be promoted.[/]")
