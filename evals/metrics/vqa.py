"""VQA accuracy over ten people's answers, with the normalisation of its evaluation (Antol et al. 2015)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import combinations

_NUMBERS = {
    word: str(n) for n, word in enumerate("zero one two three four five six seven eight nine ten".split())
}
_NUMBERS["none"] = "0"
_ARTICLES = {"a", "an", "the"}
_MARKS = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
# Forms whose apostrophe people leave out, without those that would then be another word (well, its, were).
_CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't "
    "haven't he'd he'd've he's how'd how'll how's i'd've isn't it'd it'd've it'll ma'am mightn't "
    "mightn't've might've mustn't must've needn't not've o'clock oughtn't shan't she'd've should've "
    "shouldn't shouldn't've somebody'd somebody'd've somebody'll somebody's someone'd someone'd've "
    "someone'll someone's something'd something'd've something'll that's there'd there'd've there're "
    "there's they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're "
    "what's what've when's where'd where's where've who'd who'd've who'll who's who've why'll why're "
    "why's won't would've wouldn't wouldn't've y'all y'all'll y'all'd've you'd you'd've you'll you're "
    "you've"
).split()


def vqa_normal(text: str | None) -> str:
    """Return an answer as VQA's evaluation compares it.

    Lower case, no articles, numbers to ten as digits, contractions with their apostrophes. A punctuation mark
    that stands beside a space anywhere in the answer goes; other marks become a space. Full stops stay only
    before a digit.
    """
    text = re.sub(r"[\n\t]", " ", text or "").strip()
    plain = text
    for mark in _MARKS:
        if mark in plain:
            loose = f"{mark} " in text or f" {mark}" in text or _DIGIT_COMMA.search(text) is not None
            plain = plain.replace(mark, "" if loose else " ")
    words = (_NUMBERS.get(word, word) for word in _FULL_STOP.sub("", plain).lower().split())
    whole = _with_apostrophes()
    return " ".join(whole.get(word, word) for word in words if word not in _ARTICLES)


def vqa_exact(prediction: str | None, gold: str | Iterable[str]) -> float | None:
    """Return 1 when an answer is an accepted one after `vqa_normal`, else 0; None without gold.

    An empty prediction is never right; an answer that is an article alone ("A") compares as it is.
    """
    accepted = [gold] if isinstance(gold, str) else list(gold)
    if not accepted:
        return None
    said = _compared(prediction)
    return float(bool(said) and said in {_compared(answer) for answer in accepted})


def vqa_accuracy(prediction: str | None, gold: Sequence[str]) -> float | None:
    """Return min(1, agreeing people / 3), averaged over leaving each person out; None without answers.

    The evaluation server compares the raw texts when all ten people agree, so that "Yes" is not "yes" there;
    here every answer is normalised. An empty prediction is never right.
    """
    answers = [_compared(answer) for answer in gold]
    said = _compared(prediction)
    if not answers:
        return None
    if not said:
        return 0.0
    same = sum(answer == said for answer in answers)
    left_in = min(1.0, same / 3) * (len(answers) - same)
    left_out = min(1.0, (same - 1) / 3) * same
    return (left_in + left_out) / len(answers)


def _compared(text: str | None) -> str:
    return vqa_normal(text) or (text or "").strip().lower()


@cache
def _with_apostrophes() -> dict[str, str]:
    """Return the whole form of each contraction that lacks one apostrophe or more."""
    found = {}
    for form in _CONTRACTIONS:
        places = [at for at, char in enumerate(form) if char == "'"]
        for count in range(1, len(places) + 1):
            for gone in combinations(places, count):
                found["".join(char for at, char in enumerate(form) if at not in gone)] = form
    return {short: form for short, form in found.items() if short not in _CONTRACTIONS}
