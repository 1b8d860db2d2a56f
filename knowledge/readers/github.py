"""GitHub issues, pull requests, comments and reviews from exported JSON, one document an issue.

Two shapes are read: the REST API's (`/issues`, `/pulls`, `/issues/comments`, `/pulls/comments`, as `gh api`
saves them) and that of `gh issue list --json` and `gh pr list --json`, whose comments are inside. Comments of
a file of their own make a document of the issue that they name.

A login is kept for each author, because who said something is part of what was said, and a login is what
GitHub shows under it; names, e-mail addresses, avatars, ids and reactions are not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from core.contracts import Locator
from knowledge.readers.cutting import markdown_sections, split_text
from knowledge.records import FileFailure, Piece, SourceDocument

_URL = re.compile(r"(?:github\.com|/repos)/([\w.-]+/[\w.-]+)/(issues|pull|pulls)/(\d+)")
_LISTS = ("issues", "pulls", "pull_requests", "comments", "review_comments", "reviews", "items", "nodes")
_MAX_LABELS = 30
Thing = Mapping[str, Any]


@dataclass
class Issue:
    """An issue or pull request with all that was said on it."""

    repo: str
    number: int
    head: Thing = field(default_factory=dict)
    comments: list[Thing] = field(default_factory=list)

    @property
    def is_pull(self) -> bool:
        """Whether this is a pull request."""
        marks = {"pull_request", "merged_at", "mergedAt", "baseRefName", "diff_url", "headRefName"}
        return bool(marks & self.head.keys()) or any(_is_review(item) for item in self.comments)

    @property
    def name(self) -> str:
        """What people call it: `owner/repo#12`."""
        return f"{self.repo}#{self.number}"


def is_github(item: Any) -> bool:
    """Return whether an object is an issue, a pull request or a comment on one."""
    if not isinstance(item, dict):
        return False
    if isinstance(item.get("number"), int) and isinstance(item.get("title"), str):
        return bool({"state", "body", "html_url", "author", "user"} & item.keys())
    return isinstance(item.get("body"), str) and _target(item) is not None


def github_objects(body: Any) -> list[dict[str, Any]]:
    """Return the GitHub objects of a JSON file: a list of them, one of them, or lists under known names."""
    if isinstance(body, list):
        return body if body and all(is_github(item) for item in body) else []
    if not isinstance(body, dict):
        return []
    if is_github(body):
        return [body]
    listed = [item for name in _LISTS for item in body.get(name) or [] if isinstance(body.get(name), list)]
    return listed if listed and all(is_github(item) for item in listed) else []


def github_documents(path: Path, objects: Sequence[Thing]) -> Iterator[SourceDocument | FileFailure]:
    """Yield a document for each issue or pull request that the objects are of."""
    for issue in _issues(path, objects).values():
        said = [issue.head, *issue.comments]
        head = issue.head
        yield SourceDocument(
            source=f"{path}#{issue.name}",
            doc_id=issue.name,
            title=_title(issue),
            sha256=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
            pieces=partial(_pieces, path, issue),
            metadata=_plain(
                {
                    "number": issue.number,
                    "repo": issue.repo,
                    "type": "pull_request" if issue.is_pull else "issue",
                    "state": str(head.get("state") or "").lower(),
                    "labels": ", ".join(_labels(head)),
                    "author": _author(head),
                    "url": _web(head) or (f"https://github.com/{issue.repo}/issues/{issue.number}"),
                    "created": head.get("created_at") or head.get("createdAt"),
                    "comments": len(issue.comments),
                }
            ),
        )


def _issues(path: Path, objects: Sequence[Thing]) -> dict[tuple[str, int], Issue]:
    found: dict[tuple[str, int], Issue] = {}
    for item in objects:
        place = _target(item)
        number = item.get("number") if isinstance(item.get("number"), int) else None
        repo, number = place or (path.stem, number or 0)
        issue = found.setdefault((repo, number), Issue(repo, number))
        if "title" in item:
            issue.head = item
            inside = [item.get(name) for name in ("comments", "review_comments", "reviews")]
            issue.comments += [one for group in inside if isinstance(group, list) for one in group]
        else:
            issue.comments.append(item)
    for issue in found.values():
        issue.comments = [item for item in issue.comments if isinstance(item, dict) and _body(item)]
        issue.comments.sort(key=_said_at)
    return found


def _said_at(item: Thing) -> str:
    names = ("created_at", "createdAt", "submitted_at", "submittedAt")
    return next((str(item[name]) for name in names if item.get(name)), "")


def _target(item: Thing) -> tuple[str, int] | None:
    """Return the repository and number that an object is of, from its addresses."""
    for name in ("issue_url", "pull_request_url", "html_url", "url"):
        found = _URL.search(str(item.get(name) or ""))
        if found:
            return found[1], int(found[3])
    return None


def _pieces(path: Path, issue: Issue) -> list[Piece]:
    title = _title(issue)
    pieces = _said(path, _body(issue.head), title, f"#{issue.number} by {_author(issue.head)}")
    if not pieces and (issue.head or not issue.comments):
        pieces = [Piece(title, "passage", Locator(path=str(path), section=f"#{issue.number}"))]
    for number, comment in enumerate(issue.comments, start=1):
        what = "review comment" if _is_review(comment) else "comment"
        section = f"#{issue.number} {what} {number} by {_author(comment)}"
        said = _said(path, _body(comment), title, section)
        if comment.get("path"):
            said = [replace(piece, locator=_code_place(piece.locator, comment)) for piece in said]
        pieces += said
    return pieces


def _said(path: Path, text: str, title: str, section: str) -> list[Piece]:
    return [
        replace(
            piece,
            locator=Locator(path=str(path), section=section),
            # The heading inside a comment is searched with it; who wrote it is no help to find it.
            title=" > ".join(part for part in (title, piece.locator.section) if part),
        )
        for piece in split_text(text, sections=markdown_sections(text), path=str(path), lines=False)
    ]


def _code_place(place: Locator, comment: Thing) -> Locator:
    """Return where in the code a review comment stands: its file, lines and commit."""
    last = next(
        (comment[name] for name in ("line", "original_line") if isinstance(comment.get(name), int)), None
    )
    first = next(
        (
            comment[name]
            for name in ("start_line", "original_start_line")
            if isinstance(comment.get(name), int)
        ),
        last,
    )
    commit = comment.get("commit_id") or comment.get("original_commit_id")
    return place.model_copy(
        update={
            "path": str(comment["path"]),
            "lines": (min(first, last), last) if last and first else None,
            "commit": str(commit) if commit else None,
        }
    )


def _is_review(item: Thing) -> bool:
    return bool({"pull_request_url", "diff_hunk", "path", "submittedAt"} & item.keys())


def _title(issue: Issue) -> str:
    title = str(issue.head.get("title") or "").strip()
    return f"{issue.name} {title}".strip()


def _body(item: Thing) -> str:
    text = str(item.get("body") or "").replace("\r\n", "\n")
    # Templates leave comments that nobody sees.
    return re.sub(r"<!--.*?-->", "", text, flags=re.S).strip()


def _author(item: Thing) -> str:
    person = item.get("user") or item.get("author")
    login = person.get("login") if isinstance(person, dict) else person
    return str(login or "unknown")


def _web(item: Thing) -> str:
    url = str(item.get("html_url") or item.get("url") or "")
    return url if "api.github.com" not in url else ""


def _labels(item: Thing) -> list[str]:
    labels = item.get("labels")
    if not isinstance(labels, list):
        return []
    names = [label.get("name") if isinstance(label, dict) else label for label in labels[:_MAX_LABELS]]
    return [str(name) for name in names if name]


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}
