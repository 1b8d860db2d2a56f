"""A training recipe: every key typed, described, and refused when it is unknown.

A recipe is a YAML file in `configs/`. `finetune.train.recipe` reads it and names it by a hash.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Part = Literal["lora", "projector", "tower", "text"]
Order = Literal["shuffled", "easy_first", "as_listed"]


class Section(BaseModel):
    """A part of a recipe; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSection(Section):
    """The checkpoint that training starts from."""

    base: str = Field(
        description="A Hugging Face folder, a name in the hub's cache, or `home:PATH` below the data folder."
    )
    dtype: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Precision; auto: bf16 on a GPU that is good at it, else fp32."
    )
    quantize: Literal["none", "nf4", "int8"] = Field(
        "none", description="QLoRA: the frozen base in 4 or 8 bits by bitsandbytes; needs a CUDA GPU."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2"] = Field(
        "sdpa", description="How attention is computed; flash_attention_2 cannot pack."
    )
    gradient_checkpointing: bool = Field(
        False, description="Recompute activations in the backward pass: less memory, about 30% slower."
    )


class LoraSection(Section):
    """Low-rank adapters (Hu et al. 2021) in PEFT's format."""

    rank: int = Field(16, ge=1, description="Rank of the two matrices; what is served may limit it.")
    alpha: float = Field(32.0, gt=0, description="The adapter's output is scaled by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Dropout before the adapter.")
    targets: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
        min_length=1,
        description="Names of the linear layers that get an adapter.",
    )
    where: tuple[Literal["text", "tower"], ...] = Field(
        ("text",), min_length=1, description="Parts that get adapters; some servers ignore them in towers."
    )


class DataSource(Section):
    """One data set and its share of the mixture."""

    name: str = Field(description="A data set's name under the data folder, or a path (with a slash).")
    split: Literal["train", "dev", "test"] = Field("train", description="Which rows.")
    weight: float | None = Field(
        None, gt=0, description="Share of the mixture; by default the data set's size."
    )
    kinds: tuple[str, ...] = Field((), description="Only rows of these kinds; empty takes all.")
    max_rows: int | None = Field(None, ge=1, description="At most so many rows, drawn by the seed.")


class EvalSource(DataSource):
    """One data set to measure on."""

    split: Literal["train", "dev", "test"] = Field("dev", description="Which rows.")


class SequenceSection(Section):
    """How rows become sequences."""

    max_tokens: int = Field(1024, ge=16, description="Longest sequence; a longer row is a reported skip.")
    turns: int = Field(
        1, ge=1, description="Pack up to so many questions about one image into one sequence (LLaVA only)."
    )
    cache_features: bool = Field(
        False, description="Keep a frozen tower's features on disk; for phases that do not train it."
    )


class Phase(Section):
    """One stage of the schedule: what is trained, on what, for how long."""

    name: str = Field(description="What the log calls it.")
    steps: int | None = Field(None, ge=1, description="Optimiser steps; give these or epochs.")
    epochs: float | None = Field(None, gt=0, description="Passes over the mixture; give these or steps.")
    train: dict[Part, float] = Field(
        min_length=1, description="Learning rate of each part that is trained; the others are frozen."
    )
    weights: dict[str, float] = Field(
        default_factory=dict, description="Shares of data sets in this phase; 0 leaves one out."
    )
    order: Order = Field("shuffled", description="easy_first: by `difficulty` in metadata, else by length.")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="Decay after warm-up.")
    warmup: float = Field(0.03, ge=0, lt=1, description="Share of the steps in which the rate rises.")
    floor: float = Field(0.0, ge=0, le=1, description="Share of the rate that is left at the end.")

    @model_validator(mode="after")
    def _one_length(self) -> Phase:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("give `steps` or `epochs`, one of them")
        if {"lora", "text"} <= set(self.train):
            raise ValueError("train `lora` or all of `text`, not both")
        return self


class OptimSection(Section):
    """AdamW (Loshchilov and Hutter 2019) and its batches."""

    batch: int = Field(8, ge=1, description="Sequences in one forward pass, over all processes.")
    accumulate: int = Field(1, ge=1, description="Forward passes in one optimiser step.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay; not on biases and norms.")
    beta1: float = Field(0.9, ge=0, lt=1, description="Decay of the mean of the gradients.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Decay of the mean of their squares.")
    clip: float = Field(1.0, ge=0, description="Largest norm of the gradient; 0 does not clip.")


class EvalSection(Section):
    """What is measured while training, on rows that are not trained on."""

    data: tuple[EvalSource, ...] = Field((), description="Data sets; their `dev` rows unless said.")
    every: int = Field(200, ge=1, description="Steps between measurements; the end is always measured.")
    rows: int = Field(256, ge=1, description="At most so many rows, the same each time.")


class CheckpointSection(Section):
    """What a resume starts from."""

    every: int = Field(100, ge=1, description="Steps between checkpoints.")
    keep: int = Field(2, ge=1, description="How many are kept.")


class LogSection(Section):
    """Where figures go besides `log.jsonl`."""

    tracker: Literal["none", "tensorboard", "mlflow"] = Field(
        "none", description="Also to TensorBoard or MLflow, below the run's folder."
    )


class _Run(Section):
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", description="The run's name, and its folder's.")
    seed: int = Field(0, ge=0, description="Order of the data, new weights and dropout follow from it.")
    threads: int = Field(0, ge=0, description="CPU threads; 0 leaves the choice to torch.")
    data: tuple[DataSource, ...] = Field(min_length=1, description="The mixture.")
    optim: OptimSection = Field(default_factory=OptimSection, description="Optimiser and batches.")
    evaluation: EvalSection = Field(default_factory=EvalSection, description="Measuring on the way.")
    checkpoints: CheckpointSection = Field(default_factory=CheckpointSection, description="For resuming.")
    log: LogSection = Field(default_factory=LogSection, description="Trackers.")

    @model_validator(mode="after")
    def _names_differ(self) -> _Run:
        names = [source.name for source in self.data]
        if len(set(names)) < len(names):
            raise ValueError("data: a data set is listed twice")
        return self


class TunedConfig(_Run):
    """What supervised and preference training share: a model, adapters, a schedule."""

    model: ModelSection = Field(description="The base.")
    lora: LoraSection | None = Field(None, description="Adapters; needed when a phase trains `lora`.")
    sequence: SequenceSection = Field(default_factory=SequenceSection, description="Rows to sequences.")
    phases: tuple[Phase, ...] = Field(min_length=1, description="The schedule, in order.")

    @model_validator(mode="after")
    def _fits(self) -> TunedConfig:
        known = {source.name for source in self.data}
        for phase in self.phases:
            if unknown := set(phase.weights) - known:
                raise ValueError(f"phases: {phase.name} weighs {sorted(unknown)}, which data does not list")
            if "lora" in phase.train and self.lora is None:
                raise ValueError(f"phases: {phase.name} trains lora, but there is no `lora` section")
            if self.sequence.cache_features and "tower" in phase.train:
                raise ValueError(f"phases: {phase.name} trains the tower; set sequence.cache_features=false")
        if self.lora is not None and "tower" in self.lora.where and self.sequence.cache_features:
            raise ValueError("lora: adapters in the tower; set sequence.cache_features=false")
        if self.sequence.turns > 1 and self.model.attention == "flash_attention_2":
            raise ValueError("sequence.turns: packed turns need attention sdpa or eager")
        return self


class SftConfig(TunedConfig):
    """Supervised fine-tuning of an image-and-text model."""

    task: Literal["sft"] = Field("sft", description="What is trained: sft, dpo or contrastive.")


class DpoSection(Section):
    """Direct preference optimisation (Rafailov et al. 2023, equation 7)."""

    beta: float = Field(0.1, gt=0, description="How dear it is to leave the reference.")
    label_smoothing: float = Field(
        0.0, ge=0, lt=0.5, description="Share of preferences taken to be wrong (conservative DPO)."
    )
    sft_weight: float = Field(
        0.0, ge=0, description="Adds so much of the chosen answer's own loss (RPO); keeps it likely."
    )


class DpoConfig(TunedConfig):
    """Preference training of adapters; the reference is the base with the adapter off."""

    task: Literal["dpo"] = Field("dpo", description="What is trained: sft, dpo or contrastive.")
    dpo: DpoSection = Field(default_factory=DpoSection, description="The loss.")

    @model_validator(mode="after")
    def _adapters_only(self) -> DpoConfig:
        if any(set(phase.train) != {"lora"} for phase in self.phases):
            raise ValueError(
                "phases: dpo trains `lora` only, so that the adapter switched off is the reference"
            )
        return self


class ContrastiveSection(Section):
    """The dual encoder: two projections into one space."""

    dim: int = Field(384, ge=2, description="Dimensions of the common space.")
    temperature: float = Field(0.05, gt=0, description="Divides similarities in InfoNCE.")
    epochs: int = Field(6, ge=1, description="Passes with in-batch negatives.")
    hard_epochs: int = Field(6, ge=0, description="Passes with mined hard negatives after them.")
    hard_negatives: int = Field(4, ge=1, description="Nearest wrong texts of each image, mined each epoch.")
    same_above: float = Field(
        0.6,
        ge=0,
        le=1,
        description="Captions as alike as that may be true of both images: no hard negatives.",
    )
    rate: float = Field(3e-4, gt=0, description="Learning rate.")
    dropout: float = Field(0.2, ge=0, lt=1, description="Dropout on the features.")
    ridge: float = Field(1.0, gt=0, description="Of the closed form that training starts from.")
    prior: float = Field(
        0.3, ge=0, description="Share of what the backbone's classes say in that start; 0 leaves it out."
    )
    anchor: float = Field(20.0, ge=0, description="Weight of the squared distance from that start.")


class ContrastiveConfig(_Run):
    """A dual encoder over cached features: image backbone and text embedder, both frozen."""

    task: Literal["contrastive"] = Field("contrastive", description="What is trained.")
    contrastive: ContrastiveSection = Field(default_factory=ContrastiveSection, description="The loss.")


AnyTuned = SftConfig | DpoConfig
AnyConfig = SftConfig | DpoConfig | ContrastiveConfig
TrainConfig = Annotated[AnyConfig, Field(discriminator="task")]
