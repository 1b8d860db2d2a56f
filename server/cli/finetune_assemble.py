"""`vidence finetune assemble`: from trained parts to a checkpoint folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.cli.output import emit_json, handle_errors, out_console


def assemble(
    parts: Annotated[Path, typer.Argument(help="A run's `result` folder: tower, projector, adapter.")],
    out: Annotated[Path, typer.Argument(help="The checkpoint folder to write.")],
    merge: Annotated[
        bool, typer.Option(help="Add the adapter to the weights; without it, write what it was trained on.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Put trained parts and SmolLM2-135M together as a LLaVA checkpoint (290 MB).

    The folder is a plain Hugging Face checkpoint: `LlavaForConditionalGeneration.from_pretrained`,
    `transformers serve` and vLLM load it as it is. The text model comes from its package; torch is not
    needed.
    """
    from models.vlm_assemble import assemble as write
    from models.vlm_base import file_sha256

    with handle_errors(as_json):
        folder = write(parts, out, merge=merge)
        digest = file_sha256(folder / "model.safetensors")
        if as_json:
            emit_json({"folder": str(folder), "sha256": digest, "merged": merge})
        else:
            out_console().print(f"{folder}: model.safetensors {digest[:16]}")
