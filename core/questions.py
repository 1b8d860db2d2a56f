"""What counts as a question: checked where it is accepted, and where a run begins."""

from __future__ import annotations

import unicodedata

from core.errors import invalid_input


def clean_question(question: str, max_chars: int) -> str:
    """Return the question without control characters.

    Raises:
        VidenceError: `invalid_input` when it is empty or too long.
    """
    if len(question) > max_chars:
        raise invalid_input(
            f"The question has {len(question):,} characters, over the limit of {max_chars:,}",
            help="Put long text into a collection (`vidence index add`) and ask about it, "
            "or raise VIDENCE_MAX_QUESTION_CHARS.",
        )
    kept = "".join(char for char in question if char in "\n\t" or unicodedata.category(char)[0] != "C")
    if not kept.strip():
        raise invalid_input("The question is empty", help="Say what you want to know.")
    return kept.strip()
