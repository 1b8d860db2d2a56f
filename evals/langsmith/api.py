"""The calls of LangSmith's API that an upload makes, through its own client, with typed errors and retries.

The client's own retries wait up to minutes, and some of its calls log failures with parts of the key, or
swallow them. So each call is made once by the client and repeated here, and every error becomes one of ours.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import VidenceError, unavailable
from evals.langsmith.errors import ConflictError, translate

if TYPE_CHECKING:
    from langsmith import Client

T = TypeVar("T")
TRIES = 5
LONGEST_WAIT_S = 60.0
PAGE = 100
_TIMEOUT_MS = (10_000, 60_000)


class LangSmithApi:
    """Calls a server of LangSmith's API. Blocking; close it at the end.

    Args:
        endpoint: Its address.
        api_key: The key.
        workspace_id: For keys of a whole organisation.
        sleep: Waits; tests do not.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str,
        workspace_id: str = "",
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = endpoint
        self._key = api_key
        self._workspace = workspace_id
        self._sleep = sleep
        self._client = self._open({})
        # The client asks for this itself otherwise, and logs a failure with parts of the key.
        self._client = self._open(self._get("/info", "ask what the server can do", {}))

    def close(self) -> None:
        """Close the connections."""
        self._client.close(timeout=0)

    def dataset(self, name: str, description: str) -> tuple[str, bool]:
        """Return the id of the data set of this name, and whether it was made just now."""
        known = self._dataset_id(name)
        if known is not None:
            return known, False
        try:
            made = self._call(
                f"make the data set {name}",
                # The client adds what this machine runs on unless it is told something else.
                lambda: self._client.create_dataset(name, description=description, metadata={"runtime": {}}),
            )
        except ConflictError:
            # An earlier try was heard although its reply was lost, or somebody else was faster.
            again = self._dataset_id(name)
            if again is None:
                raise unavailable(f"LangSmith says that {name} is there and does not find it") from None
            return again, False
        return str(made.id), True

    def example_ids(self, dataset: str) -> set[str]:
        """Return the ids of the examples of a data set."""
        found: set[str] = set()
        for row in self._pages("/examples", {"dataset": dataset}, "list the examples"):
            found.add(str(row["id"]))
        return found

    def add_examples(self, dataset: str, examples: Sequence[Mapping[str, Any]]) -> None:
        """Add examples; raises `ConflictError` when one of them is there."""
        self._call(
            f"add {len(examples)} examples",
            lambda: self._client.create_examples(
                dataset_id=dataset, examples=[dict(example) for example in examples]
            ),
        )

    @property
    def takes_attachments(self) -> bool:
        """Whether the server takes images with examples."""
        return bool((self._client.info.instance_flags or {}).get("dataset_examples_multipart_enabled"))

    def experiment(self, name: str, dataset: str, metadata: Mapping[str, Any]) -> tuple[str, bool]:
        """Return the id of the experiment of this name over a data set, and whether it was made just now.

        Raises:
            VidenceError: `blocked` when something else has the name.
        """
        known = self._experiment_id(name, dataset)
        if known is not None:
            return known, False
        try:
            made = self._call(
                f"make the experiment {name}",
                lambda: self._client.create_project(
                    name, reference_dataset_id=dataset, metadata=dict(metadata)
                ),
            )
        except ConflictError:
            again = self._experiment_id(name, dataset)
            if again is None:
                raise unavailable(f"LangSmith says that {name} is there and does not find it") from None
            return again, False
        return str(made.id), True

    def add_runs(self, runs: Sequence[Mapping[str, Any]]) -> None:
        """Add runs of an experiment; those that are there already change nothing."""
        try:
            self._send("/runs/batch", f"add {len(runs)} runs", {"post": list(runs), "patch": []})
        except ConflictError:
            return

    def add_score(self, score: Mapping[str, Any]) -> None:
        """Add a score of a run; one that is there already changes nothing."""
        try:
            self._send("/feedback", "add a score", score)
        except ConflictError:
            return

    def end_experiment(self, experiment: str, ended: str, metadata: Mapping[str, Any]) -> None:
        """Say when an experiment ended, and its figures."""
        from datetime import datetime

        moment = datetime.fromisoformat(ended)
        self._call(
            "end the experiment",
            lambda: self._client.update_project(experiment, end_time=moment, metadata=dict(metadata)),
        )

    def _dataset_id(self, name: str) -> str | None:
        rows = self._get("/datasets", f"look for the data set {name}", {"name": name, "limit": 1})
        return str(rows[0]["id"]) if rows else None

    def _experiment_id(self, name: str, dataset: str) -> str | None:
        rows = self._get("/sessions", f"look for the experiment {name}", {"name": name, "limit": 1})
        if not rows:
            return None
        if str(rows[0].get("reference_dataset_id")) != dataset:
            raise VidenceError(
                "blocked", f"{name} is something else at LangSmith already", help="Give another --project."
            )
        return str(rows[0]["id"])

    def _pages(self, path: str, query: Mapping[str, Any], what: str) -> Iterator[Mapping[str, Any]]:
        offset = 0
        while True:
            rows = self._get(path, what, {**query, "limit": PAGE, "offset": offset})
            yield from rows
            if len(rows) < PAGE:
                return
            offset += len(rows)

    def _get(self, path: str, what: str, query: Mapping[str, Any]) -> Any:
        return self._call(
            what, lambda: self._client.request_with_retries("GET", path, params=dict(query)).json()
        )

    def _send(self, path: str, what: str, body: Mapping[str, Any]) -> None:
        data = json.dumps(body)
        self._call(what, lambda: self._client.request_with_retries("POST", path, data=data))

    def _call(self, what: str, call: Callable[[], T]) -> T:
        """Make a call; what may pass is tried again, after as long as the server says or ever longer."""
        for number in range(TRIES):
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - the client raises its own, requests' and pydantic's
                failed, wait = translate(error, what)
                if not failed.retryable or number + 1 == TRIES:
                    raise failed from None
            asked = wait if wait is not None else 2.0**number + random.random() / 2  # noqa: S311
            self._sleep(min(asked, LONGEST_WAIT_S))
        raise AssertionError("every try returns or raises")

    def _open(self, info: Mapping[str, Any]) -> Client:
        from langsmith import Client
        from urllib3.util.retry import Retry

        return Client(
            self._endpoint,
            api_key=self._key,
            workspace_id=self._workspace,
            info=dict(info),
            retry_config=Retry(total=0, raise_on_status=False),
            timeout_ms=_TIMEOUT_MS,
            auto_batch_tracing=False,
            omit_traced_runtime_info=True,
            hide_inputs=False,
            hide_outputs=False,
            hide_metadata=False,
            tracing_mode="langsmith",
            disable_prompt_cache=True,
        )
