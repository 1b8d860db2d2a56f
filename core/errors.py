"""Typed failures: what went wrong, what to do next, and the exit code that the command line gives."""

from __future__ import annotations

from typing import Literal

ErrorKind = Literal[
    "invalid_input",
    "not_found",
    "unavailable",
    "timeout",
    "rate_limited",
    "blocked",
    "internal",
]

EXIT_GOOD = 0
EXIT_GATE_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_UNAVAILABLE = 3
EXIT_ABSTAINED = 4
EXIT_INPUT_REQUIRED = 5
EXIT_INTERNAL = 70

_EXIT_CODES: dict[ErrorKind, int] = {
    "invalid_input": EXIT_BAD_INPUT,
    "not_found": EXIT_BAD_INPUT,
    "blocked": EXIT_BAD_INPUT,
    "unavailable": EXIT_UNAVAILABLE,
    "timeout": EXIT_UNAVAILABLE,
    "rate_limited": EXIT_UNAVAILABLE,
    "internal": EXIT_INTERNAL,
}


class VidenceError(Exception):
    """A failure with a stable kind, a message, and help that says what to do next.

    `wait_s` is after how many seconds another try may succeed, where that is known.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        help: str = "",
        retryable: bool = False,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.message = message
        self.help = help
        self.retryable = retryable
        self.wait_s = wait_s

    @property
    def exit_code(self) -> int:
        """The process exit code for this kind of failure."""
        return _EXIT_CODES[self.kind]


def invalid_input(message: str, help: str = "") -> VidenceError:
    """Build the error for input that the caller has to change."""
    return VidenceError("invalid_input", message, help=help)


def not_found(message: str, help: str = "") -> VidenceError:
    """Build the error for something named that does not exist."""
    return VidenceError("not_found", message, help=help)


def unavailable(message: str, help: str = "", *, retryable: bool = True) -> VidenceError:
    """Build the error for a model, package, server or network that cannot be reached."""
    return VidenceError("unavailable", message, help=help, retryable=retryable)
