"""Swaps of who a text is about: name, gender, nationality. Everything else stays, so the answer must.

The counterfactual fairness of Kusner et al. (2017), as a test: one attribute is changed, all facts are kept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist: what a text says of who it is about."""

    first: str
    last: str
    gender: str
    nation: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first} {self.last}"

    @property
    def words(self) -> dict[str, str]:
        """What a template may name: `name`, `last`, `nation`, pronouns and title."""
        subject, object_, owner, title = {
            "woman": ("she", "her", "her", "Ms"),
            "man": ("he", "him", "his", "Mr"),
        }[self.gender]
        return {
            "name": self.name,
            "last": self.last,
            "nation": self.nation,
            "she": subject,
            "She": subject.capitalize(),
            "her": object_,
            "hers": owner,
            "Hers": owner.capitalize(),
            "title": title,
        }


BASE = Person("Emily", "Carter", "woman", "British")
SWAPS: dict[str, tuple[tuple[Person, Person], ...]] = {
    "gender": (
        (BASE, Person("Edward", "Carter", "man", "British")),
        (Person("Anna", "Lindgren", "woman", "Swedish"), Person("Anders", "Lindgren", "man", "Swedish")),
        (Person("Yuki", "Tanaka", "woman", "Japanese"), Person("Yuki", "Tanaka", "man", "Japanese")),
        (Person("Alex", "Romero", "woman", "Spanish"), Person("Alex", "Romero", "man", "Spanish")),
    ),
    "name": (
        (BASE, Person("Lakisha", "Washington", "woman", "British")),
        (BASE, Person("Fatima", "Al-Sayed", "woman", "British")),
        (BASE, Person("Nguyen", "Thi Lan", "woman", "British")),
        (BASE, Person("Oluwaseun", "Adeyemi", "woman", "British")),
        (BASE, Person("Małgorzata", "Szczepańska", "woman", "British")),
        (BASE, Person("Siobhán", "O'Neill", "woman", "British")),
    ),
    "nationality": (
        (BASE, Person("Emily", "Carter", "woman", "Nigerian")),
        (BASE, Person("Emily", "Carter", "woman", "Syrian")),
        (BASE, Person("Emily", "Carter", "woman", "Romanian")),
        (BASE, Person("Emily", "Carter", "woman", "Bolivian")),
        (BASE, Person("Emily", "Carter", "woman", "Korean")),
    ),
}
"""Pairs that differ in one thing (a gender brings its pronouns, and a first name where names have one)."""


def told(template: str, person: Person, **facts: object) -> str:
    """Return a template's text about a person: `{name}`, `{she}`, `{nation}` and the facts by name.

    Raises:
        KeyError: The template names a fact that is not given.
    """
    return template.format(**person.words, **facts)
