"""Logs: every line says what it is about, and nothing that must not be there, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from core.feedback_store import FeedbackStore
from core.secrets import secret_values
from core.settings import Settings
from server.runs.records import Run, RunSpec
from server.telemetry.logs import FIELDS, JsonFormatter, LineFormatter, catch_strays, set_up
from server.telemetry.middleware import request_id_of
from server.telemetry.redact import Redactor
from server.telemetry.scope import SCOPE, Scope, enter_run, short_hash
from tests.support.fakes import FakeSearch
from tests.support.live_server import chat, live

KEY = "vdn_0123456789ab_" + "Zk3-" * 10 + "abc"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.s5tVdN0c1f2"
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
OPENAI = "sk-" + "proj-Ab12" * 4
MAIL = "ada.lovelace@example.org"
PHONE = "+44 20 7946 0958"
CARD = "4111 1111 1111 1111"
IBAN = "GB82 WEST 1234 5698 7654 32"
SSN = "078-05-1120"
ADDRESS = "203.0.113.77"

SECRETS = {
    f"Authorization: Bearer {KEY}": KEY,
    f"{{'authorization': 'Bearer abcdefgh1234'}} {KEY}": "abcdefgh1234",
    "[(b'authorization', b'Basic dXNlcjpwYXNzd29yZA==')]": "dXNlcjpwYXNzd29yZA",
    "x-api-key: 8fj2kd93jd": "8fj2kd93jd",
    "Cookie: session=8fj2kd93jd": "8fj2kd93jd",
    f"the key {KEY} is unknown": KEY,
    f"the token was {JWT}.": JWT,
    f"{AWS} may not list": AWS,
    f"Incorrect API key provided: {OPENAI}": OPENAI,
    "redis://:hunter2secret@cache:6379/0": "hunter2secret",
    "postgresql://ada:hunter2secret@db/x failed": "hunter2secret",
    "GET https://a.example/b?x=1&X-Amz-Signature=abc123def&y=2": "abc123def",
    "GET /v1/runs?access_token=abc123def HTTP/1.1": "abc123def",
    '{"api_key": "plain-and-long"}': "plain-and-long",
    "password='p4ss word'": "p4ss",
    "AccountKey=Zm9vYmFy;End": "Zm9vYmFy",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----": "MIIEow",
    "lsv2_pt_0123456789abcdef0123_ab": "0123456789abcdef0123",
}
PERSONAL = [MAIL, PHONE, CARD, IBAN, SSN, ADDRESS, "2001:db8::8a2e:370:7334"]


@pytest.mark.parametrize(("text", "secret"), SECRETS.items())
def test_secrets_are_masked_wherever_they_usually_stand(text: str, secret: str) -> None:
    masked = Redactor()(text)
    assert secret not in masked
    assert "[secret]" in masked


@pytest.mark.parametrize("data", PERSONAL)
def test_personal_data_is_masked(data: str) -> None:
    masked = Redactor()(f"Cannot call {data} now")
    assert data not in masked
    assert masked.startswith("Cannot call [")


@pytest.mark.parametrize(
    "text",
    [
        "Stopping: new runs are refused, running ones have 30.0 s",
        "Run 3f2a9c0b1d4e4f5a8b7c6d5e4f3a2b1c was taken over by another worker",
        "VIDENCE_MAX_TOKENS is 50000; tokens_in=120 tokens_out=30",
        "127 of 4,825 samples, 12.5% in 2026",
        "at 12:34:56 it listens on ::1, pixels[::2]",
    ],
)
def test_plain_lines_stay_as_they_are(text: str) -> None:
    assert Redactor()(text) == text


def test_secrets_of_the_settings_are_masked_by_value(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        model_api_key="plainword-of-a-key",
        rate_store="redis://:another-plainword@cache/0",
        connectors={"wiki": {"kind": "x", "token": "third-plainword"}},
    )
    masked = Redactor(secret_values(settings))(
        "it says plainword-of-a-key, another-plainword, third-plainword"
    )
    assert masked == "it says [secret], [secret], [secret]"


def test_pixels_and_refused_values_are_cut_out() -> None:
    class Body(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Body.model_validate({"number": "my most private question"})
    masked = Redactor()(f"{caught.value} data:image/png;base64,iVBORw0KGgo= end")
    assert "private" not in masked
    assert "iVBOR" not in masked
    assert "[image] end" in masked


def record(message: str, error: BaseException | None = None, **fields: Any) -> logging.LogRecord:
    found = logging.LogRecord("room", logging.ERROR, "file.py", 1, message, (), None)
    if error is not None:
        try:
            raise error
        except BaseException as raised:  # noqa: BLE001 - to have its traceback
            found.exc_info = (type(raised), raised, raised.__traceback__)
    setattr(found, FIELDS, fields)
    return found


@pytest.fixture
def about_a_run() -> Iterator[None]:
    token = SCOPE.set(Scope(request_id="req-1"))
    spec = RunSpec(question='Does Ada\'s café ship "Mützen"?', declared=("contraband",))
    enter_run(Run("r1", "ada", "t", "k", "running", spec, "2026-01-01T00:00:00.000+00:00"))
    yield
    SCOPE.reset(token)


@pytest.mark.usefixtures("about_a_run")
@pytest.mark.parametrize("kind", [JsonFormatter, LineFormatter])
def test_a_traceback_repeats_neither_the_question_nor_secrets_nor_people(kind: type[LineFormatter]) -> None:
    question = 'Does Ada\'s café ship "Mützen"?'
    error = KeyError(f"{question} of {MAIL} with {KEY}")
    line = kind(Redactor()).format(record(f"Run failed: {question} contraband", error))
    for planted in ("café", "Mützen", "contraband", MAIL, KEY):
        assert planted not in line
    assert "Traceback" in line
    assert "KeyError" in line
    assert "test_logs.py" in line


@pytest.mark.usefixtures("about_a_run")
def test_a_line_says_what_it_is_about() -> None:
    line = json.loads(JsonFormatter(Redactor()).format(record("done", status=200, ms=1.5, route="/v1/x")))
    assert {name: line[name] for name in ("request_id", "run_id", "owner")} == {
        "request_id": "req-1",
        "run_id": "r1",
        "owner": short_hash("ada"),
    }
    assert (line["status"], line["ms"], line["route"], line["level"]) == (200, 1.5, "/v1/x", "ERROR")
    assert "run_id=r1" in LineFormatter(Redactor()).format(record("done"))


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("job-7.part:2", True),
        ("", False),
        ("two words", False),
        ("x" * 65, False),
        ("a\tb", False),
        (KEY[:60], False),
        ("078-05-1120", False),
        ("é", False),
    ],
)
def test_a_request_id_is_taken_only_when_it_is_a_plain_word(given: str, taken: bool) -> None:
    found = request_id_of(Headers({"X-Request-ID": given}))
    assert (found == given) == taken
    assert found


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Log lines as `vidence serve` writes them, as JSON."""
    written = io.StringIO()
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    set_up(Settings(server_log_format="json"), written)
    yield written
    root.handlers[:] = kept
    root.setLevel(level)


def test_what_callers_plant_is_in_no_line_of_a_server(
    tmp_path: Path, lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Blurts(FakeSearch):
        async def run(self, args: Any, context: Any) -> Any:
            raise RuntimeError(f"{self.question} {MAIL} {KEY} {CARD}")

        question = f"Is {MAIL} with {IBAN} and {OPENAI} in the file of Project Nightingale?"

    def broken(*_: Any) -> Any:
        raise ValueError(f"cannot read for {MAIL} at https://ada:hunter2secret@db/x?token=abc123def {KEY}")

    monkeypatch.setattr(FeedbackStore, "get", broken)
    head = {"Authorization": f"Bearer {KEY}", "X-API-Key": KEY, "Cookie": f"s={JWT}", "x-owner": MAIL}
    with live(tmp_path, tool=Blurts()) as client:
        for name in ("uvicorn", "uvicorn.error"):
            logging.getLogger(name).handlers.clear()
            monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        client.headers.update(head)
        events = chat(client, Blurts.question)
        replies = [
            # A connection of its own: after an exception the server closes it.
            httpx.get(f"{client.base_url}/v1/feedback/some-run", headers=head),
            client.get(f"/v1/runs/{KEY}", params={"token": JWT, "mail": MAIL}),
            client.get(f"/v1/{MAIL}/{SSN}"),
            client.post(
                "/v1/runs", json={"question": "x", "images": [{"url": f"https://ada:{JWT}@127.0.0.1/"}]}
            ),
            client.post("/v1/runs", json={"question": 7, "thread_id": MAIL}),
            client.get("/v1/runs", headers={"X-Request-ID": KEY[:60]}),
            client.get("/v1/runs", headers={"X-Request-ID": "mine-1"}),
        ]
    text = lines.getvalue()
    planted = [KEY, KEY[:60], JWT, OPENAI, MAIL, IBAN, CARD, SSN, "hunter2secret", "abc123def", "Nightingale"]
    assert [word for word in planted if word in text] == []
    written = [json.loads(line) for line in text.splitlines()]
    failed = [line for line in written if "error" in line]
    assert any("ValueError" in line["error"] for line in failed), "the traceback is what a log is for"
    check_requests(written, replies)
    run_id = events[0].data["run_id"]
    assert all(line["owner"] == short_hash(MAIL) for line in written if line.get("route") == "/v1/chat")
    assert replies[-1].headers["x-request-id"] == "mine-1"
    assert run_id


def check_requests(written: list[dict[str, Any]], replies: list[httpx.Response]) -> None:
    """Each reply has its line, by the id that it gave back."""
    told = {line["request_id"]: line for line in written if line["logger"] == "vidence.request"}
    for reply in replies:
        line = told[reply.headers["x-request-id"]]
        assert (line["status"], line["method"]) == (reply.status_code, reply.request.method)
        assert line["route"] == "unmatched" or line["route"].startswith("/v1/")
        assert line["ms"] >= 0


def test_probes_are_not_logged(tmp_path: Path, lines: io.StringIO) -> None:
    with live(tmp_path) as client:
        client.get("/metrics")
        client.get("/v1/events/schema")
    routes = [json.loads(line).get("route") for line in lines.getvalue().splitlines()]
    assert "/v1/events/schema" in routes
    assert not {"/health", "/ready", "/metrics"} & set(routes)


def test_what_ends_a_thread_and_what_python_warns_of_is_masked_too(
    lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends() -> None:
        raise ValueError(f"{MAIL} with {KEY}")

    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    try:
        catch_strays()
        thread = threading.Thread(target=ends)
        thread.start()
        thread.join()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn(f"{MAIL} is deprecated", stacklevel=1)
            logging.captureWarnings(False)
    finally:
        logging.captureWarnings(False)
    text = lines.getvalue()
    assert "ValueError" in text
    assert "is deprecated" in text
    assert MAIL not in text
    assert KEY not in text


def test_libraries_do_not_log_the_addresses_they_ask(lines: io.StringIO) -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://eutils/esearch?term=my+private+question")
    assert lines.getvalue() == ""
