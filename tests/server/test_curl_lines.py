"""The lines that the documents print work as printed."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.support.live_server import live

DOCS = Path(__file__).resolve().parents[2] / "docs" / "server.md"


def lines() -> list[str]:
    block = re.search(r"```sh\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert block is not None
    return block[1].strip().split("\n")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_three_curl_lines_of_the_documents_work(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "receipt.jpg")
    with live(tmp_path / "home") as client:
        here = str(client.base_url).removeprefix("http://").rstrip("/")
        outputs = []
        for line in lines():
            assert "127.0.0.1:8080" in line
            command = line.replace("127.0.0.1:8080", here)
            outputs.append(
                subprocess.run(
                    command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
                ).stdout
            )
    assert len(outputs) == 3
    assert "event: run.finished" in outputs[0]
    assert json.loads(outputs[1])["width"] == 40
    assert json.loads(outputs[2])["runs"][0]["question"] == "What is 15% of 80?"
    assert io.StringIO(outputs[0]).readline() == "retry: 1000\n"
