"""From a request (which stores, onto what) to a data version, by the names of the data folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import invalid_input, not_found
from core.feedback_store import OpenRatings
from core.images import ImageStore
from evals.production.store import measured_on
from evals.production.votes import Vote, from_feedback
from finetune.data.dataset import Dataset
from finetune.loop.checks import HeldOut, personal
from finetune.loop.incorporate import IncorporateReport, Options, incorporate
from finetune.loop.measured import Habits
from finetune.loop.queue import CandidateQueue
from finetune.loop.votes import from_file, from_queue
from knowledge.image_prints import PrintCache


@dataclass(frozen=True)
class Request:
    """What `vidence finetune incorporate` was asked for."""

    out: str
    sources: tuple[str, ...] = ("feedback", "queue")
    """`feedback`, `queue`, or the path of a file."""
    onto: tuple[str, ...] = ()
    held_out: tuple[str, ...] = ()
    evaluation: tuple[str, ...] = ()
    """Folders of evaluation data in any format."""
    agreement: float = 0.6
    exclude: tuple[str, ...] = ()
    confirmed: bool = True
    made_by: str = ""


def make(
    root: Path,
    request: Request,
    ratings: OpenRatings,
    queue: CandidateQueue,
    images: ImageStore,
    habits: Habits | None = None,
) -> IncorporateReport:
    """Make the data set, then mark the candidates that are in it as used.

    `habits` tells how right the model's answers are where it was measured, to judge corrections by.
    A kill before the marks is made good by the next call, which makes the same version.

    Raises:
        VidenceError: `not_found` for a data set or file, `invalid_input` when nothing is left.
    """
    if "/" in request.out or request.out.startswith("."):
        raise invalid_input(f"Not a name for a data set: {request.out}", help="Use letters, digits, - and _.")
    target = Dataset(data_folder(root) / request.out)
    votes = [vote for source in request.sources for vote in _votes(source, request, ratings, queue, images)]
    held = held_out(root, request, besides=target.folder)
    report = incorporate(
        votes,
        target,
        request.out,
        images,
        overlap=held,
        known=held.known,
        habits=habits,
        personal=personal,
        onto=[Dataset(find(root, name)) for name in request.onto],
        options=Options(
            agreement=request.agreement, excluded=frozenset(request.exclude), made_by=request.made_by
        ),
    )
    open_ = {item.id for item in queue.items("labelled")}
    queue.move([key for key in report.used_candidates if key in open_], "used")
    return report


def data_folder(root: Path) -> Path:
    """Return where data sets lie."""
    return root / "finetune" / "data"


def find(root: Path, name: str) -> Path:
    """Return a data set's folder by its name or path; raises `not_found`."""
    for folder in (data_folder(root) / name, Path(name)):
        if (folder / "dataset.json").exists():
            return folder
    raise not_found(f"There is no data set {name}", help="List them: vidence data list")


def held_out(root: Path, request: Request, *, besides: Path) -> HeldOut:
    """Return the check against what the data folder measures on, and what else is named.

    That is every dev and test split, and the eval data sets that were made of ratings.
    """
    cache = PrintCache(root / "finetune" / "eval_prints.db")
    folders = sorted(path.parent for path in data_folder(root).glob("*/dataset.json"))
    return HeldOut(
        [folder for folder in folders if folder != besides],
        whole=[find(root, name) for name in request.held_out],
        evaluation=[Path(name).expanduser() for name in request.evaluation],
        cache=cache,
        also=[measured_on(root, cache)],
    )


def _votes(
    source: str, request: Request, ratings: OpenRatings, queue: CandidateQueue, images: ImageStore
) -> Iterable[Vote]:
    if source == "feedback":
        with ratings() as feedback:
            return list(from_feedback(feedback.all(), confirmed=request.confirmed))
    if source == "queue":
        return from_queue(queue)
    return from_file(Path(source), images, confirmed=request.confirmed)


def counted(root: Path, sources: Iterable[str], ratings: OpenRatings) -> Iterator[str]:
    """Yield each source with the votes that it holds now; nothing is written, not even an empty store."""
    for source in sources:
        if source == "feedback":
            with ratings() as feedback:
                count = sum(1 for _ in from_feedback(feedback.all()))
        elif source == "queue":
            queue = CandidateQueue.under(root)
            count = sum(1 for _ in from_queue(queue)) if queue.path.is_file() else 0
        else:
            yield source
            continue
        yield f"{source} ({count:,} votes)"
