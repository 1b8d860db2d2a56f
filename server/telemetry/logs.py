"""Log lines: JSON or text, with the ids of what they are about, and with nothing that must not be there.

The masking is done by the formatter, on the finished line: so it holds for every library, and for tracebacks.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from core.secrets import secret_values
from core.settings import Settings
from server.telemetry.redact import Redactor
from server.telemetry.scope import SCOPE

log = logging.getLogger(__name__)

FIELDS = "fields"
"""The attribute of a record that holds what a line says besides its message."""
QUIET = ("httpx", "httpcore", "openai", "urllib3", "asyncio", "langsmith", "multipart", "python_multipart")
"""Libraries that log addresses and bodies below a warning: a search is somebody's question."""


class LineFormatter(logging.Formatter):
    """Formats records as lines of text: time, level, logger, message, then `name=value`.

    Args:
        redact: Masks what was put together.
    """

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return one line; a traceback follows on lines of its own."""
        parts = self.parts(record)
        error = parts.pop("error", "")
        head = " ".join(str(parts.pop(name)) for name in ("time", "level", "logger", "message"))
        line = " ".join([head, *(f"{name}={value}" for name, value in parts.items())])
        return f"{line}\n{error}" if error else line

    def parts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return what a record says, masked."""
        scope = SCOPE.get()
        known = {
            "request_id": scope.request_id,
            "run_id": scope.run_id,
            "trace_id": scope.trace_id,
            "owner": scope.owner,
        }
        fields: Mapping[str, Any] = getattr(record, FIELDS, {})
        parts = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._redact(record.getMessage(), scope.said),
            **{name: value for name, value in known.items() if value},
            **{name: self._value(value, scope.said) for name, value in fields.items()},
        }
        error = self._error(record)
        return {**parts, "error": self._redact(error, scope.said)} if error else parts

    def _value(self, value: Any, said: tuple[str, ...]) -> Any:
        return value if isinstance(value, (int, float, bool)) else self._redact(str(value), said)

    def _error(self, record: logging.LogRecord) -> str:
        error = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        return "\n".join(filter(None, (error, record.stack_info)))


class JsonFormatter(LineFormatter):
    """Formats records as one JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return json.dumps(self.parts(record), ensure_ascii=False, default=str)


def handler(settings: Settings, stream: TextIO | None = None) -> logging.Handler:
    """Return what writes log lines as the settings say; to standard error unless a stream is given."""
    made = logging.StreamHandler(stream or sys.stderr)
    kind = JsonFormatter if settings.server_log_format == "json" else LineFormatter
    made.setFormatter(kind(Redactor(secret_values(settings))))
    return made


def set_up(settings: Settings, stream: TextIO | None = None) -> None:
    """Let every line of the process be written by one handler of ours; uvicorn's too."""
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler(settings, stream))
    root.setLevel(logging.INFO)
    for name in (*QUIET, "uvicorn"):
        logging.getLogger(name).setLevel(logging.WARNING)


def catch_strays() -> None:
    """Let what Python itself would print (exceptions that end a thread, warnings) pass the same filter."""

    def ended(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            error = (args.exc_type, args.exc_value, args.exc_traceback)
            log.error("A thread ended by an exception", exc_info=error)

    threading.excepthook = ended
    logging.captureWarnings(True)
