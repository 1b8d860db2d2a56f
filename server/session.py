"""One question from start to end: open the graph with its checkpointer, stream it, return the result."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from filelock import Timeout as FileLockTimeout

from core.contracts import InputRequired, RunResult
from core.errors import VidenceError, invalid_input, not_found
from core.run_store import SqliteRunStore
from core.settings import Settings

if TYPE_CHECKING:
    from graph.services import Services

Listener = Callable[[str, dict[str, Any]], None]
"""Called with a node's name and the update it returned."""


@dataclass(frozen=True)
class AskRequest:
    """What `vidence ask` was given."""

    question: str = ""
    images: tuple[str, ...] = ()
    profile: str = ""
    collections: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    thread_id: str = ""
    resume: bool = False
    reply: str | None = None


async def ask(settings: Settings, request: AskRequest, listen: Listener) -> RunResult:
    """Run, resume or answer a waiting run.

    Raises:
        VidenceError: for invalid input, an unknown thread, or a run that failed.
    """
    if (request.resume or request.reply is not None) and not request.thread_id:
        raise invalid_input("--resume and --reply need --thread ID", "Name the thread.")
    thread_id = request.thread_id or uuid.uuid4().hex[:12]
    requests = RequestLog(settings.root / "requests.db")
    lock = await asyncio.to_thread(_thread_lock, settings.root / "locks", thread_id)
    try:
        if not request.resume and request.reply is None:
            # Before anything heavy is imported: a kill from here on can be resumed.
            await asyncio.to_thread(requests.put, thread_id, _input(request, thread_id))
        services = await asyncio.to_thread(_open, settings)
        try:
            return await _drive(settings, services, requests, request, thread_id, listen)
        finally:
            await asyncio.to_thread(services.close)
    finally:
        await asyncio.to_thread(lock.release)


def _open(settings: Settings) -> Services:
    """Import and open in a thread: both read files."""
    import graph.app
    import graph.services

    return graph.services.open_services(settings)


def _thread_lock(folder: Path, thread_id: str) -> FileLock:
    """Hold a thread for this process; the lock goes with the process, even when it is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(
        folder / hashlib.sha256(thread_id.encode()).hexdigest()[:32], timeout=0, thread_local=False
    )
    try:
        lock.acquire()
    except FileLockTimeout:
        raise VidenceError(
            "blocked",
            f"Thread `{thread_id}` is running in another process",
            help="Wait for it to end, or ask on another thread.",
            retryable=True,
        ) from None
    return lock


async def _drive(
    settings: Settings,
    services: Services,
    requests: RequestLog,
    request: AskRequest,
    thread_id: str,
    listen: Listener,
) -> RunResult:
    from langgraph.types import Command

    from graph.app import build_graph

    async with open_checkpointer(settings.root / "checkpoints.db") as checkpointer:
        graph = build_graph(settings, checkpointer=checkpointer, services=services)
        config: Any = {
            "configurable": {"thread_id": thread_id},
            "recursion_limit": settings.max_steps * 4,
        }
        payload: Any = None
        if request.resume or request.reply is not None:
            snapshot = await graph.aget_state(config)
            waiting = _waiting(snapshot)
            asked = await asyncio.to_thread(requests.get, thread_id)
            if not snapshot.values and asked is None:
                raise not_found(
                    f"No run to resume on thread `{thread_id}`",
                    help="Check the id, or ask again without --resume.",
                )
            if asked is not None and snapshot.values.get("run_id") != asked["run_id"]:
                # The process died before the run's first checkpoint: what was asked is on record.
                payload = asked
            elif request.reply is not None:
                if waiting is None:
                    raise invalid_input(
                        f"Thread `{thread_id}` is not waiting for a reply", "Leave --reply out."
                    )
                payload = Command(resume=request.reply)
            elif waiting is not None:
                return _input_required(snapshot, waiting, thread_id)
            elif not snapshot.tasks:  # not `next`: that leaves out tasks that ended without a checkpoint
                return await _finished(services, snapshot)
        else:
            payload = await asyncio.to_thread(requests.get, thread_id)
        await _run(graph, payload, config, listen)
        snapshot = await graph.aget_state(config)
        waiting = _waiting(snapshot)
        if waiting is not None:
            return _input_required(snapshot, waiting, thread_id)
        return await _finished(services, snapshot)


async def _run(graph: Any, payload: Any, config: Any, listen: Listener) -> None:
    """Run the graph to its end or to an interrupt; raises `timeout` where a step took too long."""
    from langgraph.errors import NodeTimeoutError

    try:
        async for update in graph.astream(payload, config, stream_mode="updates", durability="sync"):
            for node, values in update.items():
                if node != "__interrupt__" and isinstance(values, dict):
                    listen(node, values)
    except NodeTimeoutError as error:
        thread_id = config["configurable"]["thread_id"]
        raise VidenceError(
            "timeout",
            f"The step `{error.node}` took longer than {error.timeout:.0f} s",
            help=f"Go on with --resume --thread {thread_id}, or raise VIDENCE_TOOL_TIMEOUT_S.",
            retryable=True,
        ) from error


def _input(request: AskRequest, thread_id: str) -> dict[str, Any]:
    return {
        "question": request.question,
        "images": [
            {"path": str(Path(path).expanduser().absolute()), "source": path} for path in request.images
        ],
        "profile": request.profile,
        "collections": list(request.collections),
        "declared": list(request.declared),
        "thread_id": thread_id,
        "run_id": uuid.uuid4().hex,
    }


def _waiting(snapshot: Any) -> InputRequired | None:
    for item in snapshot.interrupts:
        return InputRequired(question=item.value["question"], options=tuple(item.value.get("options", ())))
    return None


def _input_required(snapshot: Any, waiting: InputRequired, thread_id: str) -> RunResult:
    from graph.view import subquestions, usage_of

    values = snapshot.values
    return RunResult(
        run_id=values["run_id"],
        thread_id=thread_id,
        status="input_required",
        question=values["question"],
        profile=values.get("profile") or "general",
        input_required=waiting,
        plan=tuple(subquestions(values)),
        steps=tuple(values.get("steps", [])),
        usage=usage_of(values),
    )


async def _finished(services: Services, snapshot: Any) -> RunResult:
    from graph.nodes.respond import build_result

    outcome = snapshot.values.get("outcome") or {}
    if outcome.get("status") == "failed":
        raise VidenceError(**outcome["error"])
    store = services.store
    assert isinstance(store, SqliteRunStore)
    body = await asyncio.to_thread(store.result, snapshot.values["run_id"])
    if body is None:
        # The machine went down before the record reached the disk; the last checkpoint holds all of it.
        return await build_result(snapshot.values, services)
    return RunResult.model_validate_json(body)


@asynccontextmanager
async def open_checkpointer(path: Path) -> AsyncIterator[Any]:
    """Open the SQLite checkpointer with the strict serialiser: plain values only."""
    import aiosqlite
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    async with aiosqlite.connect(path, timeout=30.0) as connection:
        yield AsyncSqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))


class RequestLog:
    """What was asked on each thread, written before anything heavy is imported."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, thread_id: str, body: dict[str, Any]) -> None:
        """Keep the newest request of a thread."""
        with self._open() as connection:
            connection.execute("INSERT OR REPLACE INTO requests VALUES (?, ?)", (thread_id, json.dumps(body)))
        connection.close()

    def get(self, thread_id: str) -> dict[str, Any] | None:
        """Return the newest request of a thread, or None."""
        with self._open() as connection:
            row = connection.execute("SELECT body FROM requests WHERE thread_id = ?", (thread_id,)).fetchone()
        connection.close()
        return json.loads(row[0]) if row else None

    def _open(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self._path, timeout=30.0)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS requests (thread_id TEXT PRIMARY KEY, body TEXT NOT NULL)"
        )
        return connection
