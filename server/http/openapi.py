"""What `/openapi.json` says beyond what the routes tell of themselves: plain summaries and examples."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI

from server.http.examples import EXAMPLES, INLINE, PARAMETERS
from server.http.problem import MEDIA_TYPE
from server.security.access import permissions

_END = re.compile(r"\.\s|\.$|[;:\n]")
METHODS = ("get", "post", "put", "patch", "delete")


_KEYS = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key (`vidence keys create`), or a token of the OpenID provider of the settings.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A key, as of `bearer`."},
}
"""How a caller says who it is; asked for where `server_auth` is `keys`."""


def install(app: FastAPI, *, keys: bool = False) -> None:
    """Let the application describe itself with summaries and examples.

    Args:
        app: With all its routes.
        keys: Whether callers need a key: operations then say so, with the permission that they ask for.
    """
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        return app.openapi_schema or secured(completed(describe()), permissions(app), keys)

    app.openapi = openapi  # type: ignore[method-assign]


def secured(spec: dict[str, Any], asked: dict[tuple[str, str], str], keys: bool) -> dict[str, Any]:
    """Return a description that says which permission each operation asks for, and how a key is sent."""
    spec["components"]["securitySchemes"] = _KEYS
    for (method, path), permission in asked.items():
        operation = spec["paths"].get(path, {}).get(method.lower())
        if operation is not None:
            operation["x-permission"] = permission
            if keys:
                operation["security"] = [{name: [permission]} for name in _KEYS]
    return spec


def completed(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a description with the first sentence of each operation as its summary, and with examples."""
    schemas = spec["components"]["schemas"]
    for name, schema in schemas.items():
        # Two classes of one name get their modules before it.
        example = EXAMPLES.get(_known_by(name))
        if example is not None:
            schema["examples"] = [example]
    for path, operations in spec["paths"].items():
        for method in METHODS:
            if method in operations:
                _complete(operations[method], INLINE.get(f"{method.upper()} {path}", {}))
    return spec


def contents(operation: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the bodies that an operation takes and returns when it goes well: media type and description."""
    good = [reply for status, reply in operation["responses"].items() if status < "400"]
    bodies = [operation.get("requestBody", {}), *good]
    return [item for body in bodies for item in body.get("content", {}).items()]


def _known_by(name: str) -> str:
    return "ComparePair" if name.endswith("evals__CompareRequest") else name.rpartition("__")[2]


def _complete(operation: dict[str, Any], inline: dict[str, Any]) -> None:
    operation["summary"] = _END.split(operation.get("description", ""), maxsplit=1)[0]
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in PARAMETERS:
            parameter["example"] = PARAMETERS[parameter["name"]]
    for reply in operation["responses"].values():
        if MEDIA_TYPE in reply.get("content", {}):
            # FastAPI adds it for every model; a failure is never plain JSON.
            reply["content"].pop("application/json", None)
    for media, body in contents(operation):
        if media in inline and "$ref" not in body["schema"]:
            body["example"] = inline[media]
