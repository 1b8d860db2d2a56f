"""Opening a base with its processor, putting adapters on it, and keeping what was trained."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import invalid_input, not_found, unavailable
from finetune.train.config import LoraSection, ModelSection, TunedConfig
from finetune.train.parts import Family, bare_name, family_of, lora_pattern

if TYPE_CHECKING:
    import torch

PART_FILES = ("projector", "tower", "text")


def require_torch() -> None:
    """Check that torch is installed; raises `unavailable`, saying how to add it."""
    _require("torch")


def require_ml() -> None:
    """Check that torch and its companions are installed; raises `unavailable`, saying how to add them."""
    _require("torch", "transformers", "peft", "accelerate")


def _require(*names: str) -> None:
    import importlib.util

    missing = [name for name in names if importlib.util.find_spec(name) is None]
    if missing:
        raise unavailable(
            f"Training needs {', '.join(missing)}", help="Install them: make setup-ml", retryable=False
        )


def base_path(base: str, root: Path) -> str:
    """Return where the base lies: `home:PATH` is below the data folder, other names are as they are."""
    if base.startswith("home:"):
        return str(root / base.removeprefix("home:"))
    return str(Path(base).expanduser()) if base.startswith(("~", "/", ".")) else base


def base_hash(path: str) -> str:
    """Return 16 hexadecimal digits over a checkpoint folder's files, or the name as given for the hub."""
    folder = Path(path)
    if not folder.is_dir():
        return path
    digest = hashlib.sha256()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0")
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def open_base(section: ModelSection, path: str) -> tuple[Any, Any]:
    """Load the base and its processor, offline.

    Raises:
        VidenceError: `not_found` when it is not on this machine; `unavailable` for QLoRA without CUDA;
            `invalid_input` for a checkpoint that transformers cannot open.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoProcessor
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options: dict[str, Any] = {
        "dtype": _dtype(section.dtype),
        "attn_implementation": section.attention,
        "local_files_only": True,
    }
    if section.quantize != "none":
        options["quantization_config"] = _quantization(section.quantize)
        options["device_map"] = {"": torch.cuda.current_device()}
    if path.startswith(("/", ".")) and not (Path(path) / "config.json").is_file():
        raise not_found(f"There is no checkpoint in {path}", help="Change `model.base` in the recipe.")
    try:
        processor = AutoProcessor.from_pretrained(path, local_files_only=True)
        model_type = _model_type(path)
        opener = AutoModelForCausalLM if model_type == "phi4_multimodal" else AutoModelForImageTextToText
        model = opener.from_pretrained(path, **options)
    except OSError as error:
        raise not_found(
            f"The model {path} is not on this machine: {str(error).splitlines()[0]}",
            help="Fetch it first: huggingface-cli download NAME --local-dir FOLDER, and name the folder.",
        ) from error
    except (ValueError, KeyError) as error:
        raise invalid_input(f"{path} cannot be opened: {error}", help="Change `model.base`.") from error
    model.config.use_cache = False
    return model, processor


def prepare(model: Any, config: TunedConfig) -> tuple[Any, Family]:
    """Put adapters on the base and switch on gradient checkpointing where the recipe asks for them."""
    import torch
    from peft import get_peft_model, prepare_model_for_kbit_training

    family = family_of(model.config.model_type)
    if config.model.quantize != "none":
        model = prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=config.model.gradient_checkpointing
        )
    elif config.model.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if config.lora is not None:
        torch.manual_seed(config.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by an old name
            model = get_peft_model(model, peft_config(family, config.lora), autocast_adapter_dtype=True)
    return model, family


def peft_config(family: Family, lora: LoraSection) -> Any:
    """Return PEFT's configuration of the adapters."""
    from peft import LoraConfig

    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora_pattern(family, lora),
        task_type="CAUSAL_LM",
    )


def save_result(
    model: Any, family: Family, parts: Iterable[str], folder: Path, state: Mapping[str, Any] | None = None
) -> None:
    """Write `adapter/` in PEFT's format and `PART.safetensors` of each whole part that was trained.

    `state` are the model's whole weights by name where the model holds parts of them only (FSDP).

    Names in the part files are those of the base, so that `load_parts` and a merge find them.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    parts = set(parts)
    if "lora" in parts:
        model.save_pretrained(folder / "adapter", safe_serialization=True, state_dict=state)
    for part in sorted(parts - {"lora"}):
        tensors = {
            bare_name(name): parameter.detach().to("cpu").contiguous()
            for name, parameter in (state or dict(model.named_parameters())).items()
            if ".lora_" not in name and family.part_of(bare_name(name)) == part
        }
        save_file(tensors, str(folder / f"{part}.safetensors"), metadata={"format": "pt"})


def load_parts(model: Any, folder: Path) -> list[str]:
    """Load the part files of a result into a base (without adapters around it); returns the parts."""
    from safetensors.torch import load_file

    loaded = []
    for part in PART_FILES:
        path = folder / f"{part}.safetensors"
        if path.is_file():
            tensors = load_file(str(path))
            outcome = model.load_state_dict(tensors, strict=False)
            if outcome.unexpected_keys:
                raise invalid_input(
                    f"{path} does not belong to this base: {outcome.unexpected_keys[0]}",
                    help="Use the base that run.json names.",
                )
            loaded.append(part)
    return loaded


def with_result(model: Any, folder: Path) -> Any:
    """Return a base with what a run trained: its part files loaded, its adapter put on (not merged)."""
    from peft import PeftModel

    load_parts(model, folder)
    if not (folder / "adapter").is_dir():
        return model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by an old name
        return PeftModel.from_pretrained(model, str(folder / "adapter"))


def _model_type(path: str) -> str:
    from transformers import AutoConfig

    return str(AutoConfig.from_pretrained(path, local_files_only=True).model_type)


def _dtype(name: str) -> torch.dtype:
    import torch

    good = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if name == "bf16" or (name == "auto" and good) else torch.float32


def _quantization(kind: str) -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise unavailable(
            f"model.quantize={kind} (QLoRA) needs a CUDA GPU and bitsandbytes",
            help="Run it on a GPU host (pip install bitsandbytes), or set model.quantize=none.",
            retryable=False,
        )
    if kind == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
