"""`vidence finetune export`: a model for vLLM, ONNX Runtime or Triton, measured beside the original."""

from __future__ import annotations

from enum import StrEnum
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
    from finetune.release.export_onnx import Variant
    from finetune.release.targets import Target


class To(StrEnum):
    """What the export is for."""

    vllm = "vllm"
    onnx = "onnx"
    triton = "triton"


class Kept(StrEnum):
    """How ONNX weights are kept."""

    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


def export(
    model: Annotated[str, typer.Argument(help="NAME[@VERSION], or a checkpoint's folder.", metavar="MODEL")],
    to: Annotated[To, typer.Option("--to", help="What it is for.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write.")],
    variant: Annotated[
        list[Kept] | None,
        typer.Option(
            help="How ONNX weights are kept; may be repeated. Triton takes one. [default: all; int8]"
        ),
    ] = None,
    data: Annotated[
        str, typer.Option("--data", "-d", help="Measure ONNX variants on these questions: NAME[:SPLIT].")
    ] = "",
    questions: Annotated[int, typer.Option("--questions", min=1, help="How many questions.")] = 100,
    max_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Largest loss of accuracy; more: exit code 1.")
    ] = 0.01,
    as_json: AsJson = False,
) -> None:
    """Export a model, after its files were hashed.

    vllm: the checkpoint under the tensor names that vLLM looks for. onnx: the embedded VLM's graphs with
    weights in fp32, fp16 and int8; with --data each variant answers the questions beside transformers and its
    loss of accuracy is reported. triton: a model repository around one ONNX variant.
    """
    with handle_errors(as_json):
        from finetune.release.opening import open_registry
        from finetune.release.targets import find_target

        settings = load_settings()
        with open_registry(settings) as registry:
            target = find_target(registry, model)
        if target.folder is None:
            raise invalid_input("A server cannot be exported", help="Give NAME[@VERSION] or a folder.")
        body: dict[str, Any] = {"model": target.name, "to": to.value, "path": str(output)}
        kept: list[Variant] = [one.value for one in variant or []]
        if to is To.vllm:
            from finetune.release.export_vllm import export_vllm

            body |= export_vllm(target.folder, output)
        elif to is To.triton:
            body |= _triton(target, output, kept)
        else:
            body |= _onnx(settings, target, output, kept, data, questions, quiet=as_json)
        worst = max((check["loss"] for check in body.get("checks", {}).values()), default=0.0)
        body["passed"] = worst <= max_loss
        if as_json:
            emit_json(body)
        else:
            _show(body, max_loss)
        if not body["passed"]:
            raise typer.Exit(EXIT_GATE_FAILED)


def _onnx(
    settings: Settings,
    target: Target,
    output: Path,
    kept: list[Variant],
    data: str,
    limit: int,
    *,
    quiet: bool,
) -> dict[str, Any]:
    from finetune.release.answering import open_checkpoint
    from finetune.release.export_check import check_exports
    from finetune.release.export_onnx import VARIANTS, OnnxAnswerer, export_onnx
    from finetune.release.questions import open_questions

    assert target.folder is not None
    asked = open_questions(settings.root / "finetune" / "data", data, limit=limit) if data else None
    sizes = export_onnx(target.folder, output, kept or VARIANTS)
    body: dict[str, Any] = {"bytes": dict(sizes)}
    if asked is not None:
        with counting("answering", quiet=quiet) as progress:
            checks = check_exports(
                open_checkpoint(target.folder),
                {name: OnnxAnswerer(output / name) for name in sizes},
                asked,
                progress,
            )
        body |= {
            "data": asked.ref,
            "checks": {name: check.model_dump(mode="json") for name, check in checks.items()},
        }
    return body


def _triton(target: Target, output: Path, kept: list[Variant]) -> dict[str, Any]:
    import tempfile

    from finetune.release.export_onnx import export_onnx
    from finetune.release.export_triton import export_triton

    if len(kept) > 1:
        raise invalid_input("Triton takes one variant", help="Give --variant once.")
    assert target.folder is not None
    one: Variant = kept[0] if kept else "int8"
    name = target.name.partition("@")[0] if target.registered else target.folder.name
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output, prefix=".export-") as work:
        export_onnx(target.folder, Path(work), [one])
        written = export_triton(Path(work) / one, output, name=name, version=target.version)
    return {"variant": one, "configs": [str(path) for path in written]}


def _show(body: dict[str, Any], max_loss: float) -> None:
    out = out_console()
    out.print(f"{escape(body['model'])} for {body['to']}: {escape(body['path'])}")
    if "renamed" in body:
        out.print(f"{body['tensors']} tensors, {body['renamed']} renamed")
    for path in body.get("configs", []):
        out.print(f"  {escape(path)}")
    checks = body.get("checks", {})
    if body.get("bytes"):
        table = Table("variant", "MB", "accuracy", "loss", "same answers", "log-probabilities within")
        for name, size in body["bytes"].items():
            check = checks.get(name)
            if check is None:
                table.add_row(name, f"{size / 1e6:.0f}", "-", "-", "-", "-")
                continue
            same = check["agreement"]
            loss = f"{check['loss']:+.3f}" + ("" if check["loss"] <= max_loss else " [red]too much[/]")
            table.add_row(
                name,
                f"{size / 1e6:.0f}",
                f"{check['accuracy']:.3f}",
                loss,
                f"{same['equal']} of {same['questions']}",
                f"{same['largest_logprob_difference']:.2g}",
            )
        out.print(table)
