"""At which commit, or which release of a package, a source file stands as it was read."""

from __future__ import annotations

import hashlib
import subprocess
from functools import lru_cache
from pathlib import Path

_GIT_SECONDS = 20


def version_of(path: Path) -> str | None:
    """Return the commit that holds a file exactly as it is, else `package==version`, else None.

    A file that was changed since the last commit, or is not tracked, stands at no commit.
    """
    root = checkout_of(path.parent)
    if root is None:
        return _release(path.parent)
    head = _head(root, _stamp(root))
    known = _blobs(root, head).get(path.relative_to(root).as_posix()) if head else None
    if known is None:  # a package that is installed inside a checkout
        return _release(path.parent)
    return head if path.is_file() and known == _blob(path) else None


@lru_cache(maxsize=4096)
def checkout_of(folder: Path) -> Path | None:
    """Return the root of the git checkout that a folder stands in."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return place
    return None


def _stamp(root: Path) -> tuple[int, ...]:
    """Return when the checkout last moved to another commit, so that a kept answer is not an old one."""
    folder = root / ".git"
    if folder.is_file():  # a linked worktree names its folder in a file
        folder = root / folder.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
    places = (folder / "HEAD", folder / "logs" / "HEAD")
    return tuple(place.stat().st_mtime_ns for place in places if place.is_file())


@lru_cache(maxsize=8)
def _head(root: Path, stamp: tuple[int, ...]) -> str:
    return run_git(root, "rev-parse", "HEAD").strip()


@lru_cache(maxsize=8)
def _blobs(root: Path, commit: str) -> dict[str, str]:
    """Return the hash of each file of a commit by its path."""
    listed = run_git(root, "ls-tree", "-r", "-z", commit).split("\0")
    pairs = (entry.partition("\t") for entry in listed if entry)
    return {name: about.split()[2] for about, _, name in pairs}


def _blob(path: Path) -> str:
    """Return git's hash of a file's content."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def run_git(root: Path, *args: str, seconds: int = _GIT_SECONDS) -> str:
    """Return what git prints, or an empty text when it cannot; nothing is written to the checkout."""
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(root), "--no-optional-locks", *args],  # noqa: S607 - git of the PATH
            capture_output=True,
            timeout=seconds,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")


@lru_cache(maxsize=4096)
def _release(folder: Path) -> str | None:
    """Return `package==version` of an installed or unpacked distribution that a folder belongs to."""
    for package in (folder, *folder.parents):
        if not (package / "__init__.py").is_file():
            return None
        if (package.parent / "__init__.py").is_file():
            continue
        wanted = package.name.lower().replace("_", "-")
        for info in package.parent.glob("*.dist-info"):
            name, _, version = info.name.removesuffix(".dist-info").partition("-")
            if name.lower().replace("_", "-") == wanted and version:
                return f"{name}=={version}"
        return None
    return None
