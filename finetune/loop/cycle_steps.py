"""The steps of a cycle: data, train, merge, register, evaluate, gate, promote.

A model is registered before it is evaluated, because the evaluation and the gate's decision belong to its
files' version; it is a candidate then, which nothing serves. Only `promote` touches what is in production,
and the registry lets it only with the gate's pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError, not_found
from core.feedback_store import OpenRatings
from core.images import ImageStore
from core.settings import Settings
from finetune.data.dataset import Dataset
from finetune.loop.cycle import CycleStep, Outputs, StopCycle
from finetune.loop.cycle_config import NEW, CycleConfig
from finetune.loop.gather import Request, counted, data_folder, find, make
from finetune.loop.incorporate import read_report
from finetune.loop.measured import Habits, measured_answers
from finetune.loop.queue import CandidateQueue
from finetune.release.gate import TEXT_ONLY
from finetune.release.registry import Registry
from finetune.train.config import SftConfig

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Workshop:
    """What the steps work with."""

    settings: Settings
    config: CycleConfig
    registry: Registry
    ratings: OpenRatings
    """What people said; opened by the step that reads it, and not held while a model trains."""
    max_seconds: float = float("inf")
    """Training stops cleanly after so long; the cycle is paused then."""
    progress: Progress = lambda _stage, _done, _total: None

    @property
    def root(self) -> Path:
        """The data folder."""
        return self.settings.root

    def production(self) -> str:
        """Return `NAME@VERSION` of what is in production, or an empty text."""
        if self.config.model not in self.registry.names():
            return ""
        live = [one for one in self.registry.states(self.config.model) if one.stage == "production"]
        return f"{self.config.model}@{live[-1].version}" if live else ""


def steps_of(shop: Workshop) -> list[CycleStep]:
    """Return the steps of a cycle, in order."""
    config = shop.config
    gate = config.gate.model_dump(mode="json")
    recipe = config.train.recipe.read_text() if config.train.recipe.is_file() else ""
    train = {**config.train.model_dump(mode="json"), "recipe": recipe}
    return [
        CycleStep("data", config.data.model_dump(), lambda _: _data_plan(shop), lambda _: _data(shop)),
        CycleStep("train", train, lambda _: _train_plan(shop), lambda done: _train(shop, done)),
        CycleStep(
            "merge",
            {"compare": config.compare, "questions": config.compare_questions},
            lambda _: f"merge the adapter, compare {config.compare_questions} answers",
            lambda done: _merge(shop, done),
        ),
        CycleStep(
            "register",
            {"model": config.model},
            lambda _: f"register the merged checkpoint as a candidate of {config.model}",
            lambda done: _register(shop, done),
        ),
        CycleStep(
            "evaluate",
            {"data": config.gate.data},
            lambda done: f"ask {config.gate.data} of {_base(shop, done)} and of the new model",
            lambda done: _evaluate(shop, done),
        ),
        CycleStep("gate", gate, lambda _: _gate_plan(shop), lambda done: _gate(shop, done)),
        CycleStep(
            "promote",
            {"to": config.promote},
            lambda _: f"promote to {config.promote}, if the gate passed",
            lambda done: _promote(shop, done),
        ),
    ]


def _data_plan(shop: Workshop) -> str:
    data = shop.config.data
    if not data.sources and not data.onto:
        return "nothing: no sources, and nothing to put them onto"
    onto = f" onto {', '.join(data.onto)}" if data.onto else ""
    votes = ", ".join(counted(shop.root, data.sources, shop.ratings))
    return f"make the data set {shop.config.name} from {votes}{onto}"


def _data(shop: Workshop) -> Mapping[str, Any]:
    """Make the data set, or take the one that this cycle made before it was killed.

    Also pins what is in production now: the cycle trains on it and is compared with it, whatever is promoted
    meanwhile.
    """
    data, name = shop.config.data, shop.config.name
    if not data.sources and not data.onto:
        # A first model, of data sets that are there.
        return {"name": "", "version": "", "votes": 0, "rows": 0, "production": shop.production()}
    folder = data_folder(shop.root) / name
    mark = f"cycle {name} {shop.config.sha256}"
    if (folder / "dataset.json").is_file() and any(
        step.options.get("made_by") == mark for step in Dataset(folder).record.steps
    ):
        report = read_report(folder)
    else:
        settings = shop.settings
        images = ImageStore.of(settings)
        request = Request(
            out=name,
            sources=data.sources,
            onto=data.onto,
            held_out=data.held_out,
            evaluation=data.evaluation,
            agreement=data.agreement,
            exclude=data.exclude_users,
            confirmed=data.confirmed,
            made_by=mark,
        )
        measured = measured_answers(shop.registry, [shop.config.model] if shop.production() else [])
        report = make(
            shop.root,
            request,
            shop.ratings,
            CandidateQueue.under(shop.root),
            images,
            Habits(measured),
        )
    body = report.model_dump(mode="json")
    return {**body, "folder": str(folder), "production": shop.production()}


def recipe_of(shop: Workshop, done: Outputs) -> SftConfig:
    """Return the recipe with the cycle's data, and what is in production as its base.

    Raises:
        VidenceError: `invalid_input` for a recipe that does not fit.
    """
    import yaml

    from core.errors import invalid_input
    from finetune.train.recipe import apply_override, parse_config

    train = shop.config.train
    if not train.recipe.is_file():
        raise not_found(f"There is no recipe at {train.recipe}", help="Correct train.recipe.")
    body: dict[str, Any] = yaml.safe_load(train.recipe.read_text())
    body["name"] = shop.config.name
    body["data"] = [_named(source, shop.config.name) for source in train.data]
    for key in train.set:
        apply_override(body, key)
    live = str(done["data"]["production"])
    if train.base == "production" and live:
        model, _, version = live.partition("@")
        body["model"] = {**body["model"], "base": f"home:finetune/models/{model}/{version}/checkpoint"}
    config = parse_config(body, str(train.recipe))
    if not isinstance(config, SftConfig):
        raise invalid_input(f"{train.recipe} is no recipe of fine-tuning", help="Use one with task: sft.")
    return config


def _named(source: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**source, "name": name if source.get("name") == NEW else source.get("name")}


def _train_plan(shop: Workshop) -> str:
    base = shop.production() if shop.config.train.base == "production" else ""
    return f"train {shop.config.train.recipe.name} on {base or 'the base that the recipe names'}"


def _train(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    from finetune.train.limits import Limits
    from finetune.train.run import train_run
    from finetune.train.run_folder import RunFolder

    config = recipe_of(shop, done)
    run = RunFolder(shop.root / "finetune" / "runs" / shop.config.name)
    begun = (run.path / "config.yaml").is_file()
    outcome = train_run(
        config,
        shop.root,
        run,
        resume=begun,
        limits=Limits(shop.max_seconds),
        progress=lambda step, total, _line: shop.progress("train", step, total),
    )
    if outcome.status == "paused":
        raise StopCycle("paused", f"training stands at step {outcome.step} of {outcome.steps}", {})
    losses = [float(line["loss"]) for line in run.log() if "loss" in line]
    part = max(1, len(losses) // 10)
    return {
        "run": run.path.name,
        "config_sha256": outcome.config_sha256,
        "steps": outcome.steps,
        "first_loss": round(sum(losses[:part]) / part, 4),
        "last_loss": round(sum(losses[-part:]) / part, 4),
        "metrics": outcome.metrics,
    }


def _merge(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    from finetune.release.merge import base_of, merge_run
    from finetune.release.questions import open_questions
    from finetune.release.run_folder import open_run

    run = open_run(shop.root / "finetune" / "runs", str(done["train"]["run"]))
    spec = shop.config.compare or shop.config.gate.data
    questions = open_questions(data_folder(shop.root), spec, limit=shop.config.compare_questions)
    told = shop.progress
    report = merge_run(run, base_of(run, shop.root), questions, progress=lambda at, of: told("merge", at, of))
    body = report.model_dump(mode="json")
    if not report.same:
        reason = f"merged and adapter differ on {report.questions - report.equal} of {report.questions}"
        raise StopCycle("refused", reason, body)
    return body


def _register(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    from finetune.release.run_folder import find_source

    found = find_source(shop.root / "finetune" / "runs", str(done["train"]["run"]))
    record = shop.registry.register(
        shop.config.model,
        found.checkpoint,
        source=found.source,
        lineage=found.lineage,
        merge=found.merge,
        metrics=found.metrics,
        why=f"cycle {shop.config.name}",
    )
    return {"ref": record.ref, "version": record.version, "lineage": record.lineage.model_dump(mode="json")}


def _base(shop: Workshop, done: Outputs) -> str:
    pinned = done["data"]["production"] if "data" in done else shop.production()
    return str(pinned) or TEXT_ONLY


def _evaluate(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    """Evaluate both models; evaluations that are kept are not made again."""
    new, base = str(done["register"]["ref"]), _base(shop, done)
    if new == base:
        raise StopCycle("refused", "training changed nothing: the new model is the one in production", {})
    figures: dict[str, Any] = {}
    for ref in (new,) if base == TEXT_ONLY else (base, new):
        figures[ref] = _evaluation(shop, ref).summary()["accuracy"]
    return {"base": base, "new": new, "data": _questions(shop).ref, "accuracy": figures}


def _questions(shop: Workshop) -> Any:
    from finetune.release.questions import open_questions

    return open_questions(data_folder(shop.root), shop.config.gate.data)


def _evaluation(shop: Workshop, ref: str) -> Any:
    from finetune.release.answering import open_checkpoint
    from finetune.release.evaluation import evaluate
    from finetune.release.gate import keep_evaluation, kept_evaluation

    questions = _questions(shop)
    known = kept_evaluation(shop.registry, ref, questions.ref)
    if known is not None:
        return known
    answerer = open_checkpoint(shop.registry.checkpoint(ref))
    fresh = evaluate(
        answerer,
        questions,
        model=ref,
        version=ref.partition("@")[2],
        backend="transformers",
        progress=lambda at, of: shop.progress(f"evaluate {ref}", at, of),
    )
    keep_evaluation(shop.registry, ref, fresh)
    return fresh


def _gate_plan(shop: Workshop) -> str:
    gate = shop.config.gate
    return (
        f"decide on {gate.data}: {', '.join(gate.target) or 'all questions'} must {gate.need}, "
        f"no part may fall by more than {gate.max_fall:.0%}"
    )


def _gate(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    from finetune.release.gate import gate_models

    found = gate_models(
        shop.registry,
        str(done["evaluate"]["base"]),
        str(done["evaluate"]["new"]),
        shop.config.gate,
        str(done["evaluate"]["data"]),
        lambda ref: _evaluation(shop, ref),
    )
    body = found.body()
    if not found.decision.passed:
        raise StopCycle("refused", "; ".join(found.decision.reasons), body)
    return body


def _promote(shop: Workshop, done: Outputs) -> Mapping[str, Any]:
    to, ref = shop.config.promote, str(done["register"]["ref"])
    if to == "none":
        return {"ref": ref, "stage": shop.registry.resolve(ref).stage}
    if shop.registry.resolve(ref).stage != to:
        shop.registry.promote(ref, to, why=f"cycle {shop.config.name}")
    return {"ref": ref, "stage": to}


def check(shop: Workshop, names: Sequence[str] = ()) -> None:
    """Find what would fail later before anything is done: data sets, questions, the recipe.

    Raises:
        VidenceError: What is missing.
    """
    config = shop.config
    for name in [*config.data.onto, *config.data.held_out, *names]:
        find(shop.root, name)
    _questions(shop)
    for source in config.data.sources:
        if source not in ("feedback", "queue") and not Path(source).is_file():
            raise not_found(f"There is no file {source}", help="Correct data.sources.")
    if config.gate.promotion.runs == "required" and config.promote != "none":
        raise VidenceError(
            "invalid_input",
            "The gate asks for eval runs, which a cycle does not make",
            help="Set `promote: none`, and give the runs to: vidence finetune promote",
        )
    recipe_of(shop, {"data": {"production": ""}})
    if config.data.onto and config.gate.data.partition(":")[2] == "train":
        raise VidenceError("invalid_input", "The gate asks what is trained on", help="Use NAME:dev or :test.")
