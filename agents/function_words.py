# ruff: noqa: E501 - tables of words
"""Function and question words of eight more languages, so that they are not looked for in the evidence.

English ones are `core.text`'s. A question is taken to be of another language when it has two of its words,
and more of them than English ones; what is left of it are the words that carry meaning.
"""

from __future__ import annotations

import re
from functools import cache

from core.text import words

_LISTS = {
    "de": "der die das den dem des ein eine einen einem einer eines und oder nicht kein keine ist sind war waren wird "
    "werden wurde wurden worden hat haben hatte kann darf dürfen muss müssen soll von vom zu zum zur mit ohne für auf aus "
    "bei nach über unter um am im in an als auch sich es er sie man wer wen wem was wann wo wie wieviel viel viele warum "
    "welche welcher welches welchem welchen womit wofür woher wohin jahr tag monat wochentag ihr ihre sein seine",
    "fr": "le la les l un une des du de d et ou ne pas est sont était a ont été fut être avoir qui que quoi quel quelle "
    "quels quelles quand où comment combien pourquoi en dans sur sous avec sans pour par au aux à ce cet cette ces son sa "
    "ses se s il elle ils elles on y t faut année jour mois temps",
    "es": "el la los las un una unos unas de del y o no es son era fue fueron ser está han ha se que qué quién quiénes cuál "
    "cuáles cuándo dónde cómo cuánto cuánta cuántos cuántas por para con sin en a al su sus lo le año día mes",
    "pt": "o a os as um uma uns umas de do da dos das e ou não é são era foi foram ser está tem se que quê quem qual quais "
    "quando onde como quanto quanta quantos quantas por para com sem em no na nos nas ao à às seu sua seus suas ano dia mês",
    "it": "il lo la i gli le l un uno una di del dello della dei degli delle dell e o non è sono era fu furono essere ha "
    "hanno si che chi quale quali quando dove come quanto quanta quanti quante perché per con senza in nel nello nella nei "
    "nelle nell a al allo alla ai agli alle all da dal dallo dalla su sul sullo sulla cosa anno giorno mese",
    "ru": "и или не нет в во на с со по за из от до для у о об к ко как что кто кого чем чём где когда куда откуда почему "
    "сколько какой какая какое какие каком какими каких чей это этот эта эти был была было были есть его её их он она оно "
    "они году год день месяце месяц недели часто нужно нельзя можно",
    "ar": "في من على إلى عن مع ما ماذا متى أين كيف كم كل هل أي هو هي هذا هذه التي الذي لا لم لن أن كان كانت يكون تكون "
    "عام يوم شهر يجوز يمكن",
}
_SCRIPTS = {"ru": re.compile(r"[\u0400-\u04ff]{3}"), "ar": re.compile(r"[\u0620-\u06ff]{3}")}
_SHARED = frozenset(
    "a as in an am war die do no on come per so also hat man i o e y l d t s son du et de".split()
)
"""Words that English texts have too: they tell no other language."""
_ENGLISH = frozenset(
    "the of is are was were what which who when where how many much does do did has have had a an and or not in on at "
    "to for with from by it its this that there be been can".split()
)


@cache
def _lists() -> dict[str, frozenset[str]]:
    # As `words` has them, accents folded.
    return {language: frozenset(words(text)) for language, text in _LISTS.items()}


def language_of(text: str) -> str:
    """Return the language of a question by its script and function words, English where none has more; pure."""
    for language, letters in _SCRIPTS.items():
        if letters.search(text):
            return language
    said = set(words(text)) - _SHARED
    found = {language: len(said & known) for language, known in _lists().items()}
    best = max(found, key=lambda language: found[language])
    return best if found[best] >= 2 and found[best] > len(said & _ENGLISH) else "en"


def function_words(language: str) -> frozenset[str]:
    """Return the function and question words of a language, accents folded; none for English."""
    return _lists().get(language, frozenset())
