"""Sending what a plan says and the server lacks: once, whatever was interrupted before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from core.contracts import Contract
from core.errors import VidenceError, invalid_input, unavailable
from evals.langsmith.api import LangSmithApi
from evals.langsmith.errors import ConflictError
from evals.langsmith.plan import Answer, Example, SuitePlan, stable_id
from evals.langsmith.receipts import Receipts

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
ReadImage = Callable[[str], bytes]
"""Returns an image of a sample as a PNG without metadata; raises `VidenceError`."""

AT_ONCE = 4
_EXAMPLES, _RUNS = 100, 50


class Uploaded(Contract):
    """What became of one suite."""

    dataset: str
    experiment: str = ""
    examples: int = Field(0, description="Sent now.")
    examples_there: int = Field(0, description="There already.")
    runs: int = 0
    runs_there: int = 0
    scores: int = 0
    scores_there: int = 0
    undefined: int = Field(0, description="Scores that are not defined: not sent, and never as 0.")
    failed: int = Field(0, description="Samples that failed: runs with an error and without scores.")
    images: int = 0
    images_left_out: int = Field(0, description="Named by samples and not uploaded.")


def upload(
    plans: Sequence[SuitePlan],
    api: LangSmithApi,
    receipts: Receipts,
    *,
    images: ReadImage | None = None,
    progress: Progress | None = None,
) -> list[Uploaded]:
    """Upload plans. Blocking. Giving the same plans again sends what is missing, or nothing.

    Args:
        plans: A plan a suite.
        api: The server.
        receipts: What it confirmed before.
        images: Reads images to upload with new examples; without it none are uploaded.
        progress: Hears what is sent, how much of it is done and of how much.

    Raises:
        VidenceError: What the server or the network refused; what was confirmed until then stays.
    """
    if images is not None and not api.takes_attachments:
        raise invalid_input("This LangSmith server takes no images", help="Leave out --with-images.")
    return [_one(plan, api, receipts, images, progress or (lambda what, done, total: None)) for plan in plans]


def _one(
    plan: SuitePlan, api: LangSmithApi, receipts: Receipts, images: ReadImage | None, progress: Progress
) -> Uploaded:
    dataset, _ = api.dataset(plan.dataset, plan.description)
    sent, there = _examples(plan, dataset, api, images, progress)
    new = [example for example in plan.examples if example.id_in(dataset) in sent]
    with_images = sum(len(example.images) for example in new) if images else 0
    found = Uploaded(
        dataset=plan.dataset,
        experiment=plan.experiment,
        examples=len(sent),
        examples_there=there,
        images=with_images,
        images_left_out=sum(len(example.images) for example in plan.examples) - with_images,
        undefined=plan.undefined,
        failed=sum(bool(answer.body["error"]) for answer in plan.answers),
    )
    if not plan.experiment:
        return found
    experiment, _ = api.experiment(plan.experiment, dataset, plan.metadata)
    known = receipts.of(experiment)
    runs = [one for one in plan.answers if one.id_in(experiment) not in known]
    for done, part in _parts(runs, _RUNS):
        progress("runs", done, len(runs))
        api.add_runs([_run(answer, dataset, experiment) for answer in part])
        receipts.add(experiment, [answer.id_in(experiment) for answer in part])
    scores = {id_: body for answer in plan.answers for id_, body in _scores(answer, experiment)}
    missing = {id_: body for id_, body in scores.items() if id_ not in known}
    _send_scores(missing, experiment, api, receipts, progress)
    if runs or missing:
        ended = max(answer.body["end_time"] for answer in plan.answers)
        api.end_experiment(experiment, ended, plan.metadata)
    return found.model_copy(
        update={
            "runs": len(runs),
            "runs_there": len(plan.answers) - len(runs),
            "scores": len(missing),
            "scores_there": len(scores) - len(missing),
        }
    )


def _examples(
    plan: SuitePlan, dataset: str, api: LangSmithApi, images: ReadImage | None, progress: Progress
) -> tuple[set[str], int]:
    """Add the examples that the data set lacks; return the ids of those, and how many were there."""
    wanted = {example.id_in(dataset): example for example in plan.examples}
    there = api.example_ids(dataset) & wanted.keys()
    missing = {id_: example for id_, example in wanted.items() if id_ not in there}
    for done, part in _parts(list(missing), _EXAMPLES):
        progress("examples", done, len(missing))
        _add_examples({id_: missing[id_] for id_ in part}, dataset, api, images)
    return set(missing), len(there)


def _add_examples(
    part: Mapping[str, Example], dataset: str, api: LangSmithApi, images: ReadImage | None
) -> None:
    """Add examples; when some of them came through in an earlier try, add the others."""
    bodies = {id_: _example(id_, example, images) for id_, example in part.items()}
    try:
        api.add_examples(dataset, list(bodies.values()))
        return
    except ConflictError:
        there = api.example_ids(dataset)
        left = [body for id_, body in bodies.items() if id_ not in there]
    try:
        if left:
            api.add_examples(dataset, left)
    except ConflictError:
        raise unavailable(
            "LangSmith says that examples are there and does not list them",
            help="They may have been deleted there: give another --project.",
            retryable=False,
        ) from None


def _example(id_: str, example: Example, images: ReadImage | None) -> dict[str, Any]:
    body = {"id": id_, **example.body}
    if images is not None and example.images:
        body["attachments"] = {
            f"image{number}": {"mime_type": "image/png", "data": images(name)}
            for number, name in enumerate(example.images)
        }
    return body


def _run(answer: Answer, dataset: str, experiment: str) -> dict[str, Any]:
    id_ = answer.id_in(experiment)
    moment = datetime.fromisoformat(answer.body["start_time"]).strftime("%Y%m%dT%H%M%S%fZ")
    return {
        **answer.body,
        "id": id_,
        "trace_id": id_,
        "dotted_order": f"{moment}{id_}",
        "session_id": experiment,
        "reference_example_id": stable_id("example", dataset, answer.example),
    }


def _scores(answer: Answer, experiment: str) -> Iterator[tuple[str, dict[str, Any]]]:
    run = answer.id_in(experiment)
    for metric, value in answer.scores.items():
        id_ = stable_id("score", run, metric)
        yield (
            id_,
            {
                "id": id_,
                "run_id": run,
                "trace_id": run,
                "session_id": experiment,
                "start_time": answer.body["start_time"],
                "key": metric,
                "score": value,
                "feedback_source": {"type": "api", "metadata": {"source": "vidence eval"}},
            },
        )


def _send_scores(
    missing: Mapping[str, dict[str, Any]],
    experiment: str,
    api: LangSmithApi,
    receipts: Receipts,
    progress: Progress,
) -> None:
    """Send scores, a few at a time; what was confirmed is noted even when a later one fails."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done, part in _parts(list(missing), _RUNS):
            progress("scores", done, len(missing))
            sent: list[str] = []
            failed: list[VidenceError] = []
            for id_, error in pool.map(lambda one: _sent(api, one, missing[one]), part):
                if error is None:
                    sent.append(id_)
                else:
                    failed.append(error)
            receipts.add(experiment, sent)
            if failed:
                raise failed[0]


def _sent(api: LangSmithApi, id_: str, body: Mapping[str, Any]) -> tuple[str, VidenceError | None]:
    try:
        api.add_score(body)
    except VidenceError as error:
        return id_, error
    return id_, None


def _parts(items: Sequence[T], size: int) -> Iterable[tuple[int, Sequence[T]]]:
    for start in range(0, len(items), size):
        yield start, items[start : start + size]


def image_reader(folders: Sequence[Path], max_bytes: int, max_pixels: int) -> ReadImage:
    """Return what reads images that samples name, from given folders only, as PNGs without metadata.

    A run file that comes from elsewhere names no other file.
    """
    import io

    from core.images import ImageStore

    store = ImageStore(Path("unused"), max_bytes=max_bytes, max_pixels=max_pixels)
    roots = [folder.expanduser().resolve() for folder in folders]

    def read(name: str) -> bytes:
        from PIL import Image

        for root in roots:
            path = (root / name).resolve()
            if path.is_relative_to(root) and path.is_file():
                content = io.BytesIO()
                Image.fromarray(store.decode(path.read_bytes(), name)).save(content, "PNG")
                return content.getvalue()
        raise VidenceError(
            "not_found", f"The image {name} is not here", help="Give --data, or leave out --with-images."
        )

    return read
