"""How soon a run is told of when the server's CPU is 70% busy, beside an echo and LangGraph's server.

    python -m benchmarks.http_rate [--seconds 10] [--dev] [--busy 0.7]

Each server is first asked by so many clients that it takes all the CPU that it can get: its capacity. Then
runs arrive on their own, at random moments, whether or not earlier ones have ended (an open loop: a slow
server is not asked less), at the rate that should take `--busy` of that CPU; the rate is corrected until what
the process took is near it. On a machine that others use too, capacity is what was to be had: the servers,
measured in turn within one run, can be compared with each other and with nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from typing import Any

from benchmarks.http_streams import QUESTION, cpu_s, lines_of, spread, target

CLIENTS = 16
NEAR = 0.1
"""How far the CPU's share may be from what is wanted."""
TRIES = 4
Times = tuple[float, float, float]


async def ask(port: int, kind: str) -> Times:
    """Ask once; return seconds to the acceptance, to the first plan, and to the end."""
    begun, started, planned = time.monotonic(), 0.0, 0.0
    path, body = "/v1/chat", QUESTION
    if kind == "dev":
        path = "/runs/stream"
        body = {"assistant_id": "bench", "input": QUESTION, "stream_mode": ["updates"]}
    async for line in lines_of(port, path, body):
        if not started and (b"run.started" in line or b"event: metadata" in line):
            started = time.monotonic() - begun
        if not planned and (b"plan.updated" in line or b'{"plan":' in line):
            planned = time.monotonic() - begun
    return started, planned, time.monotonic() - begun


async def saturated(port: int, pid: int, kind: str, seconds: float) -> dict[str, float]:
    """Ask from many clients at once; return runs a second, the CPU's share, and its milliseconds a run."""
    done, until = 0, time.monotonic() + seconds

    async def client() -> None:
        nonlocal done
        while time.monotonic() < until:
            await ask(port, kind)
            done += 1

    cpu, begun = cpu_s(pid), time.monotonic()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    took, used = time.monotonic() - begun, cpu_s(pid) - cpu
    return {"runs_a_s": done / took, "cpu": used / took, "cpu_ms_a_run": used / max(1, done) * 1000}


async def arriving(
    port: int, pid: int, kind: str, rate: float, seconds: float, seed: int
) -> tuple[float, list[Times]]:
    """Let runs arrive at a rate; return the CPU's share meanwhile, and the times of all that came."""
    chance, tasks = random.Random(seed), []
    cpu, begun = cpu_s(pid), time.monotonic()
    at = begun
    while (at := at + chance.expovariate(rate)) < begun + seconds:
        await asyncio.sleep(max(0.0, at - time.monotonic()))
        tasks.append(asyncio.create_task(ask(port, kind)))
    await asyncio.sleep(max(0.0, begun + seconds - time.monotonic()))
    share = (cpu_s(pid) - cpu) / (time.monotonic() - begun)
    return share, list(await asyncio.gather(*tasks))


async def measure(port: int, pid: int, kind: str, seconds: float, busy: float) -> dict[str, Any]:
    """Find the capacity, then the rate at which the CPU is as busy as wanted, and the times there."""
    await saturated(port, pid, kind, seconds / 4)  # what is loaded on the first runs
    full = await saturated(port, pid, kind, seconds)
    rate, share, times = full["runs_a_s"] * busy, 0.0, []
    for turn in range(TRIES):
        used, times = await arriving(port, pid, kind, rate, seconds, turn)
        share = used / full["cpu"]
        if abs(share - busy) <= NEAR * busy or not share:
            break
        if turn < TRIES - 1:
            rate *= min(2.0, max(0.5, busy / share))
    found: dict[str, Any] = {
        "capacity_runs_a_s": round(full["runs_a_s"], 2),
        "capacity_cpu": round(full["cpu"], 2),
        "cpu_ms_a_run": round(full["cpu_ms_a_run"], 1),
        "rate_runs_a_s": round(rate, 2),
        "cpu_share": round(share, 2),
        "runs": len(times),
    }
    for place, name in enumerate(("started_ms", "planned_ms", "ended_ms")):
        values = [item[place] for item in times]
        found[name] = {f"p{percent}": spread(values, percent, 1000) for percent in (50, 95, 99)}
    return found


def main() -> None:
    """Measure the servers in turn and print a line of JSON for each; ours first and last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--busy", type=float, default=0.7)
    parser.add_argument("--dev", action="store_true", help="LangGraph's server too.")
    args = parser.parse_args()
    for kind in ("ours", "echo", *(("dev",) if args.dev else ()), "ours"):
        with target(kind) as (port, pid):
            found = asyncio.run(measure(port, pid, kind, args.seconds, args.busy))
        print(json.dumps({"server": kind, **found}), flush=True)


if __name__ == "__main__":
    main()
