"""The part of the Python client beside runs: collections, images, ratings, jobs. Each answer is typed."""

from __future__ import annotations

import base64
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.contracts import ChartTable, RunResult
from core.errors import unavailable
from core.feedback_store import Feedback, Rating
from server.http.evals import EvalResults
from server.http.inference import EmbeddingReply
from server.http.jobs import JobLog
from server.http.retrieval import BuildReply, CollectionList, SearchReply
from server.http.vision import Analysis, OcrReply
from server.http.vqa import InspectReply
from server.jobs.records import ENDED, Job

Image = str | Path
"""A path, a public address, or the hash that `upload` returned."""


class Resources(ABC):
    """What `Client` adds to runs. A failure is a `VidenceError` with the kind that the server gave it."""

    @abstractmethod
    def _send(self, method: str, path: str, **options: Any) -> Any:
        """Return the JSON of a reply, None where it has no body."""

    @abstractmethod
    def _image(self, image: Image) -> dict[str, str]:
        """Return an image as requests name it."""

    # Collections

    def search(self, query: str, collections: Sequence[str], *, k: int = 10, **options: Any) -> SearchReply:
        """Search collections; `mode`, `rerank`, `where` and `diversity` are options."""
        body = {"query": query, "collections": list(collections), "k": k, **options}
        return SearchReply.model_validate(self._send("POST", "/v1/retrieval/search", json=body))

    def answer_from(
        self, question: str, collections: Sequence[str], *, images: Iterable[Image] = ()
    ) -> RunResult:
        """Answer a question from collections, with checked citations; waits for the answer."""
        body = {"question": question, "collections": list(collections), "images": self._images(images)}
        return RunResult.model_validate(self._send("POST", "/v1/rag/query", json=body, timeout=None))

    def build(self, collection: str, records: Iterable[Mapping[str, Any]]) -> BuildReply:
        """Add documents (`id`, `text`, `title`, `metadata`) to a collection, which is made when new."""
        body = {"collection": collection, "records": [dict(record) for record in records]}
        return BuildReply.model_validate(self._send("POST", "/v1/index/build", json=body, timeout=None))

    def collections(self) -> CollectionList:
        """List the collections."""
        return CollectionList.model_validate(self._send("GET", "/v1/index"))

    def drop(self, collection: str) -> None:
        """Forget a collection for good."""
        self._send("DELETE", f"/v1/index/{collection}")

    def embed(self, texts: Sequence[str] = (), *, images: Iterable[Image] = ()) -> EmbeddingReply:
        """Turn texts or images into vectors of one space."""
        body = {"input": list(texts), "images": self._images(images)}
        return EmbeddingReply.model_validate(self._send("POST", "/v1/inference/embeddings", json=body))

    # Images

    def vqa(self, question: str, *, images: Iterable[Image] = (), **options: Any) -> RunResult:
        """Answer a question about images and return all of the result; waits for the answer."""
        body = {"question": question, "images": self._images(images), **options}
        return RunResult.model_validate(self._send("POST", "/v1/vqa", json=body, timeout=None))

    def inspect(self, scan_id: str, scan: Path | bytes, declared: Sequence[str] = ()) -> InspectReply:
        """Look for prohibited items in a scan; what could not be examined is never `clear`."""
        data = scan if isinstance(scan, bytes) else scan.read_bytes()
        body = {"scan_id": scan_id, "image_base64": base64.b64encode(data).decode()}
        reply = self._send("POST", "/v1/inspect", json={**body, "declared_items": [*declared]}, timeout=None)
        return InspectReply.model_validate(reply)

    def analyze(self, image: Image, question: str = "") -> Analysis:
        """Say what kind of image it is, and what the vision model alone answers."""
        body = {"image": self._image(image), "question": question}
        return Analysis.model_validate(self._send("POST", "/v1/vision/analyze", json=body))

    def read(self, image: Image) -> OcrReply:
        """Read the text of an image, with boxes in its pixels."""
        body = {"image": self._image(image)}
        return OcrReply.model_validate(self._send("POST", "/v1/vision/ocr", json=body))

    def chart(self, image: Image) -> ChartTable:
        """Return the table behind a chart."""
        body = {"image": self._image(image)}
        return ChartTable.model_validate(self._send("POST", "/v1/vision/chart-data", json=body))

    # Ratings

    def rate(self, run_id: str, rating: Rating, *, correction: str = "", comment: str = "") -> Feedback:
        """Rate one's own run, up or down; again replaces what was said before."""
        body = {"run_id": run_id, "rating": rating, "correction": correction, "comment": comment}
        return Feedback.model_validate(self._send("POST", "/v1/feedback", json=body))

    def rating(self, run_id: str) -> Feedback:
        """Return one's own rating of a run."""
        return Feedback.model_validate(self._send("GET", f"/v1/feedback/{run_id}"))

    def unrate(self, run_id: str) -> None:
        """Take one's own rating back."""
        self._send("DELETE", f"/v1/feedback/{run_id}")

    # Jobs

    def evaluate(self, suites: Sequence[str], **options: Any) -> Job:
        """Begin an evaluation; `limit`, `epochs` and `seed` are options."""
        return Job.model_validate(self._send("POST", "/v1/eval/run", json={"suites": [*suites], **options}))

    def evaluation(self, job_id: str) -> EvalResults:
        """Return how an evaluation stands, and its figures."""
        return EvalResults.model_validate(self._send("GET", f"/v1/eval/results/{job_id}"))

    def make_dataset(self, name: str, **options: Any) -> Job:
        """Begin to make a data set of rated answers."""
        return Job.model_validate(self._send("POST", "/v1/eval/datasets", json={"name": name, **options}))

    def train(self, recipe: str, **options: Any) -> Job:
        """Queue a training run by a recipe of the server."""
        return Job.model_validate(self._send("POST", "/v1/train/jobs", json={"recipe": recipe, **options}))

    def job(self, job: Job) -> Job:
        """Return a job as it stands now."""
        found = self._send("GET", _path(job))
        return Job.model_validate(found["job"] if job.kind == "eval" else found)

    def job_log(self, job: Job, after: int = 0) -> JobLog:
        """Return what an evaluation or a training run printed after a byte; go on with `next`."""
        return JobLog.model_validate(self._send("GET", f"{_path(job)}/log", params={"after": after}))

    def cancel_job(self, job: Job) -> Job:
        """Stop an evaluation or a training run; what is finished stays."""
        return Job.model_validate(self._send("POST", f"{_path(job)}/cancel"))

    def follow_job(self, job: Job, *, every_s: float = 1.0, patience_s: float = 86_400.0) -> Iterator[Job]:
        """Yield a job as it is, whenever it was looked at, to its end.

        Raises:
            VidenceError: `unavailable` when it has not ended within `patience_s`.
        """
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            job = self.job(job)
            yield job
            if job.status in ENDED:
                return
            time.sleep(every_s)
        raise unavailable(
            f"Job {job.job_id} is {job.status} after {patience_s:g} s", help="It goes on by itself."
        )

    def _images(self, images: Iterable[Image]) -> list[dict[str, str]]:
        return [self._image(image) for image in images]


def _path(job: Job) -> str:
    folder = {"eval": "eval/results", "dataset": "eval/datasets/jobs", "train": "train/jobs"}[job.kind]
    return f"/v1/{folder}/{job.job_id}"
