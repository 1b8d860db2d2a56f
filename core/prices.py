"""What tokens cost: prices by model name, in a file that the setting `prices` names; none by default."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from pydantic import Field, ValidationError

from core.contracts import Contract
from core.errors import invalid_input
from core.settings import Settings

MILLION = 1e6
_ANY = "*"


class Price(Contract):
    """Of a million tokens, in the table's currency."""

    tokens_in: float = Field(ge=0)
    tokens_out: float = Field(ge=0)

    def of(self, tokens_in: float, tokens_out: float) -> float:
        """Return what so many tokens cost."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / MILLION


class PriceTable(Contract):
    """Prices by model name; a name may hold `*`. The exact name counts first, then the longest pattern."""

    currency: str = ""
    models: dict[str, Price] = Field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Return the price of a model, or None when the table does not name it."""
        if model in self.models:
            return self.models[model]
        fitting = [name for name in self.models if fnmatchcase(model, name)]
        return self.models[max(fitting, key=len)] if fitting else None

    def cost(self, models: Iterable[str], tokens_in: int, tokens_out: int) -> float | None:
        """Return what tokens cost that were spent by some of these models; None when no price is known.

        A run does not say which of its models spent them: where their prices differ the dearest counts, so
        that the figure is never too low.
        """
        prices = [price for model in models if (price := self.price(model)) is not None]
        return max((price.of(tokens_in, tokens_out) for price in prices), default=None)


def price_table(settings: Settings) -> PriceTable:
    """Return the prices of the settings: the file's, or `chat_price_in` and `chat_price_out` for any model.

    Blocking: it reads a file, once for each state of it.

    Raises:
        VidenceError: `invalid_input` when the file is missing or no table of prices.
    """
    if settings.prices:
        path = Path(settings.prices).expanduser()
        try:
            changed = path.stat().st_mtime_ns
        except OSError as error:
            raise invalid_input(
                f"There is no price table at {path}", help="Mend the setting `prices`, or leave it empty."
            ) from error
        return _read(path, changed)
    if settings.chat_price_in or settings.chat_price_out:
        flat = Price(tokens_in=settings.chat_price_in, tokens_out=settings.chat_price_out)
        return PriceTable(models={_ANY: flat})
    return PriceTable()


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> PriceTable:
    import yaml

    try:
        # JSON is YAML.
        return PriceTable.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (ValidationError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise invalid_input(
            f"{path} is no price table: {error}",
            help="For example: models: {NAME: {tokens_in: 0.5, tokens_out: 1.5}}, a million tokens each.",
        ) from error
