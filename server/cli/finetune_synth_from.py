"""`vidence finetune synth scans|captions|code`: questions from labels, captions and source code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.errors import EXIT_GATE_FAILED, invalid_input
from core.settings import load_settings
from server.cli.finetune_synth import AsJson, Out, Preview, data_set, make_data_set
from server.cli.finetune_synth_chat import open_caller, run_with_chat, save_trial, say, tell_spent
from server.cli.output import GOES_ON, emit_json, handle_errors, out_console

By = Annotated[
    str, typer.Option("--by", help="`template`, or `chat`: a served model asks, the truth checks.")
]
Licence = Annotated[str, typer.Option("--licence", help="Licence of the input, kept in every row.")]
PerMinute = Annotated[
    float | None, typer.Option("--per-minute", min=0, help="Calls a minute; by default the setting's.")
]
Images = Annotated[
    Path | None, typer.Option("--images", help="Folder of the images; by default where the list is.")
]
Limit = Annotated[int, typer.Option("--limit", min=0, help="Only the first ones; 0 for all.")]


def scans(
    labels: Annotated[
        Path, typer.Argument(help="JSON lines: image, items [{name, box?}], exhaustive, split?")
    ],
    out: Out,
    licence: Licence,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the images; by default the labels'.")
    ] = None,
    by: By = "template",
    trial: Annotated[
        bool, typer.Option("--trial", help="100 scans with the chat model: agreement and cost.")
    ] = False,
    validate: Annotated[
        bool,
        typer.Option(
            "--validate", help="With --trial: fail unless 95% of the answers agree with the labels."
        ),
    ] = False,
    per_minute: PerMinute = None,
    limit: Limit = 0,
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Ask about inspection scans from their labels: is there a threat, which, where or how many.

    With `--by chat` the vlm role writes the questions, and only answers that agree with the labels stay. A
    whole run needs a trial first; replies are journalled, so that a cut run goes on without paying twice.

        vidence finetune synth scans labels.jsonl --out scans --licence CC-BY-4.0
        vidence finetune synth scans labels.jsonl --out scans --licence CC-BY-4.0 --by chat --trial --validate
    """
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.synth import scans as room

        settings = load_settings()
        listed = room.read_labels(labels)[: limit or None]
        folder = images or labels.parent
        options = {"maker": room.VERSION, "labels": _hash(labels), "by": by, "licence": licence}
        if by == "template":
            make_data_set(
                settings, out, lambda: room.ScanMaker(listed, folder, licence),
                len(listed), options, 1, preview, as_json,
            )  # fmt: skip
            return
        _known(by)
        options["model"] = settings.vlm
        caller = open_caller(settings, "vlm", out, per_minute)
        dataset, name = data_set(settings, out)
        path, key = dataset.folder.parent / f".{name}.trial.json", str(sorted(options.items()))
        if not trial:
            room.refuse_untried(path, key)
            run_with_chat(
                caller, settings, out, lambda: room.ScanMaker(listed, folder, licence, caller),
                len(listed), options, 1, preview, as_json,
            )  # fmt: skip
            return
        agreement, broken = room.run_trial(room.ScanMaker(listed[: room.TRIAL], folder, licence, caller))
        tried = min(len(listed), room.TRIAL)
        whole = caller.spent.times(len(listed) / max(1, agreement.scans))
        body = {
            "agreement": agreement.model_dump(),
            "broken": broken,
            "whole_run": whole.model_dump(),
            "tried": tried,
        }
        save_trial(path, {"options": key, **body})
        if as_json:
            emit_json(body)
        else:
            console = out_console()
            console.print(
                f"{tried} scans: {agreement.right} of {agreement.questions} answers agree "
                f"({agreement.share:.1%})"
            )
            console.print(f"wrong: {agreement.wrong}; broken: {broken}")
            console.print(f"A whole run: about {whole.calls:,} calls and a cost of {whole.cost:g}")
            tell_spent(caller)
        if validate and agreement.share < room.ENOUGH:
            raise typer.Exit(EXIT_GATE_FAILED)


def captions(
    pairs: Annotated[Path, typer.Argument(help="JSON lines: image, caption, group?, licence?, split?")],
    out: Out,
    licence: Licence,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the images; by default the file's.")
    ] = None,
    by: By = "template",
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", help="Leave out pairs that match less (cosine); by default none."),
    ] = None,
    per_minute: PerMinute = None,
    limit: Limit = 0,
    preview: Preview = None,
    as_json: AsJson = False,
) -> None:
    """Ask about medical images from their captions: what a caption plainly says, nothing more.

    Without a model, rules read modality, plane, body part, findings said or denied, and their side. With
    `--by chat` the answerer role asks, and quotes the words that answer, which the caption must hold.
    `--threshold` scores image against caption by the image index's encoder (`image_encoder`).
    """
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.synth import captions as room

        settings = load_settings()
        listed = room.read_captions(pairs)[: limit or None]
        folder = images or pairs.parent
        matcher = None
        if threshold is not None:
            from knowledge.images.models import ImageModels
            from knowledge.images.options import ImageOptions
            from models.embeddings import open_embedder

            models = ImageModels(
                settings.root / "cache", lambda: open_embedder(settings), ImageOptions.of(settings)
            )
            matcher = room.BridgeMatcher(models, settings.image_encoder)
        options = {
            "maker": room.VERSION, "pairs": _hash(pairs), "by": by, "licence": licence,
            "threshold": threshold, "matcher": matcher.name if matcher else "",
        }  # fmt: skip
        caller = None
        if by != "template":
            _known(by)
            options["model"] = settings.answerer
            caller = open_caller(settings, "answerer", out, per_minute)

        def factory() -> room.CaptionMaker:
            return room.CaptionMaker(
                listed, folder, licence, matcher=matcher, threshold=threshold or 0.0, caller=caller
            )

        if caller is None:
            make_data_set(settings, out, factory, len(listed), options, 1, preview, as_json)
        else:
            run_with_chat(caller, settings, out, factory, len(listed), options, 1, preview, as_json)


def code(
    root: Annotated[Path, typer.Argument(help="Folder with Python source; best a git checkout.")],
    out: Out,
    licence: Licence,
    issues: Annotated[
        list[Path] | None, typer.Option("--issues", help="JSON export of issues or pull requests; repeat it.")
    ] = None,
    by: By = "template",
    per_minute: PerMinute = None,
    limit: Limit = 0,
    as_json: AsJson = False,
) -> None:
    """Ask about a code base: docstrings, signatures, commits, issues, pull requests, documentation.

    Every row names its source (path, lines, commit or address). With `--by chat` the answerer role asks more
    about each function, and the syntax tree must confirm its answers.

        vidence finetune synth code . --out mycode --licence Apache-2.0 --issues issues.json
    """
    with handle_errors(as_json, stopped=GOES_ON):
        from finetune.synth.code.project import VERSION, CodeProject
        from finetune.synth.listed import ListMaker
        from finetune.synth.run import options_hash

        settings = load_settings()
        caller = None
        if by != "template":
            _known(by)
            caller = open_caller(settings, "answerer", out, per_minute)
        project = CodeProject(root, issues or [], licence, caller)
        sources = project.sources[: limit or None]
        for line in project.broken[:5]:
            say(f"not read: {line}")
        shown = [(source.path, source.lines, source.commit, source.url) for source in sources]
        questions = [question.question for source in sources for question in source.questions]
        options = {
            "maker": VERSION,
            "sources": options_hash({"s": shown, "q": questions}),
            "by": by,
            "licence": licence,
        }
        if caller is None:
            make_data_set(
                settings,
                out,
                lambda: ListMaker(sources, project.make),
                len(sources),
                options,
                1,
                None,
                as_json,
            )
        else:
            options["model"] = settings.answerer
            run_with_chat(
                caller, settings, out, lambda: ListMaker(sources, project.make),
                len(sources), options, 1, None, as_json,
            )  # fmt: skip


def _known(by: str) -> None:
    if by != "chat":
        raise invalid_input(f"--by {by} is unknown", help="Use template or chat.")


def _hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
