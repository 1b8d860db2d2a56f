"""The HTTP server under load: open streams, kills, cancels, and a model's words. Rates: `http_rate.py`.

    python -m benchmarks.http_streams open [--streams 500]
    python -m benchmarks.http_streams kill [--kills 20]
    python -m benchmarks.http_streams cancel [--streams 40]
    python -m benchmarks.http_streams words [--streams 20]

Everything runs over instant fakes on a loopback port; `words` over a scripted model that streams slowly.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.support.mortal_server import ROOT, Mother, free_port
from tests.support.scripted_openai import Canned, ScriptedOpenAI, scripted_openai
from tests.support.server_load import check, kill_under_load, repeated_calls

QUESTION = {"question": "What is it?"}
PACE_S = 0.02
"""Between two pieces of the scripted model."""
HEAD = '{"can_answer": true, "answer": "'
FIRST = math.ceil(len(f"{HEAD}word ") / Canned.piece)
"""Pieces until its first word is whole."""


@contextlib.contextmanager
def target(kind: str, *options: str) -> Iterator[tuple[int, int]]:
    """Start a server; yields its port and process id once it is ready."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "benchmarks.http_target", kind, str(port), home, *options]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            path = "/ok" if kind == "dev" else "/ready"
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200:
                        break
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


async def lines_of(port: int, path: str, body: dict[str, Any]) -> AsyncIterator[bytes]:
    """POST and yield the lines of the reply: a client that costs next to nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    payload = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n"
    head += "Content-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(payload)}\r\n\r\n".encode() + payload)
    try:
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {await reader.read()!r}")
        while line := await reader.readline():
            yield line
    finally:
        writer.close()


async def hold(port: int, opened: asyncio.Semaphore, beats: list[float], stop: asyncio.Event) -> None:
    """Open a stream and note the time of every heartbeat."""
    last = 0.0
    async for line in lines_of(port, "/v1/chat", QUESTION):
        if line.startswith(b"event: run.started"):
            opened.release()
        if line.startswith(b": heartbeat"):
            now = time.monotonic()
            if last:
                beats.append(now - last)
            last = now
        if stop.is_set():
            return


async def open_streams(port: int, pid: int, count: int) -> dict[str, Any]:
    """Open streams of runs that take long, and see what each costs."""
    with contextlib.suppress(StopAsyncIteration):
        warm = lines_of(port, "/v1/chat", QUESTION)
        await anext(warm)
        await warm.aclose()
    before = rss_mb(pid)
    opened, beats, stop = asyncio.Semaphore(0), [], asyncio.Event()
    tasks = [asyncio.create_task(hold(port, opened, beats, stop)) for _ in range(count)]
    begun = time.monotonic()
    for _ in range(count):
        await asyncio.wait_for(opened.acquire(), 120)
    took = time.monotonic() - begun
    await asyncio.sleep(5)
    cpu, after = cpu_s(pid), rss_mb(pid)
    await asyncio.sleep(10)
    busy = (cpu_s(pid) - cpu) / 10
    stop.set()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return {
        "streams": count,
        "opened_s": round(took, 1),
        "kb_a_stream": round((after - before) * 1024 / count, 1),
        "rss_mb": round(after),
        "cpu_share_idle": round(busy, 3),
        "heartbeat_s": {"p50": spread(beats, 50), "p99": spread(beats, 99), "max": round(max(beats), 2)},
    }


async def cancel_one(port: int) -> float:
    """Start a run, cancel it inside a tool, and return seconds until its stream says that it ended."""
    run_id, begun = "", 0.0
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        async for line in lines_of(port, "/v1/chat", QUESTION):
            if line.startswith(b"data: ") and not run_id:
                run_id = json.loads(line[6:])["run_id"]
            if b'"node":"act"' in line and not begun:
                begun = time.monotonic()
                cancelling = asyncio.create_task(client.post(f"/v1/runs/{run_id}/cancel"))
        took = time.monotonic() - begun
        assert (await cancelling).json()["status"] == "cancelled"
    return took


async def cancels(port: int, count: int) -> dict[str, Any]:
    """Cancel runs four at a time."""
    times: list[float] = []
    for _ in range(count // 4):
        times += await asyncio.gather(*(cancel_one(port) for _ in range(4)))
    return {"cancels": len(times), **{f"p{at}_ms": spread(times, at, 1000) for at in (50, 95, 99)}}


def spread(values: list[float], percent: int, scale: float = 1.0) -> float:
    """Return a percentile."""
    if len(values) < 2:
        return 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1] * scale, 2)


async def words(port: int, model: ScriptedOpenAI, count: int) -> dict[str, Any]:
    """Let a model write slowly; how soon its words come, and how soon it stops when the run is cancelled."""
    lag: list[float] = []
    closed: list[float] = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for _ in range(count):
            run_id = ""
            model.sent.clear()
            model.left.clear()
            async for line in lines_of(port, "/v1/chat", QUESTION):
                if line.startswith(b"data: ") and not run_id:
                    run_id = json.loads(line[6:])["run_id"]
                if b'"checked":false' in line:
                    # What the model has sent beyond its first word, at its pace.
                    lag.append((len(model.sent) - FIRST) * PACE_S)
                    begun = time.monotonic()
                    await client.post(f"/v1/runs/{run_id}/cancel")
                    break
            await asyncio.to_thread(model.left.wait, 60)
            closed.append(model.left_at[-1] - begun)
    return {
        "runs": count,
        "first_word_lag_ms": {f"p{at}": spread(lag, at, 1000) for at in (50, 95)},
        "stream_closed_ms": {f"p{at}": spread(closed, at, 1000) for at in (50, 95, 99)},
    }


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("open", "kill", "cancel", "words"))
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if args.what == "open":
        options = ("--tool-seconds", "120", "--heartbeat", "1", "--max-runs", str(args.streams + 8))
        with target("ours", *options) as (port, pid):
            print(json.dumps(asyncio.run(open_streams(port, pid, args.streams))))
    elif args.what == "cancel":
        with target("ours", "--tool-seconds", "30") as (port, _):
            print(json.dumps(asyncio.run(cancels(port, args.streams))))
    elif args.what == "kill":
        with tempfile.TemporaryDirectory() as home:
            mother = Mother()
            load, nursery = kill_under_load(mother, Path(home), args.kills, seed=args.seed)
            statuses = check(load, nursery)
            calls, again = repeated_calls(nursery)
            nursery.kill()
            mother.close()
        found = {"kills": args.kills, "accepted": len(load.accepted), "statuses": statuses}
        found |= {"rated": len(load.rated)}
        found |= {"followed_across_kills": len(load.followed), "tool_calls": calls, "called_again": again}
        print(json.dumps(found))
    else:
        slow = Canned(f'{HEAD}{"word " * 2_000}"}}', pace_s=PACE_S)
        with scripted_openai(slow) as model, target("ours", "--answerer", model.setting) as (port, _):
            print(json.dumps(asyncio.run(words(port, model, args.streams))))


if __name__ == "__main__":
    main()
