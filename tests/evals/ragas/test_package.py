"""RAGAS fits what is installed, and the pin beside it is still needed."""

import importlib.metadata
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytest.importorskip("ragas", reason="the extra `ragas` is not installed: make setup-ragas")

IMPORTED = "langchain_community.chat_models.vertexai"
PIN_CAN_GO = (
    "langchain-community may be taken off its pin (0.4.1) in pyproject.toml, and this test and the note in "
    "evals/ragas/package.py be removed: "
)


def source() -> str:
    spec = find_spec("ragas")
    assert spec is not None
    assert spec.origin is not None
    return (Path(spec.origin).parent / "llms" / "base.py").read_text(encoding="utf-8")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )


def test_the_pin_is_needed_as_long_as_ragas_imports_the_vertexai_module_by_name():
    version = importlib.metadata.version("ragas")
    assert f"from {IMPORTED} import" in source(), f"{PIN_CAN_GO}ragas {version} no longer imports it"


def test_the_installed_langchain_community_still_has_that_module():
    version = importlib.metadata.version("langchain-community")
    assert find_spec(IMPORTED) is not None, f"langchain-community {version} breaks ragas: install 0.4.1"


def test_the_pin_is_needed_as_long_as_ragas_fails_without_that_module_and_we_say_what_to_do():
    code = (
        f"import sys; sys.modules['{IMPORTED}'] = None\n"
        "from core.errors import VidenceError\n"
        "from evals.ragas.package import load_ragas\n"
        "try:\n    load_ragas()\n    print('loaded')\n"
        "except VidenceError as error:\n    print(error.kind, '|', error.message, '|', error.help)\n"
    )
    done = python(code)
    assert done.stdout.strip() != "loaded", f"{PIN_CAN_GO}ragas loads without {IMPORTED}"
    assert done.stdout.startswith("unavailable | RAGAS cannot be loaded"), done.stderr
    assert IMPORTED in done.stdout
    assert "constraints.txt" in done.stdout


@pytest.mark.parametrize(("given", "expected"), [(None, "true"), ("false", "false")])
def test_the_command_line_keeps_ragas_quiet_unless_the_user_said_otherwise(given, expected):
    code = (
        "import os, sys; sys.argv = ['vidence', '--help']\n"
        "from server.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "print(os.environ['RAGAS_DO_NOT_TRACK'])"
    )
    variables = {name: value for name, value in os.environ.items() if name != "RAGAS_DO_NOT_TRACK"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**variables, **({} if given is None else {"RAGAS_DO_NOT_TRACK": given})},
    )
    assert done.stdout.splitlines()[-1] == expected, done.stderr


def test_ragas_heeds_that_variable(ragas):
    from ragas._analytics import do_not_track

    assert do_not_track(), "tests/conftest.py sets it"


def test_another_version_of_ragas_gives_its_measures_another_version():
    from evals.ragas.scorers import VERSION

    installed = importlib.metadata.version("ragas")
    assert VERSION.startswith(f"ragas-{installed}-"), (
        "scores of two versions may not be compared: change VERSION"
    )
