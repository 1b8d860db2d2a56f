"""Metrics of short and long answers agree with the published programs, and read what those do not."""

from __future__ import annotations

import random

import pytest
from nltk.translate.bleu_score import SmoothingFunction
from nltk.translate.bleu_score import corpus_bleu as nltk_corpus_bleu

from evals.metrics.numbers import numeric_match, relaxed_match
from evals.metrics.overlap import corpus_bleu, rouge_l, sentence_bleu
from evals.metrics.text import anls, exact_match, squad_exact, token_f1
from evals.metrics.vqa import vqa_accuracy, vqa_exact, vqa_normal
from evals.metrics.words import metric_words
from tests.evals.metric_cases import like, random_text, reference


def test_answers_are_normalised_as_vqas_evaluation_does() -> None:
    cases = reference("vqa_normal")
    assert len(cases) >= 200
    assert [vqa_normal(answer) for answer, _ in cases] == [normal for _, normal in cases]


def test_vqa_accuracy_agrees_with_vqas_evaluation() -> None:
    cases = reference("vqa_accuracy")
    assert len(cases) >= 200
    for prediction, answers, accuracy in cases:
        assert vqa_accuracy(prediction, answers) == pytest.approx(accuracy, abs=1e-6), (prediction, answers)


def test_vqa_accuracy_by_hand() -> None:
    answers = ["cat"] * 2 + ["dog"] * 8
    assert vqa_accuracy("Cat.", answers) == pytest.approx(0.6)
    assert vqa_accuracy("the dog", answers) == 1
    assert vqa_accuracy("YES", ["yes"] * 10) == 1
    assert vqa_accuracy("", ["", *answers[1:]]) == 0
    assert vqa_accuracy("cat", []) is None


def test_a_letter_is_an_answer_though_it_is_an_article() -> None:
    assert vqa_exact("A", ["a"]) == 1
    assert vqa_exact("A", ["b"]) == 0
    assert vqa_exact("", [""]) == 0


def test_squad_scores_agree_with_squads_evaluation() -> None:
    cases = reference("squad")
    assert len(cases) >= 200
    for prediction, golds, exact, f1 in cases:
        assert squad_exact(prediction, golds) == exact, (prediction, golds)
        assert token_f1(prediction, golds) == pytest.approx(f1), (prediction, golds)


def test_anls_agrees_with_a_published_implementation() -> None:
    cases = reference("anls")
    assert len(cases) >= 200
    for prediction, golds, score in cases:
        assert anls(prediction, golds) == pytest.approx(score), (prediction, golds)


def test_anls_by_hand() -> None:
    assert anls("abcd", "abce") == 0.75
    assert anls("ab", "ac") == 0  # a half apart is too far
    assert anls("", "abc") == 0
    assert anls(" New  York ", ["new york"]) == 1
    assert anls("x", []) is None


def test_relaxed_accuracy_agrees_with_a_published_implementation() -> None:
    cases = reference("relaxed_accuracy")
    assert len(cases) >= 200
    for prediction, gold, correct in cases:
        assert relaxed_match(prediction, gold) == correct, (prediction, gold)


@pytest.mark.parametrize("odd", ["", "nan", "inf", "-", "%", "1e999", "1_0", "٣", "\x00"])
def test_odd_numbers_are_wrong_and_not_errors(odd: str) -> None:
    assert relaxed_match(odd, "12") == 0
    assert numeric_match(odd, "12") == 0
    assert relaxed_match("12", odd) == 0


@pytest.mark.parametrize(
    ("said", "gold", "right"),
    [
        ("25", "25%", 1),
        ("0.25", "25%", 1),
        ("24.5 percent", "25%", 1),
        ("0.25%", "25%", 0),
        ("$1.2 million", "1,200,000", 1),
        ("1.2 million dollars", "$1,200,000", 1),
        ("1.2 billion", "1.2 million", 0),
        ("$5", "€5", 0),
        ("12 kg", "12", 1),
        ("12 kg", "12 mg", 0),
        ("about 21 people", "20 people", 1),
        ("22 people", "20 people", 0),
        ("3 cats", "3 dogs", 0),
        ("2011", "2010", 0),
        ("in 2010", "2010", 1),
        ("2050 people", "2000 people", 1),
        ("-5", "5", 0),
        ("−5", "-5", 1),
        ("0.0", "0", 1),
        ("0.01", "0", 0),
        ("12 or 13", "12", 0),
        ("Yes", "yes", 1),
        ("Asia", "Africa", 0),
        ("1.05", "1", 1),
        ("1.06", "1", 0),
    ],
)
def test_a_number_is_read_with_its_unit(said: str, gold: str, right: int) -> None:
    assert numeric_match(said, [gold]) == right


def test_exact_match_is_the_one_of_the_release_gate() -> None:
    assert exact_match("Two", ["2"]) == 1
    assert exact_match(None, ["2"]) == 0
    assert exact_match("2", []) is None


@pytest.mark.parametrize(
    ("said", "gold", "right"),
    [
        ("5", "\N{MINUS SIGN}5", 0),  # charts are drawn with this sign
        ("-5", "\N{MINUS SIGN}5", 1),
        ("\uff0d5", "-5", 1),
        ("5", ".5", 0),
        ("0.5", ".5", 1),
        ("-.5", "-0.5", 1),
        ("No. 5", "no 5", 1),
        ("wait... 5", "wait 5", 1),
        ("v1.5.", "v1.5", 1),
        ("\u0915\u093e\u092e", "\u0915\u0940\u092e", 0),  # Hindi: the vowel is a mark
        ("\u0915\u093e\u092e", "\u0915\u093e\u092e", 1),
        ("e\u0301clair", "\u00e9clair", 1),
        ("Stra\u00dfe", "STRASSE", 1),
    ],
)
def test_an_exact_match_keeps_signs_decimal_points_and_marks(said: str, gold: str, right: int) -> None:
    assert exact_match(said, gold) == right


def test_rouge_l_agrees_with_rouge_score() -> None:
    from rouge_score import rouge_scorer

    class Words:
        def tokenize(self, text: str) -> list[str]:
            return metric_words(text)

    own = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=False)
    any_script = rouge_scorer.RougeScorer(["rougeL"], tokenizer=Words())
    rng = random.Random(7)
    for number in range(400):
        plain = number % 2 == 0
        golds = [random_text(rng, 12, ascii_only=plain) for _ in range(rng.randint(1, 3))]
        said = random_text(rng, 12, ascii_only=plain) if rng.random() < 0.3 else like(rng, rng.choice(golds))
        plain = all(text.isascii() for text in (said, *golds))
        theirs = (own if plain else any_script).score_multi(golds, said)["rougeL"].fmeasure
        assert rouge_l(said, golds) == pytest.approx(theirs), (said, golds)


def test_words_of_any_script_count() -> None:
    assert metric_words("Ünder_score, 東京は हिन्दी!") == ["ünder", "score", "東", "京", "は", "हिन्दी"]
    assert rouge_l("東京都", "東京") == pytest.approx(0.8)
    assert rouge_l("!!", "??") == 0


def test_bleu_agrees_with_nltk() -> None:
    rng = random.Random(3)
    smooth = SmoothingFunction().method3
    for _ in range(200):
        golds = [[random_text(rng, 12) + " the cat sat" for _ in range(rng.randint(1, 3))] for _ in range(6)]
        # NLTK counts a text of fewer than four words as one n-gram that is wrong; longer ones only.
        said = [like(rng, rng.choice(texts)) + " under the big old house" for texts in golds]
        theirs = nltk_corpus_bleu(
            [[text.split() for text in texts] for texts in golds],
            [text.split() for text in said],
            smoothing_function=smooth,
        )
        assert corpus_bleu(said, golds, "none") == pytest.approx(theirs, abs=1e-9)


def test_bleu_by_hand() -> None:
    # 5 of 6 words, 3 of 5 pairs, 1 of 4 triples; no fours: 1 / (2 * 3). No brevity penalty.
    wanted = (5 / 6 * 3 / 5 * 1 / 4 * 1 / 6) ** 0.25
    assert corpus_bleu(["the cat sat on a mat"], ["the cat sat upon a mat"], "none") == pytest.approx(wanted)
    assert sentence_bleu("the cat sat on a mat", "the cat sat upon a mat") == pytest.approx(wanted)
    assert corpus_bleu(["", None], ["the cat", "a dog"]) == 0
    assert corpus_bleu([], []) is None
    assert sentence_bleu("x", []) is None


def test_bleu_refuses_a_sample_without_a_reference() -> None:
    with pytest.raises(ValueError, match="none empty"):
        corpus_bleu(["a", "b"], [["a"], []])
