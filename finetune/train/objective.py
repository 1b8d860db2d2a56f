"""What is minimised: the answers' cross entropy, or the DPO loss over pairs of answers.

An objective is a torch module around the model, so that DDP and FSDP wrap its whole forward pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from finetune.train.config import DpoSection

if TYPE_CHECKING:
    import torch

    from finetune.train.encode import Batch


def hidden_states(model: Any, inputs: dict[str, Any]) -> torch.Tensor:
    """Return the last hidden states, shape (rows, length, width).

    `image_features` (a frozen tower's output before the projector, from the cache) replaces `pixel_values`.
    The mask of packed turns is a boolean (rows, 1, length, length), as sdpa and eager attention take it.
    """
    import torch

    inputs = dict(inputs)
    mask = inputs["attention_mask"]
    if mask.ndim == 4:
        blocked = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device)
        inputs["attention_mask"] = blocked.masked_fill(~mask, torch.finfo(model.dtype).min)
    features = inputs.pop("image_features", None)
    if features is not None:
        core = model.model
        ids = inputs.pop("input_ids")
        embeds = core.get_input_embeddings()(ids)
        projected = core.multi_modal_projector(features.to(embeds.dtype))
        place = (ids == model.config.image_token_id).unsqueeze(-1).expand_as(embeds)
        embeds = embeds.masked_scatter(place, projected.to(embeds.dtype))
        return core.language_model(inputs_embeds=embeds, **inputs, use_cache=False).last_hidden_state
    return model.model(**inputs, use_cache=False).last_hidden_state


def answer_logits(model: Any, batch_inputs: dict[str, Any], take: torch.Tensor) -> torch.Tensor:
    """Return logits at the positions that predict answer tokens only, shape (M, vocabulary), as fp32."""
    hidden = hidden_states(model, batch_inputs)
    chosen = hidden.reshape(-1, hidden.shape[-1])[take]
    return model.get_output_embeddings()(chosen).float()


def bare(model: Any) -> Any:
    """Return the Hugging Face model inside PEFT's wrapper; its layers keep their adapters."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def sft_module(model: Any) -> Any:
    """Return the objective of supervised fine-tuning.

    Its forward takes a batch's `inputs`, `take`, `targets` and gives the sum of the answer tokens' cross
    entropy (fp32), a scalar; the caller divides by the tokens of the whole optimiser step.
    """
    import torch
    from torch.nn import functional

    class Sft(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: Batch) -> torch.Tensor:
            logits = answer_logits(bare(self.model), batch.inputs, batch.take)
            return functional.cross_entropy(logits, batch.targets, reduction="sum")

    return Sft()


def dpo_module(model: Any, section: DpoSection) -> Any:
    """Return the objective of preference training.

    Turns come in pairs, the chosen answer and then the rejected one. The reference is the same model with its
    adapter switched off, so no second copy is held. Forward gives the sum of the pairs' losses:
    `-log sigmoid(beta * ((chosen - rejected) - (reference chosen - reference rejected)))` of summed log
    probabilities (Rafailov et al. 2023, equation 7), with label smoothing and the chosen answer's own loss a
    token where the recipe gives them a weight.
    """
    import torch
    from torch.nn import functional

    class Dpo(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, batch: Batch) -> torch.Tensor:
            ours = self._log_probabilities(batch)
            with torch.no_grad(), self.model.disable_adapter():
                reference = self._log_probabilities(batch)
            margin = (ours[0::2] - ours[1::2]) - (reference[0::2] - reference[1::2])
            scaled = section.beta * margin
            smooth = section.label_smoothing
            loss = -(1 - smooth) * functional.logsigmoid(scaled) - smooth * functional.logsigmoid(-scaled)
            if section.sft_weight:
                lengths = torch.bincount(batch.turns, minlength=batch.count).clamp(min=1)
                loss = loss - section.sft_weight * ours[0::2] / lengths[0::2]
            return loss.sum()

        def _log_probabilities(self, batch: Batch) -> torch.Tensor:
            return turn_log_probabilities(bare(self.model), batch)

    return Dpo()


def turn_log_probabilities(model: Any, batch: Batch) -> torch.Tensor:
    """Return the summed log probability of each turn's answer, shape (turns,)."""
    import torch
    from torch.nn import functional

    logits = answer_logits(model, batch.inputs, batch.take)
    tokens = -functional.cross_entropy(logits, batch.targets, reduction="none")
    sums = torch.zeros(batch.count, dtype=tokens.dtype, device=tokens.device)
    return sums.index_add(0, batch.turns, tokens)
