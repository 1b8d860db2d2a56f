"""Prices by model: the nearest name counts, an unknown model has none, and a table that is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import VidenceError
from core.prices import price_table
from core.settings import Settings

TABLE = """
currency: EUR
models:
  small: {tokens_in: 1, tokens_out: 2}
  big-*: {tokens_in: 10, tokens_out: 20}
  big-eye-*: {tokens_in: 30, tokens_out: 60}
"""


def settings(path: Path, text: str = TABLE) -> Settings:
    path.write_text(text, encoding="utf-8")
    return Settings(prices=str(path))


def test_the_exact_name_counts_before_the_longest_pattern(tmp_path: Path) -> None:
    table = price_table(settings(tmp_path / "p.yaml"))
    assert table.currency == "EUR"
    assert table.cost(["small"], 1_000_000, 500_000) == pytest.approx(2.0)
    assert table.cost(["big-eye-2"], 1_000_000, 0) == pytest.approx(30.0)
    assert table.cost(["big-2"], 0, 1_000_000) == pytest.approx(20.0)


def test_a_model_without_a_price_has_no_cost_rather_than_none(tmp_path: Path) -> None:
    table = price_table(settings(tmp_path / "p.yaml"))
    assert table.cost(["other"], 1_000, 1_000) is None
    assert price_table(Settings()).cost(["small"], 1_000, 1_000) is None


def test_where_models_differ_the_dearest_counts(tmp_path: Path) -> None:
    table = price_table(settings(tmp_path / "p.yaml"))
    assert table.cost(["small", "big-2", "other"], 1_000_000, 0) == pytest.approx(10.0)


def test_a_flat_price_holds_for_any_model() -> None:
    table = price_table(Settings(chat_price_in=3.0, chat_price_out=6.0))
    assert table.cost(["whatever"], 1_000_000, 1_000_000) == pytest.approx(9.0)


def test_json_is_read_and_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    chosen = settings(path, '{"models": {"m": {"tokens_in": 1, "tokens_out": 1}}}')
    assert price_table(chosen).cost(["m"], 1_000_000, 0) == 1.0
    path.write_text('{"models": {"m": {"tokens_in": 25, "tokens_out": 1}}}', encoding="utf-8")
    assert price_table(chosen).cost(["m"], 1_000_000, 0) == 25.0


@pytest.mark.parametrize("text", ["models: [1, 2]", "models: {m: {tokens_in: -1, tokens_out: 0}}", "a: {"])
def test_a_table_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(VidenceError, match=r"p\.yaml") as caught:
        price_table(settings(tmp_path / "p.yaml", text))
    assert caught.value.kind == "invalid_input"


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(VidenceError, match="no price table"):
        price_table(Settings(prices=str(tmp_path / "none.yaml")))
