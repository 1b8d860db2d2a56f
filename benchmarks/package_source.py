"""Where the source of `transformers` is: named, installed, or unpacked from its wheel."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

_SPEC = "transformers>=5.16.1,<5.24"


def add_source_option(parser: argparse.ArgumentParser) -> None:
    """Add `--source`."""
    parser.add_argument(
        "--source",
        type=Path,
        help="the package's folder; by default the installed one, else its wheel, unpacked",
    )


def package_source(given: Path | None) -> Path:
    """Return the folder of the source; without any, download the wheel alone (13 MB) and unpack it."""
    if given is not None:
        return given
    spec = importlib.util.find_spec("transformers")
    if spec is not None and spec.submodule_search_locations:
        return Path(spec.submodule_search_locations[0])
    folder = Path(tempfile.gettempdir()) / "vidence-bench-transformers"
    if not (folder / "transformers" / "__init__.py").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", _SPEC, "-d", str(folder)]
        subprocess.run(command, check=True)
        for wheel in folder.glob("transformers-*.whl"):
            zipfile.ZipFile(wheel).extractall(folder)
    return folder / "transformers"
