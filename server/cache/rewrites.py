"""The changes of wording that keep what a question asks, on its words. Pure, closed, in one order.

Each takes the words of a question and returns them in the form that all its wordings share, or as they are.
None drops or adds a word that carries meaning, and none applies where a word around it could turn it.
"""

from __future__ import annotations

from collections.abc import Callable

from server.cache.wording import (
    ABOUT_WORDS,
    AUXILIARIES,
    BE,
    DETERMINERS,
    FAULTS,
    IMAGE_NOUNS,
    IMAGE_WORDS,
    MEASURES,
    NEGATIONS,
    NOT_AFTER_ANY,
    NUMBERS,
    PLURALS,
    PREPOSITIONS,
    QUANTIFIERS,
    RELATIVES,
    SHEET_NOUNS,
    SIZE_NOUNS,
    SPELLINGS,
    SUPERLATIVES,
    WHICH_NOUNS,
)

Words = list[str]
IN_IMAGE = ["in", "the", "image"]


def rewritten(tokens: Words, *, led: bool, one_image: bool) -> Words:
    """Return the words in the form that all wordings of their question share.

    Args:
        tokens: Words, numbers and commas in their order.
        led: Whether the question was embedded (`tell me what the total is`).
        one_image: Whether exactly one image came with it.
    """
    tokens = _contraction(tokens)
    tokens = _kind(_asked(tokens))
    if not ABOUT_WORDS & {token.lower() for token in tokens}:
        tokens = _spelled(tokens)
    if led:
        tokens = _straight(tokens)
    if one_image:
        for change in _ABOUT_ONE_IMAGE:
            tokens = change(tokens)
    for change in _CHANGES:
        tokens = change(tokens)
    return tokens


def _contraction(tokens: Words) -> Words:
    """`what's the` is `what is the`; `who's been` may be `who has been` and stays."""
    head, _, ending = tokens[0].partition("'")
    asks = head in ("what", "who", "where", "how", "when")
    if asks and ending == "s" and len(tokens) > 1 and tokens[1] in DETERMINERS:
        return [head, "is", *tokens[1:]]
    return tokens


def _asked(tokens: Words) -> Words:
    """`tell me the total`, `calculate the total`, `how much is 15% of 80`: `what is ...`."""
    if tokens[:3] in (["tell", "me", "the"], ["give", "me", "the"]):
        return ["what", "is", *tokens[2:]]
    if (
        tokens[0] in ("calculate", "compute")
        and len(tokens) > 1
        and (_number(tokens[1]) or tokens[1] == "the")
    ):
        return ["what", "is", *tokens[1:]]
    if tokens[:3] == ["how", "much", "is"] and len(tokens) > 3 and _number(tokens[3]):
        return ["what", "is", *tokens[3:]]
    return tokens


def _spelled(tokens: Words) -> Words:
    """British and American spellings, small numbers as words, `percent`."""
    changed = [NUMBERS.get(SPELLINGS.get(token, token), SPELLINGS.get(token, token)) for token in tokens]
    found: Words = []
    for place, word in enumerate(changed):
        follows = changed[place + 1] if place + 1 < len(changed) else ""
        if word == "percent" and found and found[-1].isdigit() and not follows.startswith("point"):
            found[-1] += "%"
        else:
            found.append(word)
    return found


def _straight(tokens: Words) -> Words:
    """Bring an embedded question into the order of a plain one: `what the total is`, `what is the total`."""
    start = 0
    if tokens[0] in ("if", "whether"):
        start = 1
        head: Words = []
    elif tokens[:2] in (["how", "many"], ["how", "much"]):
        there = _find(tokens, "there")
        if (
            there
            and tokens[there + 1 : there + 2]
            and tokens[there + 1] in BE
            and not _turned(tokens[2:there])
        ):
            return [*tokens[:there], tokens[there + 1], "there", *tokens[there + 2 :]]
        return tokens
    elif tokens[0] in ("what", "which", "who", "where", "when"):
        start = 1 if tokens[1:2] and tokens[1] in DETERMINERS else 2
        head = tokens[:start]
        if start == 2 and not (tokens[2:3] and tokens[2] in DETERMINERS and tokens[1] in WHICH_NOUNS):
            return tokens
    else:
        return tokens
    rest = tokens[start:]
    be = next((place for place, token in enumerate(rest) if token in BE), 0)
    if (
        not be
        or rest[be - 1] in DETERMINERS - {"this", "that"}
        or _turned(rest[:be])
        or (start == 1 and not head and rest[0] in BE)
    ):
        return tokens
    return [*head, rest[be], *rest[:be], *rest[be + 1 :]]


def _turned(tokens: Words) -> bool:
    """Whether words before a verb may hold another verb or clause, so that moving it could change them."""
    small = {token.lower() for token in tokens}
    return (
        bool(small & (AUXILIARIES | RELATIVES | NEGATIONS | {"and", "or", ","})) or not 1 <= len(tokens) <= 8
    )


def _image(tokens: Words) -> Words:
    """`in this picture` at the end is `in the image`, where no other word speaks of a picture."""
    if tokens[-3:-2] == ["in"] and tokens[-2] in ("the", "this") and tokens[-1] in IMAGE_NOUNS:
        return [*tokens[:-3], *IN_IMAGE] if not IMAGE_WORDS & set(tokens[:-1]) else tokens
    return tokens


def _sheet(tokens: Words) -> Words:
    """`on this receipt` and `of this chart` at the end are `on the receipt` and `of the chart`."""
    head, place = tokens[:-3], tokens[-3:]
    if len(place) < 3 or place[0] not in ("in", "on", "of") or place[1] != "this":
        return tokens
    whole = place[2] in SHEET_NOUNS | IMAGE_NOUNS and place[2] not in head
    return [*head, place[0], "the", place[2]] if whole else tokens


def _shown(tokens: Words) -> Words:
    """`what does the image show` is `what is shown in the image`."""
    asks = len(tokens) == 5 and tokens[:2] == ["what", "does"] and tokens[2] in ("the", "this")
    shows = asks and tokens[3] in IMAGE_NOUNS and tokens[4] in ("show", "depict")
    shown = ["what", "is", "shown", *IN_IMAGE]
    return shown if shows or tokens == ["what", "is", "depicted", *IN_IMAGE] else tokens


def _fronted(tokens: Words) -> Words:
    """`in the image, how many dogs are there`: the place goes to the end, of simple questions only."""
    if tokens[0] not in ("in", "on") or tokens[1:2] not in (["the"], ["this"]) or len(tokens) < 6:
        return tokens
    rest = tokens[4:] if tokens[3] == "," else tokens[3:]
    noun = tokens[2]
    if noun not in IMAGE_NOUNS | SHEET_NOUNS or noun in rest or IMAGE_WORDS & set(rest):
        return tokens
    simple = not set(rest) & (PREPOSITIONS | NEGATIONS | FAULTS | {"and", "or", ","})
    return [*rest, *tokens[:3]] if simple and _plain(rest) else tokens


def _plain(rest: Words) -> bool:
    """Whether a question has one verb, a form of `be`, in a shape that a place at the end cannot turn."""
    verbs = [place for place, token in enumerate(rest) if token in AUXILIARIES]
    if len(verbs) != 1 or len(rest) > 8 or rest[verbs[0]] not in BE:
        return False
    be = verbs[0]
    after = rest[be + 1 :]
    if rest[:2] == ["how", "many"]:
        return 2 < be <= 5 and after == ["there"]
    if rest[0] in ("what", "which") and be == 1:
        return after[:1] == ["the"] and 2 <= len(after) <= 4
    if rest[0] in ("what", "which") and 2 <= be <= 3:
        return 1 <= len(after) <= 3
    return be == 0 and after[:1] == ["there"] and 2 <= len(after) <= 5


def _there(tokens: Words) -> Words:
    """`how many dogs are there in X` is `how many dogs are in X`."""
    there = _find(tokens, "there")
    if tokens[:2] != ["how", "many"] or there < 4 or tokens[there - 1] not in BE:
        return tokens
    follows = tokens[there + 1 : there + 2]
    if follows in (["in"], ["on"], ["at"]) and not _turned(tokens[2 : there - 1]):
        return [*tokens[:there], *tokens[there + 1 :]]
    return tokens


def _number_of(tokens: Words) -> Words:
    """`what is the number of dogs in X` is `how many dogs are in X`."""
    if tokens[:5] != ["what", "is", "the", "number", "of"]:
        return tokens
    place = next((at for at, token in enumerate(tokens) if at > 5 and token in ("in", "on")), 0)
    counted = tokens[5:place]
    if not place or len(counted) > 3 or not _plural(counted[-1]) or _turned(counted):
        return tokens
    if counted[0] in DETERMINERS or any(word[0].isupper() for word in counted):
        return tokens
    return ["how", "many", *counted, "are", *tokens[place:]]


def _plural(word: str) -> bool:
    """Whether a word counts things; `bus` and `class` may be numbered instead."""
    return word in PLURALS or (word.endswith("s") and not word.endswith(("ss", "us", "is", "as")))


def _color(tokens: Words) -> Words:
    """`what is the color of the car` is `what color is the car`."""
    if len(tokens) < 7 or tokens[0] != "what" or tokens[1] not in BE or tokens[2] != "the":
        return tokens
    if tokens[3:5] in (["color", "of"], ["shape", "of"]) and tokens[5] in DETERMINERS:
        return ["what", tokens[3], tokens[1], *tokens[5:]]
    return tokens


def _which(tokens: Words) -> Words:
    """`what year was`, `in what year was` and `in which year was` are `which year was`."""
    dated = tokens[0] == "in" and tokens[2:3] in (["year"], ["month"]) and tokens[1] in ("what", "which")
    if dated and tokens[3:4] in (["did"], ["was"], ["were"]):
        tokens = tokens[1:]
    if tokens[0] == "what" and len(tokens) > 2 and tokens[1] in WHICH_NOUNS and tokens[2] in AUXILIARIES:
        return ["which", *tokens[1:]]
    return tokens


def _kind(tokens: Words) -> Words:
    """`what sort of X` is `what kind of X`."""
    if tokens[0] in ("what", "which") and tokens[1:3] == ["sort", "of"]:
        return ["what", "kind", *tokens[2:]]
    return ["what", *tokens[1:]] if tokens[:3] == ["which", "kind", "of"] else tokens


def _any(tokens: Words) -> Words:
    """`is there any evidence` is `is there evidence`; `any two` and `any ... in every` are not without it."""
    if tokens[0] not in BE or tokens[1:3] != ["there", "any"] or not tokens[3:]:
        return tokens
    follows = tokens[3]
    turns = follows in NOT_AFTER_ANY or _number(follows) or set(tokens[3:]) & (QUANTIFIERS | NEGATIONS)
    return tokens if turns else [*tokens[:2], *tokens[3:]]


def _present(tokens: Words) -> Words:
    """`is pneumothorax present` is `is there pneumothorax`."""
    tail = IN_IMAGE if tokens[-3:] == IN_IMAGE else []
    body = tokens[: len(tokens) - len(tail)]
    if body[0] not in BE or body[-1] != "present" or not 3 <= len(body) <= 6:
        return tokens
    named = body[1:-1]
    definite = named[0] in (DETERMINERS - {"a", "an"}) or named[0] in (
        "there",
        "he",
        "she",
        "it",
        "they",
        "we",
        "you",
        "I",
    )
    if definite or _turned(named) or set(named) & (PREPOSITIONS - {"of"}):
        return tokens
    return [body[0], "there", *named, *tail]


def _measure(tokens: Words) -> Words:
    """`what is the age of the patient` is `how old is the patient`."""
    if len(tokens) < 7 or tokens[0] != "what" or tokens[1] not in BE or tokens[2] != "the":
        return tokens
    how = next((word for word, noun in MEASURES.items() if noun == tokens[3]), "")
    if (
        how
        and tokens[4:6] == ["of", "the"]
        and not _turned(tokens[5:])
        and not PREPOSITIONS & set(tokens[6:])
    ):
        return ["how", how, tokens[1], *tokens[5:]]
    return tokens


def _most(tokens: Words) -> Words:
    """`what is the tallest bar` is `which bar is the tallest`, of one plain noun."""
    tail = tokens[-3:] if tokens[-3:-2] in (["in"], ["on"]) and tokens[-2:-1] == ["the"] else []
    body = tokens[: len(tokens) - len(tail)]
    if tail and tail[2] not in SHEET_NOUNS | IMAGE_NOUNS:
        return tokens
    if len(body) != 5 or body[0] not in ("what", "which"):
        return tokens
    if body[1] in BE and body[2] == "the" and body[3] in SUPERLATIVES and body[4].islower():
        return ["which", body[4], body[1], "the", body[3], *tail]
    if body[2] in BE and body[3] == "the" and body[4] in SUPERLATIVES:
        return ["which", *body[1:], *tail]
    return tokens


def _largest(tokens: Words) -> Words:
    """`the biggest bar` is `the largest bar`."""
    found = list(tokens)
    for place, word in enumerate(tokens[:-1]):
        if word == "biggest" and tokens[place + 1] in SIZE_NOUNS:
            found[place] = "largest"
    return found


def _number(token: str) -> bool:
    return token[0].isdigit() or token[0] == "$"


def _find(tokens: Words, word: str) -> int:
    return tokens.index(word) if word in tokens else 0


_ABOUT_ONE_IMAGE: tuple[Callable[[Words], Words], ...] = (_fronted, _image, _sheet, _shown)
_CHANGES: tuple[Callable[[Words], Words], ...] = (
    _there,
    _number_of,
    _color,
    _which,
    _present,
    _any,
    _largest,
    _most,
    _measure,
)
