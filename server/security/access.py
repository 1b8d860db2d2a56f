"""Who may call what, as a table: `python -m server.security.access` renews docs/access.md from the routes.

A test holds every row against a running server: a route that is new, or asks for something else, is seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from server.security.roles import ROLES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "access.md"
CALLERS = ("no key", "wrong", "expired", "revoked", *ROLES)
OWNED = frozenset({"run_id", "thread_id", "image_id", "job_id"})
"""Parts of an address that name what one owner made; for others it is not there."""
SHARED = frozenset({"collection", "key_id", "name"})
"""Parts that name what all callers with the permission share: collections, keys, files of the page."""
OWN_LISTS = frozenset({"/v1/runs", "/v1/threads", "/v1/eval/run", "/v1/train/jobs"})
"""Lists that hold what the caller made and nothing else."""
NAMES_OWNED = frozenset({"/v1/feedback", "/v1/eval/compare"})
"""Routes whose body names a run, or jobs."""
_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")
_HEAD = """# Who may call what

Written by `python -m server.security.access`; `pytest tests/server/test_matrix.py` holds each row against a
running server with keys (`VIDENCE_SERVER_AUTH=keys`). Each route also answers under `/api/v1`.

`401`: the server does not know who calls. `403`: the key's role or its scopes lack the permission. `yes`: the
request is taken. Another owner's things are not found (`404`), whatever the role; `404 (image_id)`: so is an
image of another that a body names. `own`: a list of the caller's own things. `shared`: with all who have the
permission. `/openapi.json` is open to everybody, as it is in the source.

"""


@dataclass(frozen=True)
class Row:
    """A route: what it asks for, and what another owner's key sees of the caller's things."""

    method: str
    path: str
    permission: str
    others: str

    def answer(self, caller: str) -> str:
        """Return what a caller of `CALLERS` gets: `401`, `403` or `yes`."""
        if not self.permission:
            return "yes"
        held = {str(role): permissions for role, permissions in ROLES.items()}.get(caller)
        if held is None:
            return "401"
        return "yes" if self.permission in held else "403"


def rows(app: FastAPI) -> list[Row]:
    """Return a row for every route and method, in the order of the addresses."""
    document = app.openapi()
    found = [
        Row(method, route.path, _permission(route), _others(method, route.path, document))
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute) and route.path and not route.path.startswith("/api/")
        for method in sorted(set(route.methods or ()) - {"HEAD"})  # answered as GET is
    ]
    return sorted(found, key=lambda row: (row.path, row.method))


def permissions(app: FastAPI) -> dict[tuple[str, str], str]:
    """Return the permission of every route that asks for one, by its method and address."""
    return {
        (method, route.path): asked
        for route in iter_route_contexts(app.routes)
        if isinstance(route.original_route, APIRoute) and route.path and (asked := _permission(route))
        for method in route.methods or ()
    }


def table(app: FastAPI) -> str:
    """Return the document."""
    head = ("route", "permission", *CALLERS, "another owner")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in rows(app):
        answers = [row.answer(caller) for caller in CALLERS]
        cells = (f"`{row.method} {row.path}`", row.permission or "none", *answers, row.others)
        lines.append(f"| {' | '.join(cells)} |")
    return _HEAD + "\n".join(lines) + "\n"


def _permission(route: RouteContext) -> str:
    asked = {scope for item in _dependants(route.dependant) for scope in item.own_oauth_scopes or ()}
    assert len(asked) <= 1, f"{route.path} asks for several permissions"
    return next(iter(asked), "")


def _dependants(dependant: Any) -> Iterator[Any]:
    yield dependant
    for child in dependant.dependencies:
        yield from _dependants(child)


def _others(method: str, path: str, document: dict[str, Any]) -> str:
    named = set(_PARAMETER.findall(path))
    unknown = named - OWNED - SHARED
    if unknown:
        raise ValueError(
            f"{path}: say in server/security/access.py whether {unknown} has an owner or is shared"
        )
    if named & OWNED or path in NAMES_OWNED and method == "POST":  # noqa: RUF021
        return "404"
    if named & SHARED:
        return "shared"
    if method == "GET" and path in OWN_LISTS:
        return "own"
    operation = document["paths"].get(path, {}).get(method.lower(), {})
    body = operation.get("requestBody", {})
    return "404 (image_id)" if mentions(body, document, lambda name, _: name == "ImageSource") else "-"


def mentions(
    part: Any,
    document: dict[str, Any],
    wanted: Callable[[str, dict[str, Any]], bool],
    seen: tuple[str, ...] = (),
) -> bool:
    """Whether a part of an OpenAPI document leads to a schema that is wanted, told by its name and itself."""
    if isinstance(part, list):
        return any(mentions(item, document, wanted, seen) for item in part)
    if not isinstance(part, dict):
        return False
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        body = document["components"]["schemas"][name]
        return wanted(name, body) or mentions(body, document, wanted, (*seen, name))
    return mentions(list(part.values()), document, wanted, seen)


if __name__ == "__main__":
    from core.settings import Settings
    from server.app import create_app

    DOCUMENT.write_text(table(create_app(Settings())), encoding="utf-8")
