"""What must not stand in a log: secrets, by their form and by value, personal data, and what callers asked.

Secrets are found where they usually show: in headers, in addresses, after names such as `password=`, by the
prefixes that providers give their keys, and by value where the settings hold them. Personal data is found by
form (`core.personal`). No pattern finds everything: code of ours logs ids and kinds, not texts.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from core.personal import find_personal, mask
from core.secrets import KEYS_OR_PARTS

SECRET = "[secret]"  # noqa: S105 - what stands in its place
SAID = "[said]"
LEAST_SAID = 3
"""Shorter texts of callers are not looked for: they stand in many lines by chance."""

_AFTER = re.compile(
    # A header, as text, in a dictionary or as a pair of bytes.
    r"((?:authorization|x-api-key|cookie)b?[\"']?\s*[:=,]\s*b?[\"']?(?:(?:bearer|basic|token)\s+)?)[^\s\"',;)]+"
    r"|(\bbearer\s+)[\w.~+/=-]{6,}|(\bbasic\s+)[A-Za-z0-9+/=]{12,}"
    # A name that says what its value is.
    r"|((?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|account[_-]?key|token(?!s)"
    r"|credential)[\w-]*[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&)]+"
    # Signed addresses.
    r"|([?&](?:[\w.-]*(?:key|sig|signature|auth|session|code|state))=)[^&\s\"'<>#]+",
    re.I,
)
_USER_OF_URL = re.compile(r"(?<=://)[^/\s@\"']+(?=@)")
_PIXELS = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=_-]*")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{6,39}(?![\w:])")
_VALUE = re.compile(r"input_value=.*?(?=, input_type=)", re.S)
"""What pydantic repeats of a value that it refuses."""


class Redactor:
    """Masks text.

    Args:
        secrets: Values to mask wherever they stand.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({value for value in secrets if len(value) >= 4}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, text: str, said: Iterable[str] = ()) -> str:
        """Return a text without secrets, personal data, pixels, and what a caller said.

        Args:
            text: Any text, tracebacks too.
            said: Texts of the caller's, such as the question.
        """
        for words in said:
            if len(words) >= LEAST_SAID:
                # Also as it stands within a quoted string.
                text = text.replace(words, SAID).replace(repr(words)[1:-1], SAID)
        if self._known is not None:
            text = self._known.sub(SECRET, text)
        text = _VALUE.sub("input_value=[value]", _PIXELS.sub("[image]", text))
        text = _AFTER.sub(_keep_name, KEYS_OR_PARTS.sub(SECRET, text))
        text = _IPV6.sub(_network, _USER_OF_URL.sub(SECRET, text))
        return mask(text, find_personal(text))

    def clean(self, text: str) -> bool:
        """Whether a text holds nothing to mask."""
        return self(text) == text


def _keep_name(hit: re.Match[str]) -> str:
    name = next(group for group in hit.groups() if group is not None)
    return f"{name}{SECRET}"


def _network(hit: re.Match[str]) -> str:
    """Mask an address of IPv6; with fewer than three groups it is this machine's, or a slice of Python's."""
    text = hit.group()
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return text
    return "[ip]" if len([group for group in text.split(":") if group]) > 2 else text
