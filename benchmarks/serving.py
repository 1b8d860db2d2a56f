"""The real vLLM beside `transformers serve` in one run: the same greedy answers, and how fast?

The reference is the checkpoint in transformers in this process. Each server is started by the same code as
`vidence finetune serve`, warmed up, asked every question with 1, 4 and 16 requests in flight, and ended
before the next one starts. Latency is the whole answer, tokens a second are answer tokens over wall time.

    python -m benchmarks.serving MODEL --data NAME[:SPLIT] [--questions 50] [--vllm-python PYTHON] [-o FILE]

MODEL is a registered NAME[@VERSION] or a checkpoint's folder; data sets are those of `vidence finetune data`.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.errors import VidenceError
from core.settings import load_settings
from finetune.release.answering import Asked, Reply, open_checkpoint
from finetune.release.opening import open_registry
from finetune.release.questions import Questions, open_questions
from finetune.release.serve import check_port, plan_server, running
from finetune.release.serve_command import Command, Serving
from finetune.release.served import ServedAnswerer, reply_of
from finetune.release.targets import find_target


def main() -> None:
    """Run the benchmark and print its figures; exit code 1 when a server answers differently."""
    args = _arguments().parse_args()
    settings = load_settings()
    try:
        questions = open_questions(settings.root / "finetune" / "data", args.data, limit=args.questions)
        with open_registry(settings) as registry:
            target = find_target(registry, args.model)
        assert target.folder is not None
        _say(f"{len(questions.rows)} questions of {questions.ref}; the reference first")
        reference = _reference(target.folder, questions, args.max_tokens)
        figures: dict[str, Any] = {
            "model": target.name,
            "version": target.version,
            "data": questions.ref,
            "machine": f"{platform.machine()}, busy" if args.busy else platform.machine(),
            "reference": reference["figures"],
            "servers": {},
        }
        for backend in args.backends.split(","):
            how = Serving(port=args.port, at_once=max(args.at_once))
            check_port(how)
            command = plan_server(
                target.folder,
                ("served",),
                how,
                backend=backend,
                vllm_python=args.vllm_python or settings.vllm_python,
                work=settings.root / "finetune" / "serving",
            )
            figures["servers"][backend] = _measure(command, questions, reference["replies"], args)
    except VidenceError as error:
        sys.exit(f"{error.kind}: {error.message}\n{error.help}")
    if args.output:
        args.output.write_text(json.dumps(figures, indent=2) + "\n")
    if args.json:
        print(json.dumps(figures))
    else:
        _print_table(figures)
    equal = [server["equal"] for server in figures["servers"].values()]
    sys.exit(0 if all(count == len(questions.rows) for count in equal) else 1)


def _measure(
    command: Command, questions: Questions, reference: Sequence[Reply], args: argparse.Namespace
) -> dict[str, Any]:
    asked = questions.asked()
    with running(command) as server:
        _say(f"starting {command.backend}: {command.shell}")
        ready = server.wait_ready(args.wait)
        client = _client(command, args)
        start = time.perf_counter()
        client.answer(asked[:2])
        first = time.perf_counter() - start
        body: dict[str, Any] = {"ready_s": round(ready, 1), "warm_up_s": round(first, 1), "at_once": {}}
        for many in args.at_once:
            _say(f"{command.backend}: {many} at once")
            replies, figures = _timed(command, asked, many, args)
            body["at_once"][str(many)] = figures
            if many == args.at_once[0]:
                body |= _agreement(reference, replies)
            else:
                figures["equal"] = _agreement(reference, replies)["equal"]
    return body


def _timed(
    command: Command, asked: Sequence[Asked], many: int, args: argparse.Namespace
) -> tuple[list[Reply], dict[str, Any]]:
    import httpx

    maker = _client(command, args)
    bodies = [maker.body(one) for one in asked]
    with httpx.Client(timeout=300.0) as client, ThreadPoolExecutor(many) as pool:

        def ask(body: dict[str, Any]) -> tuple[float, Reply, int]:
            start = time.perf_counter()
            answer = client.post(f"{command.url}/chat/completions", json=body)
            took = time.perf_counter() - start
            answer.raise_for_status()
            found = answer.json()
            return took, reply_of(found), int(found["usage"]["completion_tokens"])

        start = time.perf_counter()
        results = list(pool.map(ask, bodies))
        wall = time.perf_counter() - start
    latencies = sorted(took for took, _, _ in results)
    return [reply for _, reply, _ in results], {
        "tokens_a_second": round(sum(tokens for _, _, tokens in results) / wall, 2),
        "questions_a_second": round(len(results) / wall, 2),
        "p50_s": round(_at(latencies, 0.5), 3),
        "p95_s": round(_at(latencies, 0.95), 3),
    }


def _client(command: Command, args: argparse.Namespace) -> ServedAnswerer:
    return ServedAnswerer(
        command.url, command.model, timeout_s=300.0, at_once=1, max_new_tokens=args.max_tokens
    )


def _reference(folder: Path, questions: Questions, max_tokens: int) -> dict[str, Any]:
    answerer = open_checkpoint(folder, batch=1, max_new_tokens=max_tokens)
    asked = questions.asked()
    answerer.answer(asked[:1])
    latencies, replies = [], []
    for one in asked:
        start = time.perf_counter()
        replies += answerer.answer([one])
        latencies.append(time.perf_counter() - start)
        if len(replies) % 10 == 0:
            _say(f"reference: {len(replies)} of {len(asked)}")
    tokens = sum(len(reply.logprobs) for reply in replies)
    latencies.sort()
    figures = {
        "tokens_a_second": round(tokens / sum(latencies), 2),
        "p50_s": round(_at(latencies, 0.5), 3),
        "p95_s": round(_at(latencies, 0.95), 3),
    }
    return {"replies": replies, "figures": figures}


def _agreement(reference: Sequence[Reply], replies: Sequence[Reply]) -> dict[str, Any]:
    pairs = list(zip(reference, replies, strict=True))
    apart = [
        abs(a - b)
        for one, other in pairs
        if one.text == other.text and other.logprobs
        for a, b in zip(one.logprobs, other.logprobs, strict=False)
    ]
    return {
        "equal": sum(one.text == other.text for one, other in pairs),
        "largest_logprob_difference": max(apart) if apart else None,
        "different": [[one.text, other.text] for one, other in pairs if one.text != other.text][:5],
    }


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _print_table(figures: dict[str, Any]) -> None:
    reference = figures["reference"]
    print(f"{figures['model']} on {figures['data']} ({figures['machine']})")
    print("| server | at once | tokens/s | questions/s | p50 s | p95 s | same greedy answers |")
    print("|---|---|---|---|---|---|---|")
    row = f"{reference['tokens_a_second']} | - | {reference['p50_s']} | {reference['p95_s']} | (reference)"
    print(f"| transformers, in process | 1 | {row} |")
    for name, server in figures["servers"].items():
        for many, found in server["at_once"].items():
            print(
                f"| {name} | {many} | {found['tokens_a_second']} | {found['questions_a_second']} | "
                f"{found['p50_s']} | {found['p95_s']} | {found.get('equal', server['equal'])} |"
            )
        difference = server["largest_logprob_difference"]
        said = "no log-probabilities" if difference is None else f"log-probabilities within {difference:.1e}"
        print(
            f"{name}: ready in {server['ready_s']} s, two warm-up questions {server['warm_up_s']} s, {said}"
        )
        for pair in server["different"]:
            print(f"  differs: {pair[0]!r} / {pair[1]!r}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="benchmarks.serving"
    )
    parser.add_argument("model", help="a registered NAME[@VERSION], or a checkpoint's folder")
    parser.add_argument("--data", required=True, help="NAME[:SPLIT], or a data set's folder")
    parser.add_argument("--questions", type=int, default=50)
    parser.add_argument("--max-tokens", type=int, default=16, help="longest answer")
    parser.add_argument("--backends", default="vllm,transformers", help="in this order, separated by commas")
    parser.add_argument("--at-once", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--vllm-python", default="", help="default: the setting vllm_python")
    parser.add_argument("--port", type=int, default=18800)
    parser.add_argument("--wait", type=float, default=600.0, help="seconds a server may take to be ready")
    parser.add_argument("--busy", action="store_true", help="mark the figures: others use this machine")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("-o", "--output", type=Path, help="write the figures as JSON")
    return parser


if __name__ == "__main__":
    main()
