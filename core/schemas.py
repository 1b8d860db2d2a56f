"""Export the contracts' JSON schemas: `python -m core.schemas` writes them to `docs/schemas/`."""

from __future__ import annotations

import json
from pathlib import Path

from core.contracts import (
    ChartTable,
    Contract,
    Evidence,
    OcrLine,
    RunResult,
    SubQuestion,
    ToolError,
    ToolResult,
)

EXPORTED: tuple[type[Contract], ...] = (
    ChartTable,
    Evidence,
    OcrLine,
    RunResult,
    SubQuestion,
    ToolError,
    ToolResult,
)
FOLDER = Path(__file__).resolve().parents[1] / "docs" / "schemas"


def schema_text(contract: type[Contract]) -> str:
    """Return a contract's JSON schema as it is written to its file."""
    schema = contract.model_json_schema(mode="serialization")
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def schema_path(contract: type[Contract]) -> Path:
    """Return the file of a contract's schema."""
    return FOLDER / f"{contract.__name__}.json"


def export() -> None:
    """Write every schema."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for contract in EXPORTED:
        schema_path(contract).write_text(schema_text(contract))


if __name__ == "__main__":
    export()
