"""`vidence keys`: API keys of the HTTP server, and the log of who changed what."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Any, TypeVar, cast

import typer
from rich.markup import escape
from rich.table import Table

from core.errors import invalid_input
from core.settings import load_settings
from server.cli.output import emit_json, handle_errors, out_console
from server.cli.serve import missing_package
from server.security.audit import AuditLog
from server.security.keys import KeyStore
from server.security.roles import PERMISSIONS, ROLES

T = TypeVar("T")
ACTOR = "the command line"

app = typer.Typer(no_args_is_help=True)


class RoleName(StrEnum):
    """What a key may do."""

    admin = "admin"
    researcher = "researcher"
    operator = "operator"
    viewer = "viewer"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[RoleName, typer.Option(help="See: vidence keys roles.")] = RoleName.viewer,
    owner: Annotated[str, typer.Option(help="Whose objects it sees; by default its name.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="Allow only this, of what the role allows; again for more.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires.", min=0.001)] = None,
    as_json: Json = False,
) -> None:
    """Make a key and print it: this once, because only its hash is kept.

    For example:

      vidence keys create chat-page --role operator --days 90
    """
    with handle_errors(as_json):
        unknown = [one for one in scope or () if one not in PERMISSIONS]
        if unknown:
            raise invalid_input(f"Unknown scope {unknown[0]}", help=f"Known: {', '.join(PERMISSIONS)}.")

        async def work(keys: KeyStore, log: AuditLog) -> tuple[Any, str]:
            scopes = cast("list[Any]", scope or [])
            key, secret = await keys.create(name, owner or name, role.value, scopes=scopes, days=days)
            await log.append(ACTOR, "key.created", key.key_id, owner=key.owner, role=key.role)
            return key, secret

        key, secret = _with_stores(work)
        if as_json:
            emit_json({"key": key.model_dump(), "secret": secret})
        else:
            out_console().print(secret, highlight=False, soft_wrap=True)


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the keys, without their secrets."""
    with handle_errors(as_json):

        async def work(keys: KeyStore, log: AuditLog) -> list[Any]:
            return await keys.list()

        found = _with_stores(work)
        if as_json:
            emit_json({"keys": [key.model_dump() for key in found]})
            return
        table = Table("id", "name", "owner", "role", "created", "expires", "revoked", "last used")
        for key in found:
            cells = (key.key_id, key.name, key.owner, key.role)
            times = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
            table.add_row(*(escape(cell) for cell in cells), *(time[:16] for time in times))
        out_console().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="See: vidence keys list.")], as_json: Json = False
) -> None:
    """Revoke a key: its next request is refused."""
    with handle_errors(as_json):

        async def work(keys: KeyStore, log: AuditLog) -> Any:
            key = await keys.revoke(key_id)
            await log.append(ACTOR, "key.revoked", key.key_id)
            return key

        key = _with_stores(work)
        if as_json:
            emit_json(key.model_dump())
        else:
            out_console().print(f"Revoked {key.key_id} ({escape(key.name)})")


@app.command()
def roles(as_json: Json = False) -> None:
    """Show what each role may do."""
    with handle_errors(as_json):
        if as_json:
            emit_json({role: sorted(held) for role, held in ROLES.items()})
            return
        table = Table("permission", "to", *ROLES)
        for permission, meaning in PERMISSIONS.items():
            marks = ("yes" if permission in held else "" for held in ROLES.values())
            table.add_row(permission, meaning, *marks)
        out_console().print(table)


@app.command()
def log(
    check: Annotated[
        bool, typer.Option("--check", help="Compute the chain again; exit 1 when broken.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the audit log, or check that no entry of it was changed."""
    with handle_errors(as_json):

        async def work(keys: KeyStore, audit: AuditLog) -> tuple[Any, Any]:
            return await audit.read(limit=limit), await audit.check() if check else None

        entries, found = _with_stores(work)
        if as_json:
            shown = {"check": found.model_dump()} if found else {}
            emit_json({"entries": [entry.model_dump() for entry in entries], **shown})
        else:
            for entry in entries:
                text = (
                    f"{entry.seq} {entry.at} {entry.actor} {entry.action} {entry.object} {entry.detail or ''}"
                )
                out_console().print(escape(text), highlight=False, soft_wrap=True)
            if found:
                state = "whole" if found.ok else f"BROKEN at entry {found.broken_at}"
                out_console().print(f"The chain of {found.entries} entries is {state}; head {found.head}")
        if found and not found.ok:
            raise typer.Exit(1)


def _with_stores(work: Callable[[KeyStore, AuditLog], Awaitable[T]]) -> T:
    async def run() -> T:
        from server.storage.stores import open_database

        database = open_database(load_settings())
        await database.open()
        try:
            return await work(KeyStore(database), AuditLog(database))
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except ImportError as error:
        raise missing_package(error) from error
