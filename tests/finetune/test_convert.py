from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from core.errors import VidenceError
from finetune.data.convert.base import Options
from finetune.data.convert.registry import CONVERTERS, converter
from finetune.data.dataset import Dataset
from finetune.data.ingest import ConvertReport, convert
from finetune.data.rows import TrainRow
from tests.finetune.samples import png, put


def run(name: str, source: Path, **options: Any) -> tuple[list[TrainRow], ConvertReport]:
    dataset = Dataset(source.parent / f"{source.name}-out")
    report = convert(converter(name), source, dataset, "x", options=Options(**options), verify=True)
    return dataset.rows(), report


def only(rows: list[TrainRow], question: str) -> TrainRow:
    (found,) = [row for row in rows if row.question == question]
    return found


def test_vqa_v2_joins_questions_with_their_ten_answers_and_ranks_them(tmp_path: Path) -> None:
    root = tmp_path / "vqa"
    votes = ["net"] * 6 + ["Net"] + ["goal"] * 3
    asked = [
        {"image_id": 42, "question": "What is this?", "question_id": 42000},
        {"image_id": 42, "question": "Is it day?", "question_id": 42001},
        {"image_id": 7, "question": "Gone?", "question_id": 7000},
        {"image_id": 42, "question": "Unanswered?", "question_id": 42002},
    ]
    told = [
        {
            "question_id": 42000,
            "image_id": 42,
            "answer_type": "other",
            "question_type": "what is this",
            "multiple_choice_answer": "net",
            "answers": [{"answer": one, "answer_confidence": "yes", "answer_id": 1} for one in votes],
        },
        {"question_id": 42001, "answer_type": "yes/no", "multiple_choice_answer": "yes", "answers": []},
        {"question_id": 7000, "answer_type": "yes/no", "multiple_choice_answer": "yes", "answers": []},
    ]
    for subtype, image in (("val2014", 1), ("train2014", 2)):
        put(
            root / f"v2_OpenEnded_mscoco_{subtype}_questions.json",
            {"data_subtype": subtype, "questions": asked[:1] if subtype == "train2014" else asked},
        )
        put(root / f"v2_mscoco_{subtype}_annotations.json", {"annotations": told})
        put(root / subtype / f"COCO_{subtype}_000000000042.jpg", image)
    rows, report = run("vqa_v2", root)
    assert report.skipped == {"missing image": 1, "no annotation": 1}
    row = next(row for row in rows if row.split == "dev" and row.kind != "yes_no")
    assert row.answers == ("net", "goal", "Net")
    assert row.metadata["votes"] == {"net": 6, "Net": 1, "goal": 3}
    assert only(rows, "Is it day?").kind == "yes_no"
    assert {row.split for row in rows} == {"train", "dev"}
    assert len({row.image_sha256 for row in rows}) == 2


@pytest.mark.parametrize("shape", ["json", "jsonl", "xlsx"])
def test_vqa_rad_keeps_its_test_questions_apart_in_every_layout(tmp_path: Path, shape: str) -> None:
    root = tmp_path / "rad"
    items = [
        {"qid": 1, "image_name": "synpic1.jpg", "question": "Is it axial?", "answer": "Yes",
         "answer_type": "CLOSED", "phrase_type": "freeform", "question_type": "PLANE"},
        {"qid": 2, "image_name": "synpic1.jpg", "question": "How many kidneys?", "answer": 2,
         "answer_type": "OPEN ", "phrase_type": "test_para", "question_type": "COUNT"},
        {"qid": 3, "image_name": "synpic1.jpg", "question": "And now?", "answer": "",
         "answer_type": "OPEN", "phrase_type": "para", "question_type": "OTHER"},
        {"qid": 4, "image_name": "synpic9.jpg", "question": "Gone?", "answer": "no",
         "answer_type": "CLOSED", "phrase_type": "para", "question_type": "OTHER"},
    ]  # fmt: skip
    put(root / "VQA_RAD Image Folder" / "synpic1.jpg", 1)
    if shape == "json":
        put(root / "VQA_RAD Dataset Public.json", items)
    elif shape == "jsonl":
        import json

        put(root / "dev.jsonl", "\n".join(map(json.dumps, items)) + "\n{broken\n")
    else:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        book.active.append([key.upper() for key in items[0]])
        for item in items:
            book.active.append(list(item.values()))
        book.save(root / "VQA_RAD Dataset Public.xlsx")
    rows, report = run("vqa_rad", root)
    assert {(row.question, row.answers[0], row.split) for row in rows} == {
        ("Is it axial?", "Yes", "train"),
        ("How many kidneys?", "2", "test"),
    }
    expected = {"no answer": 1, "missing image": 1, **({"broken line": 1} if shape == "jsonl" else {})}
    assert report.skipped == expected
    assert {row.licence for row in rows} == {"CC0-1.0"}
    assert only(rows, "Is it axial?").metadata["answer_type"] == "CLOSED"


def test_slake_takes_english_unless_told_otherwise_and_tells_images_by_their_folder(tmp_path: Path) -> None:
    root = tmp_path / "Slake1.0"
    item = {
        "img_name": "xmlab1/source.jpg",
        "answer_type": "OPEN",
        "content_type": "Modality",
        "modality": "MRI",
    }
    put(root / "imgs" / "xmlab1" / "source.jpg", 1)
    put(root / "imgs" / "xmlab2" / "source.jpg", 2)
    put(root / "train.json", [
        {**item, "qid": 0, "q_lang": "en", "question": "What modality?", "answer": "MRI"},
        {**item, "qid": 1, "q_lang": "zh", "question": "什么模态？", "answer": "核磁共振"},
        {**item, "qid": 2, "q_lang": "en", "img_name": "xmlab7/source.jpg", "question": "?", "answer": "x"},
    ])  # fmt: skip
    put(root / "validate.json", [
        {**item, "img_name": "xmlab2/source.jpg", "q_lang": "en", "question": "Is it CT?", "answer": "No"}
    ])  # fmt: skip
    rows, report = run("slake", root)
    assert {(row.question, row.split, row.kind) for row in rows} == {
        ("What modality?", "train", "modality"),
        ("Is it CT?", "dev", "yes_no"),
    }
    assert report.skipped == {"other language": 1, "missing image": 1}
    assert len({row.image_sha256 for row in rows}) == 2
    chinese, _ = run("slake", root, languages=("zh",), splits=("train",))
    assert [row.answers for row in chinese] == [("核磁共振",)]


def test_path_vqa_reads_both_plain_pickles(tmp_path: Path) -> None:
    root = tmp_path / "pvqa"
    put(root / "images" / "train" / "train_0001.jpg", 1)
    items = [{"image": "train_0001", "question": "What is seen?", "answer": "glands"}]
    put(root / "qas" / "train" / "train_qa.pkl", pickle.dumps(items))
    rows, _ = run("path_vqa", root)
    assert [row.answers for row in rows] == [("glands",)]
    other = tmp_path / "other"
    put(other / "images" / "val" / "val_0001.jpg", 2)
    shape = [{"img_id": "val_0001", "sent": "Is it pale?", "label": {"yes": 1.0}, "answer_type": "yes/no"}]
    put(other / "qas" / "val" / "val_vqa.pkl", pickle.dumps(shape))
    rows, _ = run("path_vqa", other)
    assert [(row.question, row.answers, row.split) for row in rows] == [("Is it pale?", ("yes",), "dev")]


class _Runs:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("/tmp/vidence-pickle-ran"),))


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    put(tmp_path / "pvqa" / "train_qa.pkl", pickle.dumps([_Runs()]))
    with pytest.raises(VidenceError) as caught:
        run("path_vqa", tmp_path / "pvqa")
    assert caught.value.kind == "blocked"
    assert not Path("/tmp/vidence-pickle-ran").exists()


def test_parquet_rows_bring_their_images_along(tmp_path: Path) -> None:
    arrow, tables = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [
        {"image": {"bytes": png(1), "path": "a.png"}, "question": "What is it?", "answer": "a lung"},
        {"image": {"bytes": b"no image", "path": "b.png"}, "question": "And this?", "answer": "a heart"},
    ]
    for name in ("vqa_rad", "path_vqa"):
        root = tmp_path / name
        root.mkdir()
        tables.write_table(arrow.Table.from_pylist(rows), root / "test-00000-of-00001.parquet")
        found, report = run(name, root)
        assert [(row.answers, row.split) for row in found] == [(("a lung",), "test")]
        assert report.skipped == {"broken image": 1}


def labelme(name: str, *boxes: tuple[float, ...], size: tuple[int, int] = (64, 48)) -> dict[str, Any]:
    shapes = [{"label": name, "shape_type": "rectangle", "points": [box[2:], box[:2]]} for box in boxes]
    return {"imageWidth": size[0], "imageHeight": size[1], "shapes": shapes}


def test_stcray_asks_whether_which_and_where_of_boxes_masks_and_clean_scans(tmp_path: Path) -> None:
    root = tmp_path / "stcray" / "STCray_TrainSet"
    put(root / "Images" / "Class 2_Gun" / "one.jpg", 1)
    put(root / "Json_BB" / "Class 2_Gun" / "one.json", labelme("Gun", (4, 2, 14, 10)))
    put(root / "Captions" / "Class 2_Gun" / "one.txt", "A gun lies in the upper left.")
    put(root / "Images" / "Class 22_Non Threat" / "two.jpg", 2)
    put(root / "Images" / "Class 4_Knife" / "three.jpg", 3)
    put(root / "Json_BB" / "Class 4_Knife" / "three.json", labelme("Knife", (60, 40, 90, 47)))
    put(root / "Images" / "Class 4_Knife" / "four.jpg", 4)
    put(root / "Images" / "Class 4_Knife" / "five.jpg", 5)
    put(root / "Json_BB" / "Class 4_Knife" / "five.json", labelme("Knife", (1, 1, 9, 9), size=(128, 96)))
    rows, report = run("stcray", tmp_path / "stcray")
    gun = {
        row.kind: row for row in rows if row.metadata["origin"]["image"] == "one.jpg" and row.kind != "item"
    }
    assert gun["threat"].answers == ("yes",)
    assert gun["which"].answers == ("gun",)
    assert gun["where"].answers == ("upper left",)
    assert gun["grounding"].answers == ("[62, 42, 219, 208]",)
    assert gun["grounding"].boxes == ((4.0, 2.0, 14.0, 10.0),)
    assert gun["caption"].answers == ("A gun lies in the upper left.",)
    clean = {row.kind: row.answers for row in rows if row.metadata["origin"]["image"] == "two.jpg"}
    assert clean == {"threat": ("no",), "which": ("none",), "item": ("no",)}
    assert report.skipped["box outside the image"] == 2
    assert report.skipped["no annotation"] == 1
    assert report.skipped["size differs"] == 2
    assert {row.licence for row in rows} == {CONVERTERS["stcray"].licence}


def test_stcray_instructions_are_rows_of_their_turns(tmp_path: Path) -> None:
    root = tmp_path / "s"
    put(root / "Images" / "x.jpg", 1)
    turns = [
        {"from": "human", "value": "<image>\nIs there a threat?"},
        {"from": "gpt", "value": "Yes."},
        {"from": "human", "value": "Which?"},
        {"from": "gpt", "value": "A wrench."},
    ]
    put(root / "StingBee_XrayInstruct.json", [{"id": 1, "image": "x.jpg", "conversations": turns}])
    rows, _ = run("stcray", root)
    assert {(row.question, row.answers[0]) for row in rows} == {
        ("Is there a threat?", "Yes."),
        ("Which?", "A wrench."),
    }


def test_scans_with_incomplete_labels_are_never_said_to_lack_something(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    for number in range(3):
        put(root / f"{number}.png", number)
    lines = [
        '{"image": "0.png", "label": ["gun"], "label_kind": "at least this class (not exhaustive)"}',
        '{"image": "1.png", "label": ["no_threat"], "label_kind": "exhaustive single object crop"}',
        '{"image": "2.png", "label": ["safe"], "label_kind": "exhaustive for gun/knife; pixel mask"}',
    ]
    put(root / "dev.jsonl", "\n".join(lines))
    rows, _ = run("xray_baggage", root)
    by = {
        name: [row for row in rows if row.metadata["origin"]["image"] == name] for name in ("0.png", "2.png")
    }
    assert {row.answers for row in by["0.png"]} == {("yes",)}
    assert "which" not in {row.kind for row in by["0.png"]}
    assert all("gun" in row.question and "prohibited item in" not in row.question for row in by["2.png"][:1])
    clean = [
        row.answers for row in rows if row.metadata["origin"]["image"] == "1.png" if row.kind == "threat"
    ]
    assert clean == [("no",)]
    assert {row.licence for row in rows} == {"research only (GDXray, SIXray)"}


def test_chartqa_keeps_the_table_and_who_asked(tmp_path: Path) -> None:
    root = tmp_path / "ChartQA Dataset"
    put(root / "val" / "png" / "7.png", 1)
    put(root / "val" / "tables" / "7.csv", "Year,Sales\n2020,14\n")
    put(
        root / "val" / "val_human.json",
        [{"imgname": "7.png", "query": "How many sales in 2020?", "label": "14"}],
    )
    put(root / "val" / "val_augmented.json", [{"imgname": "8.png", "query": "And?", "label": "x"}])
    rows, report = run("chartqa", root)
    (row,) = rows
    assert (row.answers, row.split, row.metadata["asked_by"]) == (("14",), "dev", "human")
    assert row.metadata["table"] == "Year,Sales\n2020,14"
    assert report.skipped == {"missing image": 1}


def test_sroie_asks_for_each_field_with_its_line_and_one_form_for_all(tmp_path: Path) -> None:
    root = tmp_path / "sroie"
    for where in ("train", "test"):
        put(root / where / "img" / f"X5{where}.jpg", 1 if where == "train" else 2)
        fields = {"company": "SHOP, LTD", "date": "3/12/2017", "address": "", "total": "RM1,073.5"}
        put(root / where / "entities" / f"X5{where}.txt", fields)
        put(
            root / where / "box" / f"X5{where}.txt",
            "2,2,30,2,30,9,2,9,SHOP, LTD\n2,20,30,20,30,29,2,29,Total\n",
        )
    rows, report = run("sroie", root, splits=("train",))
    assert {row.kind: row.answers for row in rows} == {
        "company": ("SHOP, LTD",),
        "date": ("3/12/2017", "2017-12-03"),
        "total": ("RM1,073.5", "1073.50"),
    }
    assert next(row for row in rows if row.kind == "company").boxes == ((2.0, 2.0, 30.0, 9.0),)
    assert report.skipped == {"no answer": 1}


def test_easy_vqa_reads_its_repository_and_its_package(tmp_path: Path) -> None:
    for data in (tmp_path / "repo", tmp_path / "easy_vqa" / "data"):
        for split in ("train", "test"):
            put(data / split / "images" / "0.png", 1 if split == "train" else 2)
            asked = [["what shape is it?", "circle", 0], ["is it red?", "no", 0], ["broken"]]
            put(data / split / "questions.json", asked)
    for root in (tmp_path / "repo", tmp_path / "easy_vqa"):
        rows, report = run("easy_vqa", root)
        assert {(row.kind, row.split) for row in rows} == {
            ("shape", "train"), ("yes_no", "train"), ("shape", "test"), ("yes_no", "test")
        }  # fmt: skip
        assert report.skipped == {"broken line": 2}


def test_squad_says_unanswerable_and_keeps_an_article_together(tmp_path: Path) -> None:
    root = tmp_path / "squad"
    asked = [
        {"id": "a", "question": "Who?", "answers": [{"text": "Ada", "answer_start": 0}, {"text": "Ada"}]},
        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
    ]
    put(
        root / "train-v2.0.json",
        {"data": [{"title": "T", "paragraphs": [{"context": "Ada did.", "qas": asked}]}]},
    )
    rows, _ = run("squad", root)
    assert {row.question.split("\n\n")[1]: row.answers for row in rows} == {
        "Who?": ("Ada",),
        "Why?": ("unanswerable",),
    }
    assert {row.group for row in rows} == {"squad:T"}


def test_captions_come_from_coco_flickr_and_lines(tmp_path: Path) -> None:
    coco = tmp_path / "coco"
    put(coco / "val2017" / "000000000001.jpg", 1)
    put(coco / "annotations" / "captions_val2017.json", {
        "images": [{"id": 1, "file_name": "000000000001.jpg", "license": 4}],
        "licenses": [{"id": 4, "name": "Attribution License"}],
        "annotations": [{"image_id": 1, "caption": "A cat. "}, {"image_id": 1, "caption": "One cat."}],
    })  # fmt: skip
    flickr = tmp_path / "flickr"
    put(flickr / "Images" / "1.jpg", 2)
    put(flickr / "captions.txt", "image,caption\n1.jpg,A dog runs .\n1.jpg,A dog .\n")
    token = tmp_path / "token"
    put(token / "Flicker8k_Dataset" / "1.jpg", 3)
    put(token / "Flickr8k.token.txt", "1.jpg#0\tA boy .\n1.jpg#1\tA child .\n2.jpg#0\tGone .\n")
    for root, answers in ((coco, ("A cat.", "One cat.")), (flickr, ("A dog runs .", "A dog .")),
                          (token, ("A boy .", "A child ."))):  # fmt: skip
        (row,) = run("captions", root)[0]
        assert row.answers == answers
    (row,) = run("captions", coco)[0]
    assert (row.licence, row.split) == ("Attribution License", "dev")


def test_grounding_leaves_out_crowds_and_boxes_of_another_size(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    put(root / "val2017" / "1.jpg", 1)
    put(root / "annotations" / "instances_val2017.json", {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "person"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 3, "bbox": [32, 24, 32, 24], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 4, "bbox": [0, 0, 9, 9], "iscrowd": 1},
            {"id": 3, "image_id": 1, "category_id": 4, "bbox": [0, 0, 5, 5], "iscrowd": 0},
        ],
    })  # fmt: skip
    (row,) = run("grounding", root)[0]
    assert (row.question, row.answers) == ("Where is the cat? Give its box.", ("[500, 500, 1000, 1000]",))


def test_refcoco_expressions_find_their_boxes(tmp_path: Path) -> None:
    root = tmp_path / "refcoco"
    put(root / "images" / "COCO_train2014_000000000009.jpg", 1)
    refs = [{"ref_id": 5, "ann_id": 1, "image_id": 9, "split": "testA",
             "file_name": "COCO_train2014_000000000009_16.jpg",
             "sentences": [{"sent": "the left one"}]}]  # fmt: skip
    put(root / "refs(unc).p", pickle.dumps(refs, protocol=2))
    put(root / "instances.json", {"images": [], "annotations": [{"id": 1, "bbox": [0, 0, 16, 12]}]})
    (row,) = run("grounding", root)[0]
    assert (row.question, row.split) == ("Where is this: the left one? Give its box.", "test")
    assert row.boxes == ((0.0, 0.0, 16.0, 12.0),)


@pytest.mark.parametrize("name", sorted(CONVERTERS))
def test_a_folder_of_another_layout_is_refused_with_the_expected_one(tmp_path: Path, name: str) -> None:
    put(tmp_path / "in" / "readme.md", "nothing here")
    with pytest.raises(VidenceError) as caught:
        run(name, tmp_path / "in")
    assert caught.value.kind == "invalid_input"
    assert caught.value.help.startswith("Expected: ")


@pytest.mark.parametrize("name", sorted(CONVERTERS))
def test_broken_files_are_reported_and_never_crash(tmp_path: Path, name: str) -> None:
    root = tmp_path / "in" / "train"
    for file in ("v2_x_train2014_questions.json", "VQA_RAD.json", "train.json", "train_qa.json",
                 "train_human.json",
                 "questions.json", "train-v1.1.json", "captions_train.json", "instances_train.json",
                 "a_Instruct.json", "dev.jsonl", "X.txt"):  # fmt: skip
        put(root / file, "{not json")
    with pytest.raises(VidenceError) as caught:
        run(name, tmp_path / "in")
    assert caught.value.kind == "invalid_input"
    assert "broken" in caught.value.message or "Expected" in caught.value.help


def test_an_annotation_cannot_name_files_outside_its_set(tmp_path: Path) -> None:
    put(tmp_path / "secret" / "key.png", 1)
    put(tmp_path / "in" / "x.jsonl", '{"image": "../secret/key.png", "caption": "A key."}')
    with pytest.raises(VidenceError, match="missing image"):
        run("captions", tmp_path / "in")


_SOUND = {
    "vqa_v2": ("v2_OpenEnded_mscoco_train2014_questions.json", "questions"),
    "squad": ("train-v2.0.json", "data"),
    "captions": ("captions_train2017.json", "images"),
    "grounding": ("instances_train2017.json", "annotations"),
    "stcray": ("StingBee_XrayInstruct.json", ""),
    "sroie": ("list.jsonl", ""),
}


def _two_records(name: str, root: Path) -> Any:
    """Write the images and side files of two records; return the main file's content."""
    if name == "vqa_v2":
        for number in (1, 2):
            put(root / "train2014" / f"COCO_train2014_{number:012d}.jpg", number)
        told: list[Any] = [
            {"question_id": n, "multiple_choice_answer": "cat", "answers": [5]} for n in (1, 2)
        ]
        put(
            root / "v2_mscoco_train2014_annotations.json",
            {"annotations": [None, {"question_id": []}, *told]},
        )
        asked = [{"question_id": n, "image_id": n, "question": f"What is {n}?"} for n in (1, 2)]
        return {"data_subtype": "train2014", "questions": asked}
    if name == "squad":
        questions = [{"question": f"What colour {n}?", "answers": [{"text": "blue"}]} for n in (1, 2)]
        return {"data": [{"paragraphs": [{"context": "It is blue.", "qas": [one]}]} for one in questions]}
    for number in (1, 2):
        put(root / "train2017" / f"{number}.jpg", number)
    pictures: list[Any] = [{"id": n, "file_name": f"{n}.jpg"} for n in (1, 2)]
    if name == "captions":
        return {"images": pictures, "annotations": [{"image_id": n, "caption": f"a {n}"} for n in (1, 2)]}
    if name == "grounding":
        dog: list[Any] = [{"id": 1, "name": "dog"}]
        boxes = [{"image_id": n, "category_id": 1, "bbox": [1, 2, 9, 9]} for n in (1, 2)]
        return {"images": pictures, "categories": dog, "annotations": boxes}
    if name == "sroie":
        return [{"image": f"{n}.jpg", "key": {"company": f"Shop {n}"}} for n in (1, 2)]
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A gun."}]
    return [{"image": f"{n}.jpg", "conversations": turns} for n in (1, 2)]


@pytest.mark.parametrize("odd", [None, [], 5, "x", {"id": []}, {"conversations": 5}, {"paragraphs": [5]},
                                 {"image": "1.jpg", "key": 5}])  # fmt: skip
@pytest.mark.parametrize("name", sorted(_SOUND))
def test_an_odd_record_costs_itself_only(tmp_path: Path, name: str, odd: Any) -> None:
    body = _two_records(name, tmp_path)
    file, part = _SOUND[name]
    (body[part] if part else body).insert(0, odd)
    put(tmp_path / file, "\n".join(map(json.dumps, body)) if file.endswith(".jsonl") else body)
    rows, report = run(name, tmp_path)
    assert len(rows) == 2
    assert "rest not readable" not in report.skipped
    assert sum(report.skipped.values()) >= 1 or name == "captions"


def test_a_broken_annotation_of_a_threat_is_never_a_scan_without_one(tmp_path: Path) -> None:
    root = tmp_path / "STCray_TrainSet"
    gun = {"label": "Gun", "points": [[1, 1], [9, 9]]}
    bodies: list[Any] = [{}, {"shapes": []}, {"shapes": None}, {"shapes": [gun, {"label": "Knife"}]}]
    for number, body in enumerate([{"shapes": [gun]}, *bodies]):
        put(root / "Images" / "Class 1_Gun" / f"{number}.jpg", number)
        put(root / "Json_BB" / "Class 1_Gun" / f"{number}.json", body)
    rows, report = run("stcray", tmp_path)
    assert {row.answers[0] for row in rows if row.kind in ("threat", "which")} == {"yes", "gun"}
    assert report.skipped["no annotation"] + report.skipped["broken record"] == len(bodies)


def test_an_unreadable_label_is_never_a_scan_without_a_threat(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path / f"{number}.png", number)
    labels: list[Any] = [["gun"], [None], [{}]]
    lines = [{"image": f"{n}.png", "label": one, "label_kind": "exhaustive"} for n, one in enumerate(labels)]
    put(tmp_path / "dev.jsonl", "\n".join(map(json.dumps, lines)))
    rows, report = run("xray_baggage", tmp_path)
    assert all(row.answers[0] in ("yes", "gun") for row in rows)
    assert report.skipped["no answer"] == 2


def test_a_missing_image_is_not_taken_for_one_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    put(tmp_path / "knife" / "1.jpg", 1)
    put(tmp_path / "gun" / "2.jpg", 2)
    put(tmp_path / "gun" / "3.jpg", 3)
    put(tmp_path / "copy" / "3.jpg", (tmp_path / "gun" / "3.jpg").read_bytes())
    put(tmp_path / "gun" / "4.jpg", 4)
    put(tmp_path / "knife" / "4.jpg", 5)
    names = ("gun/1.jpg", "elsewhere/2.jpg", "3.jpg", "4.jpg")
    lines = [{"image": name, "caption": f"Picture {name}"} for name in names]
    put(tmp_path / "x.jsonl", "\n".join(map(json.dumps, lines)))
    rows, report = run("captions", tmp_path)
    assert {row.answers[0] for row in rows} == {"Picture elsewhere/2.jpg", "Picture 3.jpg"}
    assert report.skipped == {"missing image": 2}


def test_an_empty_cell_is_no_answer_and_control_characters_are_no_text(tmp_path: Path) -> None:
    put(tmp_path / "synpic1.jpg", 1)
    record = {"image_name": "synpic1.jpg", "question": "What\u0000 is it?"}
    answers = (float("nan"), "\u0000", None, "a mass")
    put(tmp_path / "VQA_RAD.json", [{**record, "answer": answer} for answer in answers])
    rows, report = run("vqa_rad", tmp_path)
    assert [(row.question, row.answers) for row in rows] == [("What is it?", ("a mass",))]
    assert report.skipped == {"no answer": 3}


def test_an_empty_list_of_answers_is_a_mistake_but_in_the_copy_that_says_unanswerable_so(
    tmp_path: Path,
) -> None:
    asked = [{"id": "a", "question": "Why?", "answers": []},
             {"id": "b", "question": "How?", "answers": [], "is_impossible": True}]  # fmt: skip
    put(tmp_path / "train-v1.1.json", {"data": [{"paragraphs": [{"context": "So.", "qas": asked}]}]})
    rows, report = run("squad", tmp_path)
    assert [row.answers for row in rows] == [("unanswerable",)]
    assert report.skipped == {"no answer": 1}


@pytest.mark.parametrize("date", ["25/12/2018", "25 DEC 2018", "25-Dec-18", "2018-12-25", "25 12 2018"])
def test_sroie_dates_have_one_form_for_all(tmp_path: Path, date: str) -> None:
    put(tmp_path / "1.jpg", 1)
    put(tmp_path / "x.jsonl", json.dumps({"image": "1.jpg", "key": {"date": date}}))
    (row,) = run("sroie", tmp_path)[0]
    assert row.answers[-1] == "2018-12-25"
