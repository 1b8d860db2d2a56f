"""`vidence doctor`: what works on this machine, what is missing, and the setting to change."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from core.contracts import Contract
from core.errors import EXIT_GATE_FAILED, VidenceError
from core.settings import Settings, load_settings
from server.cli.output import emit_json, handle_errors, out_console

ROOMS = ("agents", "core", "evals", "finetune", "graph", "knowledge", "models", "server", "tools")
_PACKAGES = {
    "rapidocr": "vision",
    "cv2": "vision",
    "onnxruntime": "vision",
    "chromadb": "rag",
    "Stemmer": "rag",
    "tokenizers": "rag",
}


class Check(Contract):
    """One finding: a name, whether it is good, what was seen, and what to do."""

    name: str
    ok: bool
    detail: str
    help: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the installation: folders, packages, models and settings. Exit 1 when something fails."""
    with handle_errors(as_json):
        checks = run_checks(load_settings())
        good = all(check.ok for check in checks)
        if as_json:
            emit_json({"ok": good, "checks": [check.model_dump() for check in checks]})
        else:
            for check in checks:
                mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
                out_console().print(f"{mark} {check.name}: {check.detail}")
                if not check.ok and check.help:
                    out_console().print(f"    [dim]{check.help}[/]")
        if not good:
            raise typer.Exit(EXIT_GATE_FAILED)


def run_checks(settings: Settings) -> list[Check]:
    """Return every finding."""
    return [
        *(room_check(room) for room in ROOMS),
        *(_package_check(package, extra) for package, extra in _PACKAGES.items()),
        _checked("text embeddings", lambda: _embedder(settings)),
        _checked("data folder", lambda: _writable(settings.root)),
        *(_role_check(settings, role) for role in ("planner", "answerer", "vlm", "judge")),
    ]


def room_check(room: str) -> Check:
    """Check that a top-level folder is ours and not another package of the same name."""
    spec = importlib.util.find_spec(room)
    origin = Path(spec.origin).resolve() if spec and spec.origin else None
    project = Path(__file__).resolve().parents[2]
    ok = origin is not None and origin.is_relative_to(project)
    return Check(
        name=f"room {room}",
        ok=ok,
        detail=str(origin or "not found"),
        help=f"Another package named `{room}` hides Vidence's: use a virtual environment of its own.",
    )


def _package_check(package: str, extra: str) -> Check:
    found = importlib.util.find_spec(package) is not None
    return Check(
        name=f"package {package}",
        ok=found,
        detail="installed" if found else "missing",
        help=f"pip install 'vidence[{extra}]'",
    )


def _checked(name: str, probe: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=probe())
    except VidenceError as error:
        return Check(name=name, ok=False, detail=error.message, help=error.help)


def _embedder(settings: Settings) -> str:
    from models.embeddings import open_embedder

    embedder = open_embedder(settings)
    return f"{embedder.name} ({embedder.hash[:12]}), {embedder.dim} dimensions"


def _writable(root: Path) -> str:
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not os.access(root, os.W_OK):
            raise PermissionError(13, "not writable")
    except OSError as error:
        raise VidenceError(
            "unavailable",
            f"{root}: {error.strerror}",
            help="Point VIDENCE_HOME at a folder that you may write to.",
        ) from error
    return str(root)


def _role_check(settings: Settings, role: str) -> Check:
    value = str(getattr(settings, role))
    if value == "embedded":
        detail = "embedded" + (f" ({_embedded_vlm()})" if role == "vlm" else "")
        return Check(name=f"model {role}", ok=True, detail=detail)
    return _checked(f"model {role}", lambda: _reachable(role, value, settings))


def _embedded_vlm() -> str:
    from models.vlm_shipped import read_manifest

    manifest = read_manifest()
    return "pixel stand-in" if manifest is None else f"{manifest.name} {manifest.version}"


def _reachable(role: str, value: str, settings: Settings) -> str:
    import httpx

    base, model = value.removeprefix("openai:").split("#", 1)
    headers: dict[str, Any] = (
        {"Authorization": f"Bearer {settings.model_api_key}"} if settings.model_api_key else {}
    )
    try:
        response = httpx.get(f"{base.rstrip('/')}/models", headers=headers, timeout=5.0)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise VidenceError(
            "unavailable",
            f"{base} does not answer ({type(error).__name__})",
            help=f"Start the server, or change VIDENCE_{role.upper()}.",
        ) from error
    return f"{model} at {base}"
