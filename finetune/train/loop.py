"""The training loop: phases, steps, measuring, checkpoints; exact to the bit when it is resumed.

It is our own, over accelerate, because transformers' and TRL's trainers change neither the trained parts nor
the optimiser between phases, do not pack turns about one image, and find their place in the data by reading
all of it again. Models, adapters, precision and processes are transformers', PEFT's and accelerate's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input
from finetune.train.asks import asks_of
from finetune.train.checkpoint import rate_factor, read_state, seed_step, write_state
from finetune.train.config import AnyTuned, DpoConfig, Phase
from finetune.train.encode import Encoder
from finetune.train.limits import Limits, Progress
from finetune.train.mixture import Pack
from finetune.train.objective import bare, dpo_module, sft_module
from finetune.train.parts import Family, parameter_groups, trained
from finetune.train.run_folder import RunFolder
from finetune.train.setup import Plan
from finetune.train.sharded import is_sharded, load_shards, save_shards
from finetune.train.trackers import Tracker

if TYPE_CHECKING:
    from finetune.train.encode import Batch


class Loop:
    """Trains a prepared model by a plan.

    Args:
        config: The recipe.
        plan: Its data and schedule.
        run: Where the log and the checkpoints go.
        accelerator: Processes, devices and precision.
        model: The model with its adapters.
        family: Where the model keeps its parts.
        encoder: Makes batches.
        tracker: Gets the figures too.
    """

    def __init__(
        self,
        config: AnyTuned,
        plan: Plan,
        run: RunFolder,
        accelerator: Any,
        model: Any,
        family: Family,
        encoder: Encoder,
        tracker: Tracker,
    ) -> None:
        self._config = config
        self._plan = plan
        self._run = run
        self._accelerator = accelerator
        self._model = model
        self._family = family
        self._encoder = encoder
        self._tracker = tracker
        self._reported: set[str] = set()
        self._spare: Batch | None = None
        self.objective: Any = None
        self._sharded = is_sharded(accelerator)
        self._shards: Path | None = None
        self._weights = self._all_weights()

    @property
    def parts(self) -> set[str]:
        """The parts that some phase trains."""
        return {part for phase in self._config.phases for part in phase.train}

    def train(self, limits: Limits, progress: Progress, *, resume: bool) -> bool:
        """Train from the start, or from the last checkpoint; returns whether the end was reached.

        Raises:
            VidenceError: `unavailable` for a full disk; `invalid_input` when the loss is not a number.
        """
        step, state = self._restore() if resume else (0, None)
        if self._accelerator.is_main_process:
            self._run.cut_log(step)
        saved = step
        while step < self._plan.total:
            index, inside = self._plan.where(step)
            module, optimiser = self._open_phase(index, state)
            state = None
            packs = self._plan.packs(self._config, index)
            for at in range(inside, self._plan.steps[index]):
                line = self._step(module, optimiser, packs, index, at, step)
                step += 1
                self._record(line)
                if step % self._config.evaluation.every == 0 and step < self._plan.total:
                    self._record_measured(step)
                    self._training_mode(self._config.phases[index])
                progress(step, self._plan.total, line)
                stopping = self._agreed(limits.reached(step)) and step < self._plan.total
                if stopping or step % self._config.checkpoints.every == 0 or step == self._plan.total:
                    self._save(step, optimiser, last=at + 1 == self._plan.steps[index])
                    saved = step
                if stopping:
                    if step >= limits.until:
                        self._record_measured(step)
                    return False
            if not self._sharded:
                self._close_phase(module)
            self.objective = module
        if saved < step:
            self._save(step, None, last=True)
        return True

    def measure(self) -> dict[str, float]:
        """Return the dev loss a token, and the share of answers that greedy decoding would give exactly.

        Nothing for preferences, and nothing under FSDP: measure the finished model (`finetune evaluate`).
        """
        import torch
        from torch.nn import functional

        from finetune.train.objective import answer_logits

        if not self._plan.measured or isinstance(self._config, DpoConfig) or self._sharded:
            return {}
        packs = self._plan.measured_packs(self._config.evaluation.rows)
        size = self._config.optim.batch
        loss, tokens, right, turns = 0.0, 0, 0, 0
        self._model.eval()
        for start in range(0, len(packs), size):
            batch = self._encode(packs[start : start + size], self._plan.measured, 0)
            if batch is None:
                continue
            with torch.no_grad(), self._accelerator.autocast():
                logits = answer_logits(bare(self._model), batch.inputs, batch.take)
            loss += float(functional.cross_entropy(logits, batch.targets, reduction="sum"))
            wrong = torch.zeros(batch.count, device=logits.device)
            wrong.index_add_(0, batch.turns, (logits.argmax(-1) != batch.targets).float())
            right += int((wrong == 0).sum())
            tokens += len(batch.targets)
            turns += batch.count
        return {"dev_loss": loss / max(1, tokens), "dev_exact": right / max(1, turns), "dev_rows": turns}

    def _step(
        self, module: Any, optimiser: Any, packs: Sequence[Pack], index: int, at: int, step: int
    ) -> dict[str, Any]:
        """Take one optimiser step and return its line for the log."""
        import torch

        started = time.monotonic()
        phase = self._config.phases[index]
        factor = rate_factor(phase, at, self._plan.steps[index])
        for group in optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        seed_step(self._config.seed, step, self._accelerator.process_index)
        batches = [(self._encode(part, self._plan.sources, step)) for part in self._micro(packs, at)]
        units = self._total(sum(self._units(batch) for batch in batches))
        total = torch.zeros((), device=self._accelerator.device)
        for number, batch in enumerate(batches):
            used, share = (batch, 1.0) if batch is not None else (self._spare, 0.0)
            if used is None:
                continue
            with self._synchronised(module, last=number + 1 == len(batches)), self._accelerator.autocast():
                loss = module(used) * share
            self._accelerator.backward(loss * self._accelerator.num_processes / max(1, units))
            total += loss.detach()
            self._spare = used if self._accelerator.num_processes > 1 else None
        norm = None
        if self._config.optim.clip:
            parameters = [item for group in optimiser.param_groups for item in group["params"]]
            norm = self._accelerator.clip_grad_norm_(parameters, self._config.optim.clip)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        value = float(self._accelerator.reduce(total)) / max(1, units)
        if not math.isfinite(value):
            raise invalid_input(
                f"The loss of step {step + 1} is not a number",
                help="Start another run with a lower rate, a longer warm-up or more clipping.",
            )
        return {
            "step": step + 1,
            "phase": phase.name,
            "loss": value,
            "lr": {part: rate * factor for part, rate in phase.train.items()},
            "units": units,
            **({} if norm is None else {"grad_norm": float(norm)}),
            "seconds": round(time.monotonic() - started, 4),
        }

    def _micro(self, packs: Sequence[Pack], at: int) -> Iterator[Sequence[Pack]]:
        """Yield this process's share of each forward pass of a step."""
        optim, rank = self._config.optim, self._accelerator.process_index
        first = at * self._plan.sequences_a_step
        for number in range(optim.accumulate):
            start = first + number * optim.batch
            yield packs[start + rank : start + optim.batch : self._accelerator.num_processes]

    def _encode(self, packs: Sequence[Pack], sources: Sequence[Any], step: int) -> Batch | None:
        batch = self._encoder.batch([asks_of(pack, sources) for pack in packs])
        for where, reason in self._encoder.problems:
            if where not in self._reported:
                self._reported.add(where)
                self._record({"step": step, "event": "skip", "where": where, "reason": reason})
        if batch is None:
            return None
        device = self._accelerator.device
        batch.inputs = {name: value.to(device) for name, value in batch.inputs.items()}
        batch.take, batch.targets, batch.turns = (
            tensor.to(device) for tensor in (batch.take, batch.targets, batch.turns)
        )
        return batch

    def _units(self, batch: Batch | None) -> int:
        """Return what a loss is averaged over: answer tokens, or pairs of answers."""
        if batch is None:
            return 0
        return batch.count // 2 if isinstance(self._config, DpoConfig) else len(batch.targets)

    def _open_phase(self, index: int, state: Any) -> tuple[Any, Any]:
        """Freeze what the phase does not train, and make its optimiser."""
        import torch

        phase, optim = self._config.phases[index], self._config.optim
        found = trained(self._model, self._family, phase.train)
        self._training_mode(phase)
        objective = (
            dpo_module(self._model, self._config.dpo)
            if isinstance(self._config, DpoConfig)
            else sft_module(self._model)
        )
        groups = parameter_groups(found, phase.train, optim.weight_decay)
        optimiser = torch.optim.AdamW(groups, betas=(optim.beta1, optim.beta2))
        if state is not None:
            optimiser.load_state_dict(state)
        if not self._sharded:
            module = self._accelerator.prepare_model(objective)
            return module, self._accelerator.prepare_optimizer(optimiser)
        objective._no_split_modules = list(bare(self._model)._no_split_modules or ())
        module, optimiser = self._accelerator.prepare(objective, optimiser)
        if self._shards is not None:
            load_shards(self._accelerator, self._shards)
        return module, optimiser

    def _training_mode(self, phase: Phase) -> None:
        """Switch dropout on, but not in a frozen tower."""
        self._model.train()
        if "tower" not in phase.train:
            for name, inner in self._model.named_modules():
                if name.endswith(("vision_tower", "visual", "img_processor")):
                    inner.eval()

    def _close_phase(self, module: Any) -> None:
        self._accelerator.free_memory(module)

    def _restore(self) -> tuple[int, Any]:
        found = self._run.checkpoints()
        if not found:
            return 0, None
        if self._sharded:
            self._shards = found[-1]
            return int(found[-1].name), None
        return read_state(found[-1], self._weights)

    def _save(self, step: int, optimiser: Any, *, last: bool) -> None:
        """Keep a checkpoint; at the end of a phase the optimiser is done with."""
        self._accelerator.wait_for_everyone()
        if self._sharded:
            self._save_sharded(step)
        elif self._accelerator.is_main_process:
            state = None if last or optimiser is None else optimiser.state_dict()
            self._run.save_checkpoint(
                step,
                lambda folder: write_state(folder, step=step, weights=self._weights, optimiser=state),
                self._config.checkpoints.keep,
            )
        self._accelerator.wait_for_everyone()

    def _save_sharded(self, step: int) -> None:
        """Let every process write its part, then keep the whole as a checkpoint."""
        parts = self._run.path / "checkpoints" / f".{step}.shards"
        save_shards(self._accelerator, parts)
        self._accelerator.wait_for_everyone()
        if self._accelerator.is_main_process:
            keep = self._config.checkpoints.keep
            self._run.save_checkpoint(step, lambda folder: _move(parts, folder), keep)

    def _all_weights(self) -> dict[str, Any]:
        """Return what any phase trains, by name, as fp32: half precision loses small updates."""
        rates: Any = dict.fromkeys(sorted(self.parts), 0.0)
        found = trained(self._model, self._family, rates)
        weights = {name: parameter for items in found.values() for name, parameter in items}
        for parameter in weights.values():
            parameter.data = parameter.data.float()
        return weights

    def _record_measured(self, step: int) -> None:
        measured = self.measure()
        if measured:
            self._record({"step": step, "event": "eval", **measured})

    def _record(self, line: dict[str, Any]) -> None:
        if not self._accelerator.is_main_process:
            return
        self._run.append(line)
        figures = {name: value for name, value in line.items() if isinstance(value, float)}
        self._tracker.log(line["step"], figures)

    def _total(self, value: int) -> int:
        import torch

        return int(self._accelerator.reduce(torch.tensor(value, device=self._accelerator.device)))

    def _agreed(self, value: bool) -> bool:
        """Return whether any process wants to stop."""
        return (self._accelerator.num_processes == 1 and value) or self._total(int(value)) > 0

    def _synchronised(self, module: Any, *, last: bool) -> Any:
        import contextlib

        return contextlib.nullcontext() if last else self._accelerator.no_sync(module)


def _move(parts: Path, folder: Path) -> None:
    for item in parts.iterdir():
        item.replace(folder / item.name)
    parts.rmdir()
