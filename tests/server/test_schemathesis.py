"""Whatever the OpenAPI file allows, and what it does not, is answered as it says: asked by schemathesis.

VIDENCE_SCHEMA_EXAMPLES=200 asks longer, and otherwise each time; by default the same few requests are made.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from PIL import Image
from schemathesis import GenerationMode
from schemathesis import openapi as load
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from core.errors import invalid_input
from core.settings import Settings
from graph.services import Services, open_services
from models.jobs import JOBS
from server.app import create_app
from server.http.problem import MEDIA_TYPE
from tests.support.hash_embedder import HashEmbedder
from tests.support.live_server import ThreeSearches, ended, live

pytestmark = [
    # Both of schemathesis itself.
    pytest.mark.filterwarnings("ignore:Overriding standard format"),
    pytest.mark.filterwarnings("ignore:Do not use the `random` module"),
]
ASKED_FOR = os.environ.get("VIDENCE_SCHEMA_EXAMPLES", "")
EXAMPLES = int(ASKED_FOR or 2)
SCHEMA = load.from_dict(
    create_app(Settings()).openapi(),
    config=SchemathesisConfig(
        projects=ProjectsConfig(
            default=ProjectConfig(generation=GenerationConfig(with_security_parameters=False))
        )
    ),
)
OPERATIONS = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations()}
CONFORMS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
AWAY = (503, 504)
"""What a request may find away: a served model, a network, a server that is busy."""


class NoWorker:
    """Stands for the worker process: measures pixels, and finds neither text nor chart."""

    async def call(self, job: str, **options: Any) -> Any:
        if job == "read_chart":
            raise invalid_input("This is no chart")
        return [] if job == "read_text" else await asyncio.to_thread(JOBS[job], **options)

    def close(self) -> None: ...


def services(config: Settings) -> Services:
    return open_services(config, planner=ThreeSearches(), wrap_embedder=lambda _: HashEmbedder())


@dataclass
class Asked:
    """A server, and things there that requests may name."""

    url: str
    session: requests.Session
    known: dict[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def serving(home: Path, **options: Any) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.hub.WorkerProcess", NoWorker)
        patch.setattr("server.app.JobRunner.start", lambda self: None)  # jobs are queued, not run
        with live(home, open_services=services, identify=None, **options) as client:
            yield client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with serving(tmp_path_factory.mktemp("schema")) as client, requests.Session() as session:
        file = io.BytesIO()
        Image.new("RGB", (32, 24), "red").save(file, "PNG")
        kind = {"content-type": "image/png"}
        image = client.post("/v1/images", content=file.getvalue(), headers=kind).json()["image_id"]
        records = [{"id": "1", "text": "Close the valve first."}]
        client.post("/v1/index/build", json={"collection": "docs", "records": records})
        run = client.post("/v1/runs", json={"question": "What is it?", "thread_id": "t1"}).json()["run_id"]
        ended(client, run)
        waiting = client.post("/v1/runs", json={"question": "ask me"}).json()["run_id"]
        ended(client, waiting)
        job = client.post("/v1/eval/run", json={"suites": ["routing"]}).json()["job_id"]
        known = {"run_id": run, "thread_id": "t1", "image_id": image, "job_id": job, "name": "vidence"}
        yield Asked(str(client.base_url).rstrip("/"), session, known)


def grounded(body: Any, known: dict[str, str]) -> Any:
    """Return a body whose images, runs and collections exist."""
    if isinstance(body, list):
        return [grounded(item, known) for item in body]
    if not isinstance(body, dict):
        return body
    if set(body) & {"data_url", "image_id", "url"}:
        return {"image_id": known["image_id"]}
    named: dict[str, Any] = {"run_id": known["run_id"], "collections": ["docs"]}
    return {name: named.get(name) or grounded(value, known) for name, value in body.items()}


def answer(server: Asked, case: Any, **headers: str) -> Any:
    """Send a request and hold the answer against what the file says of it."""
    reply = case.call(base_url=server.url, session=server.session, headers=headers, timeout=120)
    if reply.status_code in AWAY:
        assert str(reply.status_code) in case.operation.definition.raw["responses"]
        body = reply.json()
        problem = MEDIA_TYPE in reply.headers["content-type"][0] and body["status"] == reply.status_code
        assert problem or set(body) == {"error"}, f"{reply.status_code} without a reason: {body}"
    else:
        assert reply.status_code < 500, reply.text
    case.validate_response(reply, checks=CONFORMS)
    return reply


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_answers_as_its_description_says(server: Asked, name: str, mode: GenerationMode) -> None:
    operation = OPERATIONS[name]
    bare = not operation.body and not any(operation.iter_parameters())
    if bare and mode is GenerationMode.NEGATIVE:
        pytest.skip("nothing can be wrong with it")

    @given(case=operation.as_strategy(generation_mode=mode), ground=st.booleans())
    @settings(
        max_examples=1 if bare else EXAMPLES,
        derandomize=not ASKED_FOR,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, ground: bool) -> None:
        if ground and mode is GenerationMode.POSITIVE:
            case.body = grounded(case.body, server.known)
            parts = case.path_parameters or {}
            case.path_parameters = {part: server.known.get(part, parts[part]) for part in parts}
        answer(server, case)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "no request fits its description"
