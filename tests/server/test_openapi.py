"""`/openapi.json` tells of every operation what it does, what goes wrong, and how its bodies look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.images import ImageStore
from core.settings import Settings
from server.app import create_app
from server.http.examples import EXAMPLES, PARAMETERS
from server.http.openapi import METHODS, contents
from server.http.pictures import decode_data_url

SPEC = create_app(Settings()).openapi()
SCHEMAS = SPEC["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in SPEC["paths"].items()
    for method, operation in operations.items()
    if method in METHODS
}
PUBLIC = {"GET /health", "GET /ready", "GET /v1/events/schema"}
"""Who calls is not asked, and nothing is looked up."""
JSON = ("application/json", "multipart/form-data")


def examples(body: dict[str, Any]) -> list[Any]:
    """Return the examples of a body: its own, or those of the schema that it names."""
    named = SCHEMAS.get(body["schema"].get("$ref", "").rpartition("/")[2], body["schema"])
    return [body["example"]] if "example" in body else list(named.get("examples", ()))


def wrong(example: Any, schema: dict[str, Any]) -> list[str]:
    found = Draft202012Validator({**schema, "components": SPEC["components"]}).iter_errors(example)
    return [f"{'/'.join(map(str, error.path))}: {error.message}" for error in found]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_does_and_what_goes_wrong(name: str) -> None:
    operation = OPERATIONS[name]
    assert 5 < len(operation["summary"]) <= 120, operation["summary"]
    assert operation["description"].startswith(operation["summary"])
    failures = {status for status in operation["responses"] if status >= "400"}
    if name not in PUBLIC:
        assert {"401", "403", "429"} <= failures
    if "requestBody" in operation:
        assert "413" in failures
        assert failures & {"422", "400"}
    for status in failures:
        assert operation["responses"][status]["description"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_of_an_operation_has_an_example_that_its_schema_allows(name: str) -> None:
    for media, body in contents(OPERATIONS[name]):
        if media in JSON:
            assert examples(body), f"{media} of {name}: add one to server/http/examples.py"
        for example in examples(body):
            assert wrong(example, body["schema"]) == []


def test_no_example_is_left_of_a_body_that_is_gone() -> None:
    known = {name.rpartition("__")[2] for name in SCHEMAS} | {"ComparePair", "VqaRequest"}
    assert set(EXAMPLES) - known == set()


def test_every_part_of_an_address_has_an_example() -> None:
    parts = {
        parameter["name"]: parameter
        for operation in OPERATIONS.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "path"
    }
    assert set(parts) == set(PARAMETERS)
    for parameter in parts.values():
        assert wrong(parameter["example"], parameter["schema"]) == []


def test_streams_and_pictures_are_not_told_as_json() -> None:
    told = {name: {media for media, _ in contents(operation)} for name, operation in OPERATIONS.items()}
    assert told["POST /v1/chat"] == {"application/json", "text/event-stream"}, "JSON is what it takes"
    assert told["GET /v1/runs/{run_id}/events"] == {"text/event-stream"}
    assert told["GET /v1/images/{image_id}"] == {"image/png"}
    assert "text/event-stream" in told["POST /v1/chat/completions"]


def test_the_examples_images_can_be_read(tmp_path: Path) -> None:
    """A request that is copied from the description must not fail for its picture."""
    store = ImageStore(tmp_path, max_bytes=10_000, max_pixels=10_000)
    sent = [EXAMPLES["ImageSource"]["data_url"], "data:;base64," + EXAMPLES["InspectRequest"]["image_base64"]]
    for url in sent:
        assert store.add_bytes(decode_data_url(url), source="the example").width == 16
    assert EXAMPLES["ImageSource"] == EXAMPLES["OneImage"]["image"] == EXAMPLES["RunRequest"]["images"][0]


def test_with_keys_every_operation_says_how_to_send_one_and_what_it_must_allow() -> None:
    described = create_app(Settings(server_auth="keys")).openapi()
    schemes = set(described["components"]["securitySchemes"])
    for name in OPERATIONS:
        method, path = name.split()
        operation = described["paths"][path][method.lower()]
        asked = operation.get("security", [])
        if name in PUBLIC:
            assert asked == []
            continue
        assert {scheme for choice in asked for scheme in choice} == schemes, name
        assert {scope for choice in asked for scopes in choice.values() for scope in scopes} == {
            operation["x-permission"]
        }
        assert "security" not in OPERATIONS[name], "a server without keys asks for none"
