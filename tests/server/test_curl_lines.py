"""The lines that the documents print work as printed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.live_server import live

ROOT = Path(__file__).resolve().parents[2]


def lines(document: str) -> list[str]:
    blocks: list[str] = re.findall(r"```sh\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)
    return next(block for block in blocks if "curl" in block).strip().split("\n")


@pytest.mark.parametrize("document", ["README.md", "docs/server.md"])
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_three_curl_lines_of_the_documents_work(tmp_path: Path, document: str) -> None:
    with live(tmp_path / "home") as client:
        here = str(client.base_url).removeprefix("http://").rstrip("/")
        outputs = []
        for line in lines(document):
            assert "127.0.0.1:8080" in line
            command = line.replace("127.0.0.1:8080", here)
            outputs.append(
                subprocess.run(
                    command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
                ).stdout
            )
    assert len(outputs) == 3
    assert "event: run.finished" in outputs[0]
    assert json.loads(outputs[1])["width"] == 640
    assert json.loads(outputs[2])["runs"][0]["question"] == "What is 15% of 80?"
    assert outputs[0].startswith("retry: 1000\n")
