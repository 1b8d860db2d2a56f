"""Words and sentences of scripts other than Latin; English stays as it is."""

from __future__ import annotations

import pytest

from core.text import content_words, is_sentence, sentences, word_parts, words


def test_scripts_without_spaces_give_pairs_of_characters_and_their_digits_apart() -> None:
    assert words("灯塔建于1884年") == ["灯塔", "塔建", "建于", "1884", "年"]
    assert set(words("灯塔")) & set(words("这座灯塔很高"))
    assert words("切符は7ユーロ")[:3] == ["切符", "符は", "7"]
    assert word_parts("ไทย") == ["ไท", "ทย"]


@pytest.mark.parametrize("word", ["lighthouse", "P-300", "größe", "маяк", "منارة", "1884"])
def test_words_between_spaces_are_left_whole(word: str) -> None:
    assert word_parts(word) == [word]


def test_english_words_are_as_they_were() -> None:
    text = "The pump P-300 moves 300 litres a minute; don't run it dry."
    assert words(text) == [
        "the", "pump", "p-300", "moves", "300", "litres", "a", "minute", "don't", "run", "it", "dry",
    ]  # fmt: skip
    assert "the" not in content_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "Маяк построен в 1884 году.|Он стоит на скале.",
        "Το φως είναι πράσινο.|Έσβησε το 1990.",
        "Le phare est haut.|Élevé en 1884, il brille.",
        "¿Quién vive?|¡Nadie!",
        "بُنيت المنارة عام 1884.|وهي خضراء.",
        "The light is green.|It shines.",
    ],
)
def test_sentences_end_before_a_capital_of_any_script_or_an_arabic_letter(text: str) -> None:
    parts = text.split("|")
    assert sentences(" ".join(parts)) == parts


def test_sentences_of_chinese_and_japanese_need_no_space_between_them() -> None:
    assert sentences("灯塔很高。它是绿色的。谁建的？") == ["灯塔很高。", "它是绿色的。", "谁建的？"]


def test_a_figure_or_an_abbreviation_still_ends_nothing() -> None:
    assert sentences("It is 2.5 bar, e.g. for tyres.") == ["It is 2.5 bar, e.g. for tyres."]
    assert sentences("Цена 2.5 евро.") == ["Цена 2.5 евро."]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("The head gardener is Tomas Weir.", True),
        ("Entry is free on Mondays!", True),
        ("The head gardener is Tomas Weir", False),
        ("ABC TRADING (M) SDN. BHD.", False),
        ("14 Orchard Road, Leeds St.", False),
        ("Date of birth:", False),
        ("", False),
    ],
)
def test_a_whole_sentence_is_told_from_labels_names_and_addresses(text: str, whole: bool) -> None:
    assert is_sentence(text) is whole
