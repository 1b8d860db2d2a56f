"""Where a run file of evals lies when nobody names one."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from core.settings import Settings


def new_run_file(settings: Settings, *what: str) -> Path:
    """Return a new run file in the data folder, called after the time and what is run."""
    now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    said = re.sub(r"[^\w.-]+", "-", "-".join(what))[:60]
    return settings.root / "evals" / f"{now}-{said}.jsonl"
