"""Permissions and the roles that have them. A key may have fewer than its role."""

from __future__ import annotations

from typing import Literal, get_args

Permission = Literal["read", "ask", "search", "index", "evaluate", "train", "metrics", "keys", "audit"]
Role = Literal["admin", "researcher", "operator", "viewer"]

PERMISSIONS: dict[Permission, str] = {
    "read": "see one's own runs, threads, images and the models",
    "ask": "start, answer and cancel runs, upload images, rate answers",
    "search": "search collections and use the embedded models directly",
    "index": "build and drop collections",
    "evaluate": "run evaluations and make data sets of them",
    "train": "start and stop training jobs",
    "metrics": "see what the server measures",
    "keys": "make and revoke API keys",
    "audit": "read the audit log",
}

_VIEWER: frozenset[Permission] = frozenset({"read", "search"})
_OPERATOR: frozenset[Permission] = _VIEWER | {"ask", "metrics"}
_RESEARCHER: frozenset[Permission] = _VIEWER | {"ask", "index", "evaluate", "train"}

ROLES: dict[Role, frozenset[Permission]] = {
    "admin": frozenset(get_args(Permission)),
    "researcher": _RESEARCHER,
    "operator": _OPERATOR,
    "viewer": _VIEWER,
}
