"""Scorers of RAGAS's metrics for suites: open for one run, each failing alone, with its reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from core.contracts import ModelRef
from core.errors import invalid_input
from core.settings import Settings
from evals.ragas.embedding import RagasEmbedding
from evals.ragas.judge import RagasJudge
from evals.ragas.judged import Judged, image_metrics, judged_metrics
from evals.ragas.package import lacking, load_ragas
from evals.ragas.pictures import image_opener
from evals.ragas.plain import Plain, plain_metrics
from evals.ragas.row import row_of
from evals.run.cache import OutputCache
from evals.run.identity import public_settings
from evals.run.registry import Place, Scorer
from evals.run.sample import Output, Sample, content_hash
from evals.solvers.bench import open_bench

VERSION = "ragas-0.4.3-1"
"""Changes whenever the same answer may score otherwise."""
EMBEDDED = "embedded"
NO_JUDGE = "no judge is set (VIDENCE_JUDGE=openai:BASE_URL#MODEL)"
_BREAK_S = 30.0
Watch = Callable[[RagasJudge], None]
Fields = Collection[str] | None


def lacks_package(place: Place) -> str:
    """Return why RAGAS's metrics cannot run, or an empty string."""
    return lacking()


def lacks_judge(place: Place) -> str:
    """Return why its metrics with a judge cannot run, or an empty string."""
    return lacking() or (NO_JUDGE if place.settings.judge == EMBEDDED else "")


@contextmanager
def plain_scorers(place: Place, fields: Fields = None) -> Iterator[tuple[Scorer, ...]]:
    """Open the scorers without a model. Blocking.

    Args:
        place: Where the run takes place.
        fields: Fields of rows that are there; metrics that need others are left out. None: all are.
    """
    ragas = load_ragas()
    with open_bench(place) as bench:
        found = plain_metrics(ragas, RagasEmbedding(bench.services.models.embedder))
        yield tuple(_plain(metric) for metric in found if _has(metric.needs, fields))


def judged_scorers(place: Place) -> AbstractContextManager[tuple[Scorer, ...]]:
    """Open the scorers of texts with a judge. Blocking."""
    return with_judge(place, texts=True)


def image_scorers(place: Place) -> AbstractContextManager[tuple[Scorer, ...]]:
    """Open the scorers of images with a judge. Blocking."""
    return with_judge(place, images=True)


@contextmanager
def with_judge(
    place: Place,
    *,
    texts: bool = False,
    images: bool = False,
    fields: Fields = None,
    keep: bool = True,
    watch: Watch | None = None,
    bench_at: Place | None = None,
) -> Iterator[tuple[Scorer, ...]]:
    """Open scorers with a judge. Blocking.

    Args:
        place: Where the run takes place; its settings name the judge.
        texts: Whether those of texts are wanted.
        images: Whether those of images are.
        fields: As in `plain_scorers`.
        keep: Whether replies are kept, and kept ones taken.
        watch: Hears of the judge, to count what it was asked.
        bench_at: Where embeddings come from, if not from `place`.
    """
    ragas, settings = load_ragas(), place.settings
    with ExitStack() as stack:
        cache = OutputCache(settings.root / "cache" / "evals.sqlite") if keep else None
        if cache:
            stack.callback(cache.close)
        judge = open_judge(settings, cache)
        if watch:
            watch(judge)
        found: list[Judged] = []
        if texts:
            bench = stack.enter_context(open_bench(bench_at or place))
            found += judged_metrics(ragas, judge, RagasEmbedding(bench.services.models.embedder))
        if images:
            found += image_metrics(ragas, judge, image_opener(image_folders(place), settings))
        yield tuple(_judged(metric) for metric in found if _has(metric.needs, fields))


def open_judge(settings: Settings, cache: OutputCache | None = None) -> RagasJudge:
    """Return the judge that the settings name. Nothing is contacted yet.

    Raises:
        VidenceError: `invalid_input` when it is the embedded one, which only ranks.
    """
    from models.chat import OpenAIChat

    if settings.judge == EMBEDDED:
        raise invalid_input("RAGAS needs a judge that reads", help=f"There is none: {NO_JUDGE}.")
    base_url = settings.judge.removeprefix("openai:").partition("#")[0]
    ref = judge_ref(settings)
    chat = OpenAIChat(
        base_url,
        ref.name,
        api_key=settings.model_api_key,
        timeout_s=settings.model_timeout_s,
        max_retries=0,
        max_tokens=settings.judge_reply_tokens,
    )
    return RagasJudge(
        chat,
        ref,
        at_once=settings.judge_at_once,
        cache=cache,
        cool_s=_BREAK_S,
    )


def judge_ref(settings: Settings) -> ModelRef:
    """Return the judge as replies are kept by it and run files name it: its model and its address."""
    # Without what may stand before the address: a key that changes is no other model.
    public = public_settings(settings)["judge"]
    return ModelRef(name=public.partition("#")[2] or public, hash=content_hash(public)[:16])


def image_folders(place: Place) -> Sequence[Path]:
    """Return where the images are that samples name: as `Bench.path` finds them."""
    return [folder for folder in (place.data, place.settings.root) if folder]


def _has(needs: Sequence[str], fields: Fields) -> bool:
    return fields is None or set(needs) <= set(fields)


def _plain(metric: Plain) -> Scorer:
    def one(sample: Sample, output: Output) -> float:
        return metric.score(row_of(sample, output))

    return Scorer(
        metric.name, one, version=VERSION, judged=metric.judged, alone=not metric.judged, help=metric.help
    )


def _judged(metric: Judged) -> Scorer:
    async def one(sample: Sample, output: Output) -> float:
        return await metric.score(row_of(sample, output))

    return Scorer(metric.name, one, version=VERSION, judged=False, alone=True, help=metric.help)
