"""Merging what a run trained into its base, and proving that the result answers the same.

LoRA is added to the weights (Hu et al. 2021, section 4.2), towers and projectors are put in place. The
merged checkpoint has the tensor names, files and processor of its base, so whatever loads the base loads it:
servers that ignore adapters on towers see the whole of what was trained.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import VidenceError, invalid_input, not_found
from finetune.data.dataset import write_whole
from finetune.release.answering import CheckpointAnswerer, Progress, need_ml, open_checkpoint
from finetune.release.compare import Agreement, agreement
from finetune.release.hashing import file_hashes, version_of
from finetune.release.questions import Questions
from finetune.release.records import MergeReport
from finetune.release.run_folder import RunFolder

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json")
PARTS = {"projector": "multi_modal_projector", "tower": "vision_tower", "text": "language_model"}


@dataclass(frozen=True)
class Trained:
    """A base with what a run trained on it, the adapter still apart."""

    answerer: CheckpointAnswerer
    parts: tuple[str, ...]

    def merge(self) -> Any:
        """Return the model with the adapter added to its weights; the answerer's model is used up."""
        model = self.answerer.model
        return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def base_of(run: RunFolder, root: Path, base: Path | None = None) -> Path:
    """Return the checkpoint that the run started from.

    Raises:
        VidenceError: `not_found`, saying how to name it.
    """
    text = str(run.facts.get("base") or _configured(run))
    folder = base or (Path(text.replace("home:", f"{root}/", 1)) if text else None)
    if folder is not None and (folder.expanduser() / "config.json").is_file():
        return folder.expanduser()
    cached = _cached(text) if base is None and text else None
    if cached is None:
        raise not_found(
            f"The base of run {run.folder.name} is not at {folder or 'a place that it names'}",
            help="Name its folder with --base.",
        )
    return cached


def _cached(name: str) -> Path | None:
    """Return a hub model's folder in the local cache, if it is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (HFValidationError, LocalEntryNotFoundError):
        return None


def _configured(run: RunFolder) -> str:
    import yaml

    path = run.folder / "config.yaml"
    config = yaml.safe_load(path.read_text()) if path.is_file() else {}
    return str((config.get("model") or {}).get("base") or "")


def open_trained(run: RunFolder, base: Path, *, batch: int = 8) -> Trained:
    """Load the base in float32 with the run's parts in place and its adapter on.

    Raises:
        VidenceError: `invalid_input` when the run trained nothing, or for another base.
    """
    answerer = open_checkpoint(base, batch=batch, keep_logits=True, dtype="float32")
    parts = [part for part in PARTS if (run.result / f"{part}.safetensors").is_file()]
    for part in parts:
        _put_in_place(answerer.model, run.result / f"{part}.safetensors", part)
    adapter = run.result / "adapter"
    if (adapter / "adapter_config.json").is_file():
        from peft import PeftModel

        with warnings.catch_warnings():
            # PEFT still asks transformers by an old name.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
            model = PeftModel.from_pretrained(answerer.model, str(adapter), local_files_only=True)
        model.eval()
        answerer.model = model
        parts.insert(0, "lora")
    if not parts:
        raise invalid_input(
            f"{run.result} holds nothing that was trained",
            help="It should have adapter/, projector.safetensors or tower.safetensors.",
        )
    return Trained(answerer, tuple(parts))


def merge_run(
    run: RunFolder,
    base: Path,
    questions: Questions,
    *,
    dtype: str = "auto",
    progress: Progress | None = None,
) -> MergeReport:
    """Write the run's `merged/` and `merge.json`: the merged checkpoint, and how it compared.

    Args:
        run: A finished run.
        base: The checkpoint that it started from.
        questions: Asked of the adapter and of the merged checkpoint as it lies on disk.
        dtype: Of the merged weights: `auto` (as in the base), `float32`, `float16` or `bfloat16`.
        progress: Hears how many answers are done, of twice the questions.

    Raises:
        VidenceError: `invalid_input` for a base or a result that do not fit; `unavailable` when the disk is
            full or torch is missing. A merged checkpoint of before stays until the new one is whole.
    """
    need_ml()
    trained = open_trained(run, base)
    asked = questions.asked()
    total = 2 * len(asked)
    told = progress or (lambda done, of: None)
    before = trained.answerer.answer(asked, lambda done, _: told(done, total))
    partial = run.folder / ".merged.partial"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        write_like_base(trained.merge(), base, partial, dtype=dtype)
        del trained.answerer.model
        merged = open_checkpoint(partial, keep_logits=True, dtype="float32")
        after = merged.answer(asked, lambda done, _: told(len(asked) + done, total))
        found = agreement([row.id for row in questions.rows], before, after)
        report = _report(found, partial, questions, trained.parts)
        shutil.rmtree(run.merged, ignore_errors=True)
        partial.replace(run.merged)
    except OSError as error:
        raise VidenceError(
            "unavailable",
            f"{run.merged} cannot be written: {error}",
            help="Free some space; the run itself is untouched.",
            retryable=True,
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    write_whole(run.merge_report, report.model_dump_json(indent=2).encode() + b"\n")
    return report


def write_like_base(model: Any, base: Path, folder: Path, *, dtype: str = "auto") -> None:
    """Write a model's weights under the names of its base, with the base's other files beside them.

    Raises:
        VidenceError: `invalid_input` when the names differ from the base's, naming one: then a server that
            loads the base might not load this.
    """
    import torch

    kept = _base_dtype(base) if dtype == "auto" else dtype
    model.to(getattr(torch, kept))
    model.save_pretrained(str(folder))
    for path in base.iterdir():
        if path.is_file() and not any(path.match(pattern) for pattern in _WEIGHTS):
            shutil.copyfile(path, folder / path.name)
    _note_dtype(folder / "config.json", kept)
    for path in folder.iterdir():
        # Weights are written readable by their owner only; a server may run as somebody else.
        path.chmod(0o644)
    strange = set(tensor_dtypes(folder)) ^ set(tensor_dtypes(base))
    if strange:
        raise invalid_input(
            f"transformers writes `{min(strange)}` under another name than the base has it",
            help="Save the base once with transformers (save_pretrained) and train on that.",
        )


def tensor_dtypes(folder: Path) -> dict[str, str]:
    """Return the type of each tensor of a checkpoint, from the headers of its safetensors files."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        found |= {name: entry["dtype"] for name, entry in header.items() if name != "__metadata__"}
    return found


def _base_dtype(base: Path) -> str:
    names = {"F16": "float16", "BF16": "bfloat16", "F32": "float32"}
    kinds = [names[kind] for kind in tensor_dtypes(base).values() if kind in names]
    return max(set(kinds), key=kinds.count) if kinds else "float32"


def _note_dtype(path: Path, dtype: str) -> None:
    config = json.loads(path.read_text())
    if config.get("dtype", config.get("torch_dtype")) in (None, dtype):
        return
    key = "torch_dtype" if "torch_dtype" in config else "dtype"
    path.write_text(json.dumps({**config, key: dtype}, indent=2) + "\n")


def _put_in_place(model: Any, path: Path, part: str) -> None:
    """Load a part's tensors, whether they are named from the model's root or from the part itself."""
    from safetensors.torch import load_file

    own = {name: name for name in model.state_dict()}
    short = {_inside(name, PARTS[part]): name for name in own if f"{PARTS[part]}." in name}
    tensors: Mapping[str, Any] = load_file(str(path))
    named = {
        own.get(name) or short.get(_inside(name, PARTS[part]), ""): value for name, value in tensors.items()
    }
    unknown = [name for name in tensors if name not in own and _inside(name, PARTS[part]) not in short]
    shapes = [name for name, value in named.items() if name and model.state_dict()[name].shape != value.shape]
    if unknown or shapes:
        raise invalid_input(
            f"{path} does not belong to this base: {(unknown or shapes)[0]}",
            help="Name the base that the run started from with --base.",
        )
    model.load_state_dict(named, strict=False)


def _inside(name: str, part: str) -> str:
    """Return a tensor's name from its part on, whatever stands around it."""
    return name.rpartition(f"{part}.")[2].removeprefix("vision_model.").removeprefix("model.")


def _report(found: Agreement, folder: Path, questions: Questions, parts: tuple[str, ...]) -> MergeReport:
    return MergeReport(
        version=version_of(file_hashes(folder)),
        questions=found.questions,
        equal=found.equal,
        largest_logit_difference=found.largest_logit_difference,
        data=questions.ref,
        merged=parts,
        different=found.different,
    )
