"""One training run, from a recipe to its result."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from finetune.data.dataset import write_whole
from finetune.train.config import AnyTuned, DpoConfig
from finetune.train.encode import Encoder
from finetune.train.features import FeatureCache
from finetune.train.leaks import seen_in_training
from finetune.train.limits import Limits, Progress
from finetune.train.loop import Loop
from finetune.train.model import base_hash, base_path, open_base, prepare, require_ml, save_result
from finetune.train.objective import bare
from finetune.train.outcome import Outcome
from finetune.train.recipe import config_sha256
from finetune.train.run_folder import RunFolder
from finetune.train.setup import Plan, make_plan
from finetune.train.sharded import check_sharded, gathered, is_sharded
from finetune.train.trackers import open_tracker


def plan_run(config: AnyTuned, root: Path, run: RunFolder) -> Outcome:
    """Return what a run would do, or how far it is, without loading the model or writing anything."""
    plan = make_plan(config, root)
    if run.finished:
        return _finished(config, plan, run)
    step = _last_step(run)
    return _outcome(config, plan, run, "paused" if step else "planned", step, {})


def train_run(
    config: AnyTuned,
    root: Path,
    run: RunFolder,
    *,
    resume: bool = False,
    limits: Limits | None = None,
    progress: Progress = lambda _done, _total, _line: None,
) -> Outcome:
    """Train, or go on training, and write the result when the end is reached.

    Args:
        config: The recipe.
        root: The data folder (`Settings.root`).
        run: The run's folder.
        resume: Go on from the last checkpoint.
        limits: When to stop cleanly before the end.
        progress: Told after each step: done, total, the log's line.

    Raises:
        VidenceError: `invalid_input`, `not_found` or `unavailable`, saying what to do.
    """
    require_ml()
    limits = limits or Limits()
    plan = make_plan(config, root)
    import torch
    from accelerate import Accelerator, DistributedDataParallelKwargs

    if config.threads:
        torch.set_num_threads(config.threads)
    path = base_path(config.model.base, root)
    model, processor = open_base(config.model, path)
    half = model.dtype == torch.bfloat16
    accelerator = Accelerator(
        mixed_precision="bf16" if half else "no",
        # A batch without images leaves the projector without a gradient, which DDP would wait for.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    sharded = is_sharded(accelerator)
    if sharded:
        check_sharded(config)
    facts = {"data": plan.data_record(), "base": config.model.base, "base_hash": base_hash(path)}
    if accelerator.is_main_process:
        run.start(config, resume=resume)
        run.pin("facts", facts)
    if run.finished:
        return _finished(config, plan, run)
    features = None
    if config.sequence.cache_features:
        features = FeatureCache(model.to(accelerator.device), processor, root / "finetune" / "features")
    model, family = prepare(model, config)
    if not sharded:
        model.to(accelerator.device)
    encoder = Encoder(
        processor,
        max_tokens=config.sequence.max_tokens,
        packs=family.packs and config.model.attention != "flash_attention_2",
        features=features,
        whole=isinstance(config, DpoConfig),
    )
    tracker = open_tracker(config, run.path)
    try:
        loop = Loop(config, plan, run, accelerator, model, family, encoder, tracker)
        if accelerator.is_main_process and not resume:
            _log_skips(plan, run)
        if not loop.train(limits, progress, resume=resume):
            return _outcome(config, plan, run, "paused", _last_step(run), {})
        measured = loop.measure() if accelerator.is_main_process else {}
        state = gathered(accelerator, loop.objective) if sharded and loop.objective is not None else None
        if accelerator.is_main_process:
            if measured:
                run.append({"step": plan.total, "event": "eval", **measured})
            _write_result(config, plan, run, model, family, loop.parts, measured, facts, processor, state)
    finally:
        tracker.close()
    accelerator.wait_for_everyone()
    return _finished(config, plan, run)


def _write_result(
    config: AnyTuned,
    plan: Plan,
    run: RunFolder,
    model: Any,
    family: Any,
    parts: set[str],
    measured: dict[str, float],
    facts: dict[str, Any],
    processor: Any,
    state: dict[str, Any] | None,
) -> None:
    """Write the weights, then `run.json`, which marks the result as whole."""
    save_result(model, family, parts, run.result, state)
    processor.save_pretrained(run.result / "processor")
    lines = [line for line in run.log() if "loss" in line]
    tail = [float(line["loss"]) for line in lines[-20:]]
    body = {
        "run": run.path.name,
        "task": config.model_dump()["task"],
        "config_sha256": config_sha256(config),
        **facts,
        "parts": sorted(parts),
        "model_type": bare(model).config.model_type,
        "steps": plan.total,
        "metrics": {"train_loss": sum(tail) / max(1, len(tail)), **measured},
        "seconds": round(sum(float(line["seconds"]) for line in lines), 1),
        "device": str(next(model.parameters()).device),
        "packages": {
            name: importlib.metadata.version(name) for name in ("torch", "transformers", "peft", "accelerate")
        },
    }
    write_whole(run.result / "run.json", json.dumps(body, indent=2).encode())


def _finished(config: AnyTuned, plan: Plan, run: RunFolder) -> Outcome:
    metrics = json.loads((run.result / "run.json").read_text())["metrics"]
    return _outcome(config, plan, run, "finished", plan.total, metrics)


def _log_skips(plan: Plan, run: RunFolder) -> None:
    for source in (*plan.sources, *plan.measured):
        for skip in source.skipped:
            where = f"{source.name}/{skip.where}"
            run.append({"step": 0, "event": "skip", "where": where, "reason": skip.reason})


def _last_step(run: RunFolder) -> int:
    return max((int(line["step"]) for line in run.log()), default=0)


def _outcome(
    config: AnyTuned, plan: Plan, run: RunFolder, status: Any, step: int, metrics: dict[str, float]
) -> Outcome:
    planned = [
        {"where": f"{source.name}/{skip.where}", "reason": skip.reason}
        for source in (*plan.sources, *plan.measured)
        for skip in source.skipped
    ]
    return Outcome(
        run.path.name,
        run.path,
        status,
        config_sha256(config),
        step,
        plan.total,
        metrics,
        plan.data_record(),
        {phase.name: steps for phase, steps in zip(config.phases, plan.steps, strict=True)},
        run.skips() or planned,
        seen_in_training(plan.sources, plan.measured),
    )
