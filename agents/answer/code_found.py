"""Answers from pieces of code whose role the index knows: definitions, values, callers, subclasses, files.

What the index says chooses and orders; every claim still quotes the lines themselves and is checked like any
other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from core.contracts import Candidate, Citation, DraftClaim, Evidence
from knowledge.code.query import CodeQuery

_LISTED = 12
_SIGNATURE_LINES = 60


def found_answers(query: CodeQuery, pieces: Sequence[Evidence], need: str) -> list[Candidate]:
    """Return the answer that the index's pieces give to a question, or none."""
    by_role: dict[str, list[Evidence]] = {}
    for item in pieces:
        if "about" in item.metadata or item.metadata.get("role") == "commit":
            by_role.setdefault(str(item.metadata.get("role")), []).append(item)
    answer = _ROUTES.get(query.wish)
    found = answer(by_role) if answer else None
    return [found.model_copy(update={"subquestion_id": need})] if found else []


def place_of(item: Evidence, line: int) -> str:
    """Return `path:line` of a line of the file that a piece of code is from."""
    return f"{item.locator.path or item.source}:{line}"


def cited_at(item: Evidence, line: int) -> str:
    """Return the place for people, with the commit or release that it stands at."""
    at = item.locator.commit
    return f"{place_of(item, line)} at {at[:12] if '==' not in at else at}" if at else place_of(item, line)


def _about(item: Evidence) -> dict[str, Any]:
    about: dict[str, Any] = item.metadata["about"]
    return about


def line_of(item: Evidence, number: int) -> str:
    """Return a line of a piece by its number in the file, or an empty text."""
    if item.locator.lines is None:
        return ""
    lines = item.content.split("\n")
    place = number - item.locator.lines[0]
    return lines[place].strip() if 0 <= place < len(lines) else ""


def _definition(roles: dict[str, list[Evidence]]) -> Candidate | None:
    """The place where the name is defined."""
    return _at(roles.get("definition", []), place_of)


def _file(roles: dict[str, list[Evidence]]) -> Candidate | None:
    pieces = roles.get("definition")
    return _at(
        pieces or roles.get("file", []), lambda item, _: item.locator.path or item.source, known=bool(pieces)
    )


def _place(roles: dict[str, list[Evidence]]) -> Candidate | None:
    return _definition(roles) or _at(roles.get("file", []), place_of, known=False)


def _at(
    pieces: Sequence[Evidence], short: Callable[[Evidence, int], str], *, known: bool = True
) -> Candidate | None:
    """Return the first piece's line as the answer; one that was ranked, not known, is less sure."""
    for item in pieces:
        number = int(_about(item)["line"])
        line = line_of(item, number)
        if line:
            return _candidate(
                f"{line} ({cited_at(item, number)})",
                short(item, number),
                [(line, item, [line])],
                0.97 if known else 0.75,
            )
    return None


def _value(roles: dict[str, list[Evidence]]) -> Candidate | None:
    for item in roles.get("value", []):
        about = _about(item)
        value, name = about.get("value"), str(about["name"])
        if value is None:
            continue
        number, line = _assigning(item, name)
        if line:
            short = _field_default(str(value))
            return _candidate(
                f"{line.rstrip(',')} ({cited_at(item, number)})", short, [(line, item, [line])], 0.97
            )
    return None


def _assigning(item: Evidence, name: str) -> tuple[int, str]:
    """Return the number and text of the line of a piece that gives a name its value."""
    first = item.locator.lines[0] if item.locator.lines else 1
    form = re.compile(rf"(?<![\w.]){re.escape(name)}\s*(?::[^=]*)?=(?!=)")
    for place, line in enumerate(item.content.split("\n")):
        if form.search(line):
            return first + place, line.strip()
    return first, ""


def _field_default(value: str) -> str:
    """Return the default inside `Field(2, ...)` or `field(default=2)`, or the value itself."""
    match = re.match(r"(?:\w+\.)?[Ff]ield\(\s*(?:default\s*=\s*)?([^,()=]+)(?:,|\)$)", value)
    return match.group(1).strip() if match else value


def _arguments(roles: dict[str, list[Evidence]]) -> Candidate | None:
    for item in [*roles.get("arguments", []), *roles.get("definition", [])]:
        about = _about(item)
        if about["symbol"] == "class":
            continue
        signature = _signature(item, int(about["line"]))
        if signature:
            given = [name if value is None else f"{name}={value}" for name, value in about["parameters"]]
            flat = " ".join(signature.split())
            short = ", ".join(given) or "no arguments"
            where = cited_at(item, int(about["line"]))
            return _candidate(f"{flat} ({where})", short, [(flat, item, [signature])], 0.97)
    return None


def _signature(item: Evidence, number: int) -> str:
    """Return a definition's head from `def` to the colon that ends it, as written."""
    if item.locator.lines is None:
        return ""
    lines = item.content.split("\n")[number - item.locator.lines[0] :]
    depth = 0
    for count, line in enumerate(lines[:_SIGNATURE_LINES], 1):
        plain = re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", line)
        depth += sum(plain.count(mark) for mark in "([{") - sum(plain.count(mark) for mark in ")]}")
        if depth == 0 and plain.rstrip().endswith(":"):
            return "\n".join(lines[:count]).strip().rstrip(":")
    return ""


def _callers(roles: dict[str, list[Evidence]]) -> Candidate | None:
    claims: list[tuple[str, Evidence, list[str]]] = []
    names: list[str] = []
    places: list[str] = []
    for item in roles.get("call", [])[:_LISTED]:
        about = _about(item)
        number = int(about["line"])
        line = line_of(item, number)
        if not line:
            continue
        claims.append((line, item, [line]))
        caller = str(about["caller"])
        heads = _heads_of(roles.get("head", []), item.source, caller)
        claims += [(text, head, [text]) for head, text in heads if (text, head, [text]) not in claims]
        # A name is given as far as a line that has it can be quoted.
        shown = ".".join(str(_about(head)["name"]) for head, _ in heads)
        if shown and shown not in names:
            names.append(shown)
        caller = caller or "the top of the file"
        places.append(f"{caller} ({cited_at(item, number)})")
    if not claims:
        return None
    total = int(_about(roles["call"][0])["callers"])
    called = _about(roles["call"][0])["qualified"]
    more = f", and {total - len(places)} more" if total > len(places) else ""
    sure = "" if _about(roles["call"][0])["sure"] else " (by name; the objects' types are not known)"
    return _candidate(
        f"{called} is called by {'; '.join(places)}{more}{sure}", ", ".join(names), claims, 0.96
    )


def _heads_of(pieces: Sequence[Evidence], source: str, caller: str) -> list[tuple[Evidence, str]]:
    """Return the pieces with the lines that name a caller, its class first."""
    found = []
    for item in pieces:
        qualified = str(_about(item)["qualified"])
        if item.source == source and (caller == qualified or caller.startswith(qualified + ".")):
            found.append((qualified, item, line_of(item, int(_about(item)["line"]))))
    return [(item, line) for _, item, line in sorted(found, key=lambda entry: len(entry[0])) if line]


def _subclasses(roles: dict[str, list[Evidence]]) -> Candidate | None:
    pieces = roles.get("subclass", [])[:_LISTED]
    claims, names = [], []
    for item in pieces:
        line = line_of(item, int(_about(item)["line"]))
        if line:
            claims.append((line, item, [line]))
            names.append(str(_about(item)["name"]))
    if not claims:
        return None
    places = "; ".join(
        f"{name} ({cited_at(item, int(_about(item)['line']))})"
        for name, item in zip(names, pieces, strict=False)
    )
    return _candidate(places, ", ".join(dict.fromkeys(names)), claims, 0.96)


def _bases(roles: dict[str, list[Evidence]]) -> Candidate | None:
    for item in roles.get("definition", []):
        about = _about(item)
        line = line_of(item, int(about["line"]))
        if about["symbol"] == "class" and line and about["bases"]:
            short = ", ".join(about["bases"])
            return _candidate(
                f"{line} ({cited_at(item, int(about['line']))})", short, [(line, item, [line])], 0.97
            )
    return None


def _commit(roles: dict[str, list[Evidence]]) -> Candidate | None:
    for item in roles.get("commit", []):
        head, subject = _commit_lines(item.content)
        if head:
            text = f"{subject} ({item.locator.commit})"
            return _candidate(
                text, str(item.locator.commit), [(subject, item, [subject]), (head, item, [head])], 0.9
            )
    return None


def _commit_lines(content: str) -> tuple[str, str]:
    """Return the line with the hash and the subject of a commit (see `knowledge.readers.git_history`)."""
    lines = [line for line in content.split("\n") if line.strip()]
    subject = next((line for line in lines if not re.match(r"(?:commit|date):? ", line, re.I)), "")
    return (lines[0], subject) if lines and subject else ("", "")


def _candidate(
    answer: str, short: str, claims: Sequence[tuple[str, Evidence, list[str]]], score: float
) -> Candidate:
    return Candidate(
        id="code",
        route="extraction",
        answer=answer,
        short_answer=short,
        answer_type="list" if len(claims) > 2 else "text",
        claims=tuple(
            DraftClaim(text=text, citations=tuple(Citation.of(item, quote) for quote in quotes))
            for text, item, quotes in claims
        ),
        score=score,
    )


_ROUTES: dict[str, Callable[[dict[str, list[Evidence]]], Candidate | None]] = {
    "place": _place,
    "file": _file,
    "default": _value,
    "arguments": _arguments,
    "callers": _callers,
    "subclasses": _subclasses,
    "bases": _bases,
    "commit": _commit,
}
