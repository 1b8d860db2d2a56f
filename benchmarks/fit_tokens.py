"""Fits the token encoder of re-ranking: low-rank changes to MiniLM's upper layers, for late interaction.

Trained on the pairs of `benchmarks.token_pairs` (BioASQ CC BY 2.5, PubMedQA and StrategyQA MIT) with
transformers and peft. Each query should find its passage among those of the batch and one that our fused
score mistakes for it; the loss is taken on late interaction as the search weighs it, alone and added to the
fused score, so that what is learned is what the fused score lacks. One group of pairs in five is held out.

    python -m benchmarks.fit_reranker projection -o /tmp/projection.npz
    nice -n 5 python -m benchmarks.fit_tokens --projection /tmp/projection.npz --stop 150 -o tokens.npz

The setting `token_encoder` names the file that it writes.

Run again, it goes on at the last checkpoint in --run. Needs the extra `ml`; a step takes 3 s of one core.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import data_folder
from benchmarks.token_pairs import Pair, read_pairs
from knowledge.fusion import DENSE_WEIGHT
from knowledge.rerank import TOKEN_WEIGHT, word_weights
from knowledge.sparse import SparseLeg
from knowledge.sparse import build as build_words
from models.minilm import MiniLm, minilm_folder

LAYERS = (3, 4, 5)
"""The layers that are changed; those below are shared with the sentence vectors."""
RANK = 16
_ALPHA = 32
_TEMPERATURE = 0.04
_HARD = 20
"""A wrong passage is drawn from this many that the fused score puts first."""
_TOKENS = {"query": 64, "passage": 200}
_PART = 8
"""Texts of a forward pass."""
_POOL = 16
"""Batches whose pairs are sorted by length together."""


@dataclass(frozen=True)
class Texts:
    """All queries and passages with what the search knows of them before re-ranking."""

    pairs: list[Pair]
    queries: list[str]
    passages: list[str]
    sources: list[str]
    query_of: list[int]
    passage_of: list[int]
    fused: np.ndarray
    """Shape (queries, passages), float16."""
    leg: SparseLeg


def prepare(data: Path, run: Path) -> Texts:
    """Read the pairs and score every query with every passage."""
    pairs = read_pairs(data)
    passages = {pair.passage: pair.source for pair in pairs}
    queries = list(dict.fromkeys(pair.query for pair in pairs))
    texts = list(passages)
    build_words(run / "words", enumerate(texts, start=1))
    leg = SparseLeg(run / "words")
    kept = run / "fused.npy"
    if not kept.exists():
        model = MiniLm(minilm_folder())
        dense = np.maximum(model.embed(queries) @ model.embed(texts).T, 0.0)
        rows = []
        for query, row in zip(queries, dense, strict=True):
            scores, bound = leg.scores(query)
            rows.append((DENSE_WEIGHT * row + (1 - DENSE_WEIGHT) * scores / bound).astype(np.float16))
        np.save(kept, np.stack(rows))
    place_q = {query: place for place, query in enumerate(queries)}
    place_p = {passage: place for place, passage in enumerate(texts)}
    return Texts(
        pairs,
        queries,
        texts,
        list(passages.values()),
        [place_q[pair.query] for pair in pairs],
        [place_p[pair.passage] for pair in pairs],
        np.load(kept, mmap_mode="r"),
        leg,
    )


def hard_negatives(texts: Texts, index: int) -> list[int]:
    """Return the passages that the fused score puts first for a pair's query and that are wrong."""
    pair, row = texts.pairs[index], np.asarray(texts.fused[texts.query_of[index]], dtype=np.float32)
    own = row[texts.passage_of[index]]
    best = np.argsort(-row)[: 3 * _HARD]
    # Experts did not mark everything that answers a question: what the fused score likes better than a
    # marked passage may well be right. An abstract is the only one that its own conclusion was written for.
    open_ended = pair.kind in {"question", "answer"}
    return [
        int(place)
        for place in best
        if texts.sources[place] not in pair.related and not (open_ended and row[place] > own)
    ][:_HARD]


def batches(texts: Texts, size: int, seed: int) -> Iterator[list[int]]:
    """Yield batches of training pairs for ever, alike in length, of each query one pair a round."""
    rng = random.Random(seed)
    train = [place for place, pair in enumerate(texts.pairs) if not pair.held_out]
    while True:
        rng.shuffle(train)
        seen: dict[str, int] = {}
        drawn = []
        for place in train:
            query = texts.pairs[place].query
            seen[query] = seen.get(query, 0) + 1
            if seen[query] == 1:
                drawn.append(place)
        made = []
        for start in range(0, len(drawn), size * _POOL):
            part = sorted(
                drawn[start : start + size * _POOL], key=lambda place: len(texts.pairs[place].passage)
            )
            made += [part[at : at + size] for at in range(0, len(part) - size + 1, size)]
        rng.shuffle(made)
        yield from made


class TokenEncoder:
    """MiniLM with low-rank changes, and the projection of its tokens, in torch."""

    def __init__(self, projection: np.ndarray) -> None:
        import torch
        from peft import LoraConfig, get_peft_model
        from tokenizers import Tokenizer
        from transformers import BertModel

        folder = minilm_folder()
        config = LoraConfig(
            r=RANK,
            lora_alpha=_ALPHA,
            target_modules=["query", "key", "value", "dense"],
            layers_to_transform=list(LAYERS),
        )
        base = BertModel.from_pretrained(folder, add_pooling_layer=False)
        self.model: Any = get_peft_model(base, config)
        self.projection = torch.nn.Parameter(torch.from_numpy(projection.astype(np.float32)))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str], kind: str) -> tuple[Any, Any, list[Any]]:
        """Return unit token vectors, shape (n, length, dims), which of them are words, and the encodings."""
        import torch

        self._tokenizer.enable_truncation(_TOKENS[kind])
        encodings = self._tokenizer.encode_batch(list(texts))
        width = max(len(item.ids) for item in encodings)
        words = torch.zeros(len(texts), width, dtype=torch.bool)
        for row, (text, item) in enumerate(zip(texts, encodings, strict=True)):
            for at, (a, b) in enumerate(item.offsets):
                words[row, at] = any(map(str.isalnum, text[a:b]))
        # Texts of a length go together: what pads a batch costs as much as words.
        order = sorted(range(len(texts)), key=lambda row: len(encodings[row].ids))
        parts = [order[start : start + _PART] for start in range(0, len(order), _PART)]
        found = [self._part([encodings[row].ids for row in part], width) for part in parts]
        back = np.argsort(order)
        return torch.cat(found)[torch.from_numpy(back)], words, encodings

    def _part(self, sequences: Sequence[Sequence[int]], width: int) -> Any:
        import torch
        from torch.nn.functional import normalize, pad

        longest = max(map(len, sequences))
        ids = torch.zeros(len(sequences), longest, dtype=torch.long)
        real = torch.zeros(len(sequences), longest)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            real[row, : len(sequence)] = 1
        hidden = self.model(input_ids=ids, attention_mask=real).last_hidden_state
        return pad(normalize(hidden @ self.projection.T, dim=-1), (0, 0, 0, width - longest))

    def trainable(self) -> list[Any]:
        """Return the low-rank parameters."""
        return [value for value in self.model.parameters() if value.requires_grad]

    def state(self) -> dict[str, Any]:
        """Return what is trained, to keep."""
        kept = {name: value.detach() for name, value in self.model.named_parameters() if value.requires_grad}
        return {"lora": kept, "projection": self.projection.detach()}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what was kept."""
        self.model.load_state_dict(state["lora"], strict=False)
        self.projection.data.copy_(state["projection"])


def token_scores(queries: Any, weights: Any, passages: Any, words: Any) -> Any:
    """Return late interaction, shape (queries, passages)."""
    import torch

    found = torch.einsum("qid,pjd->qpij", queries, passages)
    found = found.masked_fill(~words[None, :, None, :], -1.0).amax(-1)
    return (found * weights[:, None, :]).sum(-1)


def query_weights(texts: Texts, queries: Sequence[int], words: Any, encodings: Sequence[Any]) -> Any:
    """Return the weight of each token of queries, shape (n, length), as the search gives it."""
    import torch

    weights = torch.zeros(words.shape)
    for row, place in enumerate(queries):
        at = words[row].nonzero()[:, 0].tolist()
        spans = [encodings[row].offsets[index] for index in at]
        weights[row, at] = torch.from_numpy(word_weights(texts.queries[place], spans, texts.leg))
    return weights


def step_loss(encoder: TokenEncoder, texts: Texts, batch: Sequence[int], rng: random.Random) -> Any:
    """Return the loss of a batch of pairs."""
    import torch
    from torch.nn.functional import cross_entropy

    queries = [texts.query_of[place] for place in batch]
    passages = [texts.passage_of[place] for place in batch]
    for place in batch:
        wrong = [item for item in hard_negatives(texts, place) if item not in passages]
        if wrong:
            passages.append(rng.choice(wrong))
    own, own_words, encodings = encoder.encode([texts.queries[place] for place in queries], "query")
    other, other_words, _ = encoder.encode([texts.passages[place] for place in passages], "passage")
    weights = query_weights(texts, queries, own_words, encodings)
    late = token_scores(own, weights, other, other_words)
    right = torch.arange(len(batch))
    also = torch.tensor(
        [
            [
                texts.sources[place] in texts.pairs[item].related and at != row
                for at, place in enumerate(passages)
            ]
            for row, item in enumerate(batch)
        ]
    )
    fused = torch.from_numpy(np.asarray(texts.fused[np.ix_(queries, passages)], dtype=np.float32))
    both = fused + TOKEN_WEIGHT * late
    return sum(
        cross_entropy((scores / _TEMPERATURE).masked_fill(also, -1e4), right) for scores in (late, both)
    )


def train(args: argparse.Namespace, texts: Texts) -> TokenEncoder:
    """Train, keeping a checkpoint every 50 steps."""
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    with np.load(args.projection) as file:
        encoder = TokenEncoder(np.asarray(file["projection"], dtype=np.float32))
    optimiser = torch.optim.AdamW(
        [
            {"params": encoder.trainable(), "lr": args.lr},
            {"params": [encoder.projection], "lr": args.lr * 0.4},
        ],
        weight_decay=0.01,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 30, max(0.02, 1 - step / args.steps))
    )
    kept = args.run / "checkpoint.pt"
    first = 0
    if kept.exists():
        state = torch.load(kept, weights_only=True)
        encoder.load(state)
        optimiser.load_state_dict(state["optimiser"])
        schedule.load_state_dict(state["schedule"])
        first = int(state["step"])
    # As it will run: MiniLM's own dropout is left out, few steps on frozen weights do not need it.
    encoder.model.eval()
    losses: list[float] = []
    begun = time.perf_counter()
    for step, batch in enumerate(batches(texts, args.batch, seed=1)):
        if step < first:
            continue
        if step >= (args.stop or args.steps):
            break
        loss = step_loss(encoder, texts, batch, random.Random(step))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.trainable(), 1.0)
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 10 == 9:
            took = time.perf_counter() - begun
            print(f"step {step + 1}: loss {np.mean(losses[-10:]):.4f}, {took:.0f} s", flush=True)
        if step % 50 == 49 or step + 1 == (args.stop or args.steps):
            rest = {"optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(), "step": step + 1}
            torch.save({**encoder.state(), **rest}, kept)
            torch.save(encoder.state(), args.run / f"step{step + 1}.pt")
    return encoder


def export(encoder: TokenEncoder, path: Path) -> None:
    """Write the low-rank factors and the projection as 16-bit arrays."""
    arrays = {"projection": encoder.projection.detach().numpy().astype(np.float16)}
    for name, value in encoder.state()["lora"].items():
        plain = name.removeprefix("base_model.model.").replace(".default.weight", "")
        scaled = value * (_ALPHA / RANK) if plain.endswith("lora_B") else value
        arrays[plain] = scaled.numpy().astype(np.float16)
    np.savez_compressed(path, **arrays)


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=data_folder(), help="the development sets")
    parser.add_argument("--run", type=Path, default=Path(tempfile.gettempdir()) / "vidence-fit-tokens")
    parser.add_argument("--projection", type=Path, required=True, help="where the projection begins")
    parser.add_argument("--steps", type=int, default=320, help="over which the learning rate falls to zero")
    parser.add_argument("--stop", type=int, default=0, help="stop after this step; at the last by default")
    parser.add_argument("--batch", type=int, default=20, help="queries a step")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-o", type=Path, required=True, help="where to write the weights")
    args = parser.parse_args()
    args.run.mkdir(parents=True, exist_ok=True)
    texts = prepare(args.data, args.run)
    sizes = {"pairs": len(texts.pairs), "queries": len(texts.queries), "passages": len(texts.passages)}
    print(json.dumps(sizes), flush=True)
    export(train(args, texts), args.o)


if __name__ == "__main__":
    main()
