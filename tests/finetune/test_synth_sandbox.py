"""The drawing process does what it is for, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import VidenceError
from finetune.synth.sandbox import seccomp
from finetune.synth.sandbox.check import check_code
from finetune.synth.sandbox.client import Sandbox, SandboxLimits

BARS = """
import matplotlib.pyplot as plt
fig, ax = plt.subplots(figsize=(2, 1.5))
ax.bar(['a', 'b'], [1, 2])
plt.show()
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("fonts"), SandboxLimits(cpu_s=1, wall_s=20)) as open_one:
        yield open_one


@pytest.mark.parametrize(
    "code",
    [
        "import os",
        "from os import system",
        "import numpy",
        "__import__('os')",
        "().__class__.__mro__",
        "plt.figure().canvas.print_png('x')",
        "np.load('x')",
        "np.ctypeslib",
        "plt.style.use('/etc/passwd')",
        "plt.text(0, 0, 'x', fontproperties='/etc/passwd')",
        "plt.legend(prop={'fname': '/etc/passwd'})",
        "plt.text(0, 0, 'x', usetex=True)",
        "plt.plot(**{'data': 1})",
        "def f(): pass",
        "f = lambda: 1",
        "class A: pass",
        "while True: pass",
        "with plt: pass",
        "plt = 1",
        "plt.bar = 1",
        "'{0.x}'.format(plt)",
        "try:\n  pass\nexcept Exception:\n  pass",
        "x = b'1'",
        "del plt",
    ],
)
def test_code_that_is_not_on_the_list_is_refused_before_it_runs(code: str) -> None:
    with pytest.raises(VidenceError) as caught:
        check_code(code)
    assert caught.value.kind == "blocked"
    assert "Line 1" in caught.value.message


def test_code_that_is_no_python_or_too_long_is_invalid() -> None:
    for code in ("ax.bar(", "x = 1\n" * 10_000):
        with pytest.raises(VidenceError) as caught:
            check_code(code)
        assert caught.value.kind == "invalid_input"


def test_a_drawing_comes_back_with_the_boxes_of_its_bars(sandbox: Sandbox) -> None:
    picture = sandbox.draw(BARS)
    assert picture.png.startswith(b"\x89PNG")
    assert (picture.width, picture.height) == (200, 150)
    (_, high, _, _), (_, low, _, _) = picture.boxes
    assert high > low  # the second bar is taller


def test_builtins_that_reach_out_are_not_there(sandbox: Sandbox) -> None:
    for name in ("open", "eval", "exec", "getattr", "globals", "input", "vars"):
        with pytest.raises(VidenceError, match="NameError"):
            sandbox.draw(f"{name}('x')")


def test_a_loop_without_end_is_ended_and_the_next_drawing_works(sandbox: Sandbox) -> None:
    with pytest.raises(VidenceError) as caught:
        sandbox.draw("for i in range(10**15): pass")
    assert caught.value.kind == "timeout"
    assert sandbox.draw(BARS).width == 200


def test_memory_is_limited(sandbox: Sandbox) -> None:
    with pytest.raises(VidenceError, match="memory"):
        sandbox.draw("x = [0] * 10**10")


def test_code_without_a_figure_is_an_error_that_says_so(sandbox: Sandbox) -> None:
    with pytest.raises(VidenceError, match="exactly one figure"):
        sandbox.draw("x = 1")


def test_one_drawing_leaves_nothing_for_the_next(sandbox: Sandbox) -> None:
    sandbox.draw(BARS + "secret = 4")
    with pytest.raises(VidenceError, match="NameError"):
        sandbox.draw("plt.figure()\nx = secret")


@pytest.mark.skipif(sys.platform != "linux", reason="system calls are filtered on Linux only")
@pytest.mark.parametrize(
    "harm",
    [
        "import socket; socket.socket()",
        "open('x', 'w')",
        "import os; os.fork()",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.kill(os.getppid(), 0)",
        "import os; os.unlink('x')",
        "import os; os.mkdir('x')",
        "import os; os.rename('x', 'y')",
    ],
)
def test_the_system_refuses_network_processes_and_writing(harm: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("kept")
    code = (
        f"import runpy; m = runpy.run_path({seccomp.__file__!r}); ok = m['install']()\n"
        f"print('installed' if ok else 'not', flush=True)\n{harm}"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    if "installed" not in run.stdout:
        pytest.skip("this kernel takes no seccomp filter")
    assert run.returncode != 0
    assert "PermissionError" in run.stderr or "Operation not permitted" in run.stderr
    assert (tmp_path / "x").read_text() == "kept"
