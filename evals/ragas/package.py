"""The package `ragas` itself: found and loaded once.

RAGAS 0.4.3 imports `langchain_community.chat_models.vertexai`, which langchain-community 0.4.2 removed: hence
the pin in pyproject.toml, and `tests/evals/ragas/test_package.py`, which fails once the pin can go.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from core.errors import unavailable

EXTRA = "the extra `ragas` is not installed (make setup-ragas)"


@dataclass(frozen=True)
class Ragas:
    """The parts of RAGAS that are used.

    Attributes:
        collections: `ragas.metrics.collections`: its current metrics.
        precision: `ragas.metrics._context_precision`: the metrics by ids and by likeness of texts, which the
            current ones lack. Their public names warn that they will go.
        recall: `ragas.metrics._context_recall`: the same.
        sample: What those take.
    """

    collections: Any
    precision: Any
    recall: Any
    sample: Any


def lacking() -> str:
    """Return why RAGAS cannot be used, or an empty string. Loads nothing."""
    return "" if find_spec("ragas") is not None else EXTRA


def load_ragas() -> Ragas:
    """Load RAGAS. Blocking: the first time it takes some seconds.

    It sends nothing about its use: the command line sets RAGAS_DO_NOT_TRACK unless the user has set it, and
    none of what is used here reports by itself.

    Raises:
        VidenceError: `unavailable` when it is not installed or does not fit what is.
    """
    try:
        from ragas.dataset_schema import SingleTurnSample
        from ragas.embeddings.base import BaseRagasEmbedding
        from ragas.llms.base import InstructorBaseRagasLLM
        from ragas.metrics import collections

        # Not by `from`: the package has objects of the same names.
        precision = import_module("ragas.metrics._context_precision")
        recall = import_module("ragas.metrics._context_recall")
    except ImportError as error:
        if lacking():
            raise unavailable(
                "RAGAS is not installed", help="Install its extra: make setup-ragas", retryable=False
            ) from error
        raise unavailable(
            f"RAGAS cannot be loaded: {error}",
            help="Install the versions that fit together: pip install -c constraints.txt '.[ragas]'",
            retryable=False,
        ) from error
    _know_ours(BaseRagasEmbedding, InstructorBaseRagasLLM)
    return Ragas(collections, precision, recall, SingleTurnSample)


def _know_ours(embedding: Any, judge: Any) -> None:
    """Tell RAGAS that our classes have its interfaces, without importing it where they are written."""
    from evals.ragas.embedding import RagasEmbedding
    from evals.ragas.judge import RagasJudge

    embedding.register(RagasEmbedding)
    judge.register(RagasJudge)
