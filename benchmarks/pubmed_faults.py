"""PubMed against a local server that fails: what is lost, and what the busiest second held.

    python -m benchmarks.pubmed_faults                  # payloads, rate with 8 processes, 1,000 queries
    python -m benchmarks.pubmed_faults --queries 100 --rate-calls 2
    python -m benchmarks.pubmed_faults --only payloads

Three parts. `payloads`: every recorded file is read and compared with its own text and with Biopython's
reading. `rate`: eight processes call one server as fast as they may; the server's clock says how many calls
its busiest second held. `faults`: a file of queries runs through `vidence pubmed search --queries` against a
server that fails at random in nine ways, is killed half way, and goes on; afterwards every answer is compared
with what a server without faults says. The queries part uses a limit of its own, so that it takes minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import add_data_option
from core.settings import Settings
from knowledge.limits.rate import FileSlots, SharedLimiter
from knowledge.pubmed.batch import Query, read_done, run_queries
from knowledge.pubmed.check import check_file
from knowledge.pubmed.client import open_pubmed
from knowledge.pubmed.files import files_under
from tests.support.eutils import Faults, ReplayServer
from tests.support.eutils_store import Store, make_store

_KINDS = ("429", "429-date", "429-json", "500", "503", "truncated", "html", "drop", "slow")
_CALLER = """
import asyncio, sys
from core.settings import load_settings
from knowledge.pubmed.client import open_pubmed

async def main():
    client = open_pubmed(load_settings(), base_url=sys.argv[1], use_cache=False)
    async with client.session():
        await asyncio.gather(*(client.summaries(["50000001"]) for _ in range(int(sys.argv[2]))))

asyncio.run(main())
"""
_SEARCHER = """
import sys
from pathlib import Path
from core.settings import load_settings
from knowledge.pubmed.client import open_pubmed
from knowledge.limits.rate import FileSlots, SharedLimiter
from server.cli.pubmed_file import search_file

url, queries, out, limit = sys.argv[1:]
client = open_pubmed(load_settings(), base_url=url)
client.http._limiter = SharedLimiter(FileSlots(Path(out).with_suffix(".slots"), int(limit)))
raise SystemExit(3 if search_file(client, Path(queries), Path(out), k=5, workers=8, records=True) else 0)
"""
"""What `vidence pubmed search --queries` runs, with a limit of its own: 1,000 queries at 3 a second would
take twenty minutes and show nothing more."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the parts and print a line each, or one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--only", choices=("payloads", "rate", "faults"), help="one part alone")
    parser.add_argument("--queries", type=int, default=1000, help="queries of the faulty run")
    parser.add_argument("--fault-rate", type=float, default=0.3, help="share of calls that fail")
    parser.add_argument("--limit", type=int, default=200, help="calls a second in the faulty run")
    parser.add_argument("--rate-calls", type=int, default=6, help="calls of each of the eight processes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("-o", "--out", type=Path, help="write the JSON object to a file")
    args = parser.parse_args(arguments)
    report: dict[str, Any] = {}
    if args.only in (None, "payloads"):
        report["payloads"] = payloads(args.data / "pubmed_xml")
        _say(args, f"payloads: {report['payloads']}")
    if args.only in (None, "rate"):
        for key, allowed in (("", 3), ("k", 10)):
            report[f"rate_{allowed}"] = rate(key, allowed, args.rate_calls)
            _say(args, f"rate, {allowed} a second: {report[f'rate_{allowed}']}")
    if args.only in (None, "faults"):
        report["faults"] = faults(args.queries, args.fault_rate, args.limit, args.seed, quiet=args.json)
        _say(args, f"faults: {report['faults']}")
    if args.json:
        print(json.dumps(report))
    if args.out:
        args.out.write_text(json.dumps(report, indent=1))
    bad = report.get("payloads", {}).get("lost", 0) or report.get("faults", {}).get("wrong", 0)
    over = any(report[name]["busiest_second"] > report[name]["allowed"] for name in report if "rate_" in name)
    raise SystemExit(1 if bad or over else 0)


def payloads(folder: Path) -> dict[str, Any]:
    """Read every recorded file and count what was lost."""
    if not folder.is_dir():
        return {"skipped": f"no folder {folder}"}
    reports = [check_file(path) for path in files_under([folder])]
    return {
        "files": len(reports),
        "texts": sum(item["texts"] for item in reports),
        "lost": sum(len(item["lost"]) for item in reports),
        "agree_with_biopython": sum(item["biopython"] == "agrees" for item in reports),
        "differ_from_biopython": sum(item["biopython"] == "differs" for item in reports),
        "read_by_us_alone": sum(
            item["kind"] != "unreadable" and item["biopython"] not in ("agrees", "differs")
            for item in reports
        ),
        "refused_by_both": [Path(item["path"]).name for item in reports if item["kind"] == "unreadable"],
    }


def rate(key: str, allowed: int, calls: int) -> dict[str, Any]:
    """Let eight processes call one server and return what its busiest second held."""
    with tempfile.TemporaryDirectory() as home, ReplayServer() as server:
        environment = {**os.environ, "VIDENCE_HOME": home, "VIDENCE_PUBMED_API_KEY": key}
        running = [
            subprocess.Popen([sys.executable, "-c", _CALLER, server.url, str(calls)], env=environment)
            for _ in range(8)
        ]
        codes = [process.wait() for process in running]
        times = sorted(call.at for call in server.calls)
        return {
            "allowed": allowed,
            "calls": len(times),
            "failed_processes": sum(code != 0 for code in codes),
            "busiest_second": server.busiest_second(),
            "calls_a_second": round((len(times) - 1) / max(times[-1] - times[0], 1e-9), 2),
        }


def faults(count: int, share: float, limit: int, seed: int, *, quiet: bool) -> dict[str, Any]:
    """Run a file of queries against a failing server, kill it half way, go on, and compare every answer."""
    store = make_store(made=max(300, count // 3), seed=seed)
    queries = make_queries(store, count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        truth = _truth(store, queries, folder)
        path, out = folder / "queries.jsonl", folder / "out.jsonl"
        path.write_text("".join(json.dumps({"id": q.id, "query": q.query}) + "\n" for q in queries))
        start = time.monotonic()
        rates = dict.fromkeys(_KINDS, share / len(_KINDS))
        with ReplayServer(store, Faults(rates, seed=seed, slow_s=1.5)) as server:
            command = [sys.executable, "-c", _SEARCHER, server.url, str(path), str(out), str(limit)]
            environment = {**os.environ, "VIDENCE_HOME": name, "VIDENCE_PUBMED_TIMEOUT_S": "1.0"}
            killed_at = _run_and_kill(command, environment, out, count // 2, quiet=quiet)
            before = _lines(out)
            code = _run(command, environment, out, count, quiet=quiet)
            if code:
                code = _run(command, environment, out, count, quiet=quiet)
            after = read_done(out)
            kinds = Counter(call.fault for call in server.calls)
        lost = [item for item in before if after.get((item["id"], item["query"])) != item]
        wrong = [q.id for q in queries if _answer(after.get((q.id, q.query))) != truth[q.id]]
        return {
            "queries": count,
            "calls": sum(kinds.values()),
            "faults": {kind: number for kind, number in sorted(kinds.items()) if kind},
            "killed_after": killed_at,
            "answered": len(after),
            "lost_of_what_was_done": len(lost),
            "wrong": len(wrong),
            "exit_code": code,
            "seconds_busy": round(time.monotonic() - start, 1),
        }


def make_queries(store: Store, count: int) -> list[Query]:
    """Return queries of several shapes: key words, questions, years, ids, some that find nothing at first."""
    made = sorted(pmid for pmid in store.articles if pmid.startswith("6"))
    shapes = (
        lambda pmid, words: f"report x{pmid}",
        lambda pmid, words: f"Does {words[0]} help with {words[1]} as in report x{pmid}?",
        lambda pmid, words: f"What is known about {words[0]} and {words[1]} since 2001?",
        lambda pmid, words: f"{pmid}",
        lambda pmid, words: f"Can {words[0]} of martians cure {words[1]}?",
    )
    queries = []
    for number in range(count):
        pmid = made[number % len(made)]
        title = store.articles[pmid].partition(b"<ArticleTitle>")[2].partition(b"</ArticleTitle>")[0].decode()
        words = title.split(" in ")[0].lower().split(" for ")
        queries.append(Query(number, shapes[number % len(shapes)](pmid, words)))
    return queries


def _truth(store: Store, queries: Sequence[Query], folder: Path) -> dict[Any, Any]:
    """Ask a server without faults, without limits."""
    truth: dict[Any, Any] = {}
    with ReplayServer(store) as server:
        client = open_pubmed(Settings(home=folder / "truth"), base_url=server.url, use_cache=False)
        client.http._limiter = SharedLimiter(FileSlots(folder / "truth.slots", 10_000))

        def keep(line: dict[str, Any]) -> None:
            truth[line["id"]] = _answer(line)

        asyncio.run(run_queries(client, queries, keep, k=5, workers=8, records=True))
    return truth


def _answer(line: dict[str, Any] | None) -> Any:
    """Return what of a line has to be the same whatever went wrong on the way."""
    if line is None or "error" in line:
        return None
    same = [line["used"], line["count"], [hit["id"] for hit in line["hits"]], line["records"]]
    return json.loads(json.dumps(same))


def _run_and_kill(
    command: list[str], environment: dict[str, str], out: Path, after: int, *, quiet: bool
) -> int:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None and _progress(out, after, quiet=quiet) < after:
        time.sleep(0.5)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(_lines(out))


def _run(command: list[str], environment: dict[str, str], out: Path, count: int, *, quiet: bool) -> int:
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None:
        _progress(out, count, quiet=quiet)
        time.sleep(0.5)
    return process.returncode


def _lines(out: Path) -> list[dict[str, Any]]:
    """Return the whole lines of the output that are answers."""
    return list(read_done(out).values())


def _progress(out: Path, count: int, *, quiet: bool) -> int:
    """Show and return how many lines there are, failed ones included."""
    lines = out.read_bytes().count(b"\n") if out.is_file() else 0
    if not quiet:
        print(f"\r{lines} of {count}", end="", file=sys.stderr, flush=True)
    return lines


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.json:
        print(text)


if __name__ == "__main__":
    main()
