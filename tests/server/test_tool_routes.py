"""The routes beside runs: images one tool at a time, collections, vectors, ratings. Real embedded models."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image, ImageDraw

from server.runs.engine import open_default
from tests.support.live_server import live


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("routes")
    with live(home, open_services=open_default) as client:
        yield client


def encoded(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def source(image: Image.Image) -> dict[str, str]:
    return {"data_url": f"data:image/png;base64,{encoded(image)}"}


def square(color: str = "red") -> Image.Image:
    image = Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(image).rectangle((20, 20, 70, 70), fill=color)
    return image


def written(text: str = "TOTAL 12.50") -> Image.Image:
    from PIL import ImageFont

    image = Image.new("RGB", (420, 90), "white")
    ImageDraw.Draw(image).text((20, 20), text, fill="black", font=ImageFont.load_default(40))
    return image


def posted(client: httpx.Client, path: str, body: Any) -> Any:
    reply = client.post(path, json=body)
    assert reply.status_code in (200, 201), reply.text
    return reply.json()


def test_text_is_read_with_boxes_inside_the_image(client: httpx.Client) -> None:
    read = posted(client, "/v1/vision/ocr", {"image": source(written())})
    assert "12.50" in read["lines"][0]["text"]
    x0, y0, x1, y1 = read["lines"][0]["box"]
    assert 0 <= x0 < x1 <= read["width"]
    assert 0 <= y0 < y1 <= read["height"]


def test_an_image_is_described_by_its_pixels(client: httpx.Client) -> None:
    found = posted(client, "/v1/vision/analyze", {"image": source(square())})
    assert (found["width"], found["height"]) == (96, 96)
    assert found["drawn"]
    assert "red" in found["colors"]


def test_two_images_are_compared(client: httpx.Client) -> None:
    body = {"first": source(square("red")), "second": source(square("blue"))}
    assert "differ" in posted(client, "/v1/vision/compare", body)["text"]
    same = {"first": source(square()), "second": source(square())}
    assert "same" in posted(client, "/v1/vision/compare", same)["text"]


def test_what_is_no_chart_is_refused_with_the_reason(client: httpx.Client) -> None:
    reply = client.post("/v1/vision/chart-data", json={"image": source(written())})
    assert reply.status_code == 422
    assert reply.json()["code"] == "invalid_input"


def test_a_question_about_an_image_is_asked_as_json_and_as_a_form(client: httpx.Client) -> None:
    question = "What is the total?"
    asked = posted(client, "/v1/vqa", {"question": question, "images": [source(written())]})
    assert asked["short_answer"] == "12.50"
    assert asked["citations"]
    file = base64.b64decode(encoded(written()))
    reply = client.post("/v1/vqa", data={"question": question}, files={"image": ("r.png", file)})
    assert reply.status_code == 200, reply.text
    assert reply.json()["short_answer"] == "12.50"


@pytest.mark.parametrize(
    ("data", "files"),
    [
        ({}, {"image": ("r.png", b"x")}),
        ({"question": "What?"}, {"image": ("r.png", b"no image")}),
        ({"question": "What?", "image": "text"}, {}),
        ({"question": "What?", "profile": "poet"}, {}),
    ],
)
def test_a_bad_form_is_refused(client: httpx.Client, data: Any, files: Any) -> None:
    sent: Any = {**{name: (None, value) for name, value in data.items()}, **files}
    reply = client.post("/v1/vqa", files=sent or {"x": (None, "y")})
    assert reply.status_code == 422, reply.text


def test_a_scan_that_no_model_can_examine_is_never_cleared(client: httpx.Client) -> None:
    noise = Image.effect_noise((200, 200), 60).convert("RGB")
    verdict = posted(
        client,
        "/v1/inspect",
        {"scan_id": "s1", "image_base64": encoded(noise), "declared_items": ["shoes"]},
    )
    assert verdict["scan_id"] == "s1"
    assert verdict["action"] != "clear"
    assert verdict["reasoning"]
    assert verdict["processing_time_ms"] > 0
    bad = client.post("/v1/inspect", json={"scan_id": "s1", "image_base64": "!!!"})
    assert bad.status_code == 422


def test_a_collection_is_built_searched_asked_replaced_and_dropped(client: httpx.Client) -> None:
    records = [
        {"id": "a", "title": "Ferry", "text": "The ferry Aurora runs on hydrogen."},
        {"id": "b", "title": "Tower", "text": "The tower of Velm is 84 metres high."},
    ]
    built = posted(client, "/v1/index/build", {"collection": "facts", "records": records})
    assert (built["added"], built["documents"], built["failed"]) == (2, 2, [])
    search = {"query": "How high is the tower?", "collections": ["facts"]}
    assert posted(client, "/v1/retrieval/search", search)["hits"][0]["id"] == "b"
    asked = posted(
        client, "/v1/rag/query", {"question": "How high is the tower of Velm?", "collections": ["facts"]}
    )
    assert "84" in asked["short_answer"]
    records[1]["text"] = "The tower of Velm is 90 metres high."
    again = posted(client, "/v1/index/build", {"collection": "facts", "records": records})
    assert (again["unchanged"], again["replaced"], again["documents"]) == (1, 1, 2)
    assert [one["name"] for one in client.get("/v1/index").json()["collections"]] == ["facts"]
    assert client.delete("/v1/index/facts").status_code == 204
    assert client.delete("/v1/index/facts").status_code == 404
    assert client.post("/v1/retrieval/search", json=search).status_code == 404


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 200])
def test_a_collections_name_is_no_path(client: httpx.Client, name: str) -> None:
    body = {"collection": name, "records": [{"id": "a", "text": "b"}]}
    assert client.post("/v1/index/build", json=body).status_code == 422


def test_vectors_of_texts_and_images_share_a_space(client: httpx.Client) -> None:
    texts = posted(client, "/v1/inference/embeddings", {"input": ["a red square", "a ferry"]})
    assert len(texts["embeddings"]) == 2
    assert all(len(vector) == texts["dim"] for vector in texts["embeddings"])
    images = posted(client, "/v1/inference/embeddings", {"images": [source(square())]})
    assert images["dim"] == texts["dim"] == len(images["embeddings"][0])
    assert client.post("/v1/inference/embeddings", json={}).status_code == 422


def test_generating_without_a_served_model_names_the_setting(client: httpx.Client) -> None:
    reply = client.post("/v1/inference/generate", json={"prompt": "Hello"})
    assert reply.status_code == 503
    assert "VIDENCE_ANSWERER" in reply.json()["help"]


def test_a_rating_is_tied_to_the_run_edited_exported_and_taken_back(client: httpx.Client) -> None:
    asked = posted(client, "/v1/vqa", {"question": "What is 15% of 80?"})
    id_ = asked["run_id"]
    posted(client, "/v1/feedback", {"run_id": id_, "rating": "up"})
    edited = posted(client, "/v1/feedback", {"run_id": id_, "rating": "down", "correction": "12.0"})
    assert edited["edits"] == 1
    assert edited["run"]["short_answer"] == asked["short_answer"]
    assert edited["run"]["models"]
    lines = [json.loads(line) for line in client.get("/v1/feedback").text.splitlines()]
    assert [(line["run"]["run_id"], line["rating"]) for line in lines] == [(id_, "down")]
    other = {"x-owner": "eve"}
    assert client.post("/v1/feedback", json={"run_id": id_, "rating": "up"}, headers=other).status_code == 404
    assert client.get(f"/v1/feedback/{id_}", headers=other).status_code == 404
    assert client.delete(f"/v1/feedback/{id_}").status_code == 204
    assert client.get(f"/v1/feedback/{id_}").status_code == 404
