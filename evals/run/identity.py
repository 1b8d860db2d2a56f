"""The code, settings and prompts of this process, as a run's header records them."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from core.secrets import secret_settings
from core.settings import Settings
from evals.run.header import Code

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "models", "knowledge", "tools", "agents", "graph", "evals")
"""An eval runs through these; a change elsewhere cannot change a result."""

_TOLD = "langsmith_"
"""What settings begin with that say where runs are told of: none of them changes an answer."""
_NOT_OURS = {"home", *(name for name in Settings.model_fields if name.startswith(_TOLD))}
_ANSWERING = ("vision", "rag", "llm")
"""The extras whose packages answers depend on, beside those that are always there."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([\w-]+)['"]""")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def code_identity(root: Path | None = None) -> Code:
    """Hash the files of the rooms, and ask git for the commit. Takes about 0.1 s.

    Args:
        root: The checkout or the installed folder; by default where this file is.
    """
    root = root or ROOT
    commit = _git(root, "rev-parse", "HEAD")
    try:
        version = package_version("vidence")
    except PackageNotFoundError:
        version = ""
    dirty = bool(commit) and bool(_git(root, "status", "--porcelain", "--", *ROOMS))
    return Code(
        commit=commit,
        dirty=dirty,
        sha256=hash_rooms(ROOMS, root),
        version=version,
        packages=answering_packages(),
    )


def answering_packages() -> dict[str, str]:
    """Return the versions of the packages that answers depend on; another version may answer otherwise."""
    try:
        wanted = requires("vidence") or []
    except PackageNotFoundError:
        return {}
    found: dict[str, str] = {}
    for line in wanted:
        extra = _EXTRA.search(line)
        name = _NAME.match(line)
        if name is None or (extra is not None and extra[1] not in _ANSWERING):
            continue
        with suppress(PackageNotFoundError):
            found[name[0]] = package_version(name[0])
    return dict(sorted(found.items()))


def hash_rooms(rooms: Iterable[str], root: Path = ROOT) -> str:
    """Return a hash of all files below some folders of the project, names and contents. Blocking."""
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((root / room).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def public_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings without secrets and places, as JSON."""
    body = settings.model_dump(mode="json", exclude=_NOT_OURS)
    hidden = {*secret_settings(), "pubmed_email"}
    return {
        name: "(kept secret)" if value and name in hidden else _public(value) for name, value in body.items()
    }


def _public(value: Any) -> Any:
    if isinstance(value, str):
        return _USER_INFO.sub("", value)
    if isinstance(value, dict):
        # Options of connectors may hold anything, keys included: their names are enough.
        return sorted(value)
    return value


def _git(root: Path, *arguments: str) -> str:
    if not (root / ".git").exists():
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
