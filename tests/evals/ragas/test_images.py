"""What a judge sees of images: data URLs, whatever stands in a sample or in a document."""

import asyncio
import base64
import io
import json

import pytest
from PIL import Image

from core.errors import VidenceError
from core.settings import Settings
from evals.ragas.judged import image_metrics
from evals.ragas.pictures import MAX_SIDE, image_opener
from evals.ragas.row import Row
from evals.ragas.scorers import open_judge
from evals.run.sample import UndefinedScoreError
from tests.support.scripted_openai import Canned, scripted_openai

FAITHFUL = Canned({"faithful": True, "reason": ""})


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "data"
    (root / "charts").mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = "secret-exif"
    Image.new("RGB", (4000, 30), "red").save(root / "charts" / "wide.jpg", exif=exif)
    assert b"secret-exif" in (root / "charts" / "wide.jpg").read_bytes()
    Image.new("RGB", (20, 10), "blue").save(tmp_path / "outside.png")
    (root / "charts" / "broken.png").write_bytes(b"\x89PNG broken")
    return root


def settings(tmp_path, server):
    return Settings(home=tmp_path / "home", judge=server.setting)


async def metrics(ragas, tmp_path, server, folder):
    def opened():
        given = settings(tmp_path, server)
        return image_metrics(ragas, open_judge(given), image_opener([folder], given))

    return {one.name: one for one in await asyncio.to_thread(opened)}


def row(**more):
    return Row(**{"question": "What?", "response": "Red.", "images": ("charts/wide.jpg",), **more})


def parts(server):
    return server.requests[-1]["messages"][0]["content"]


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("ragas_multimodal_faithfulness", FAITHFUL),
        ("ragas_multimodal_relevance", Canned({"relevant": False, "reason": ""})),
    ],
)
async def test_images_travel_as_data_urls_scaled_and_without_metadata(ragas, tmp_path, folder, name, reply):
    with scripted_openai(reply) as server:
        value = await (await metrics(ragas, tmp_path, server, folder))[name].score(row())
        assert value == float("faithful" in name)
        urls = [part["image_url"]["url"] for part in parts(server) if part["type"] == "image_url"]
        sent = json.dumps(server.requests)
    assert len(urls) == 1
    assert urls[0].startswith("data:image/png;base64,")
    data = base64.b64decode(urls[0].split(",", 1)[1])
    picture = Image.open(io.BytesIO(data))
    assert max(picture.size) == MAX_SIDE
    assert picture.convert("RGB").getpixel((3, 3))[0] > 200
    assert b"secret-exif" not in data
    assert str(folder) not in sent
    assert "wide.jpg" not in sent


async def test_a_retrieved_text_is_never_opened_as_a_file_or_an_address(ragas, tmp_path, folder, monkeypatch):
    secret = tmp_path / "outside.png"
    monkeypatch.chdir(tmp_path)
    inline = "data:image/png;base64," + base64.b64encode(secret.read_bytes()).decode()
    with scripted_openai(FAITHFUL) as server, scripted_openai(Canned("x")) as inside:
        address = f"{inside.url}/picture.png"
        texts = (str(secret), "outside.png", address, inline, "Red is a colour.")
        found = (await metrics(ragas, tmp_path, server, folder))["ragas_multimodal_faithfulness"]
        await found.score(row(contexts=texts))
        images = [part for part in parts(server) if part["type"] == "image_url"]
        shown = " ".join(part["text"] for part in parts(server) if part["type"] == "text")
        assert inside.requests == []
    assert len(images) == 1, "the sample's own image alone"
    assert all(text in shown for text in texts)


@pytest.mark.parametrize("name", ["../outside.png", "/etc/hostname", "charts/none.png", "charts/broken.png"])
async def test_an_image_from_elsewhere_or_broken_is_a_typed_error(ragas, tmp_path, folder, name):
    with scripted_openai(FAITHFUL) as server:
        found = (await metrics(ragas, tmp_path, server, folder))["ragas_multimodal_faithfulness"]
        with pytest.raises(VidenceError) as raised:
            await found.score(row(images=(name,)))
        assert raised.value.kind in ("not_found", "invalid_input")
        assert server.requests == []


async def test_without_an_image_there_is_nothing_to_judge(ragas, tmp_path, folder):
    with scripted_openai(FAITHFUL) as server:
        found = (await metrics(ragas, tmp_path, server, folder))["ragas_multimodal_relevance"]
        with pytest.raises(UndefinedScoreError, match="no image"):
            await found.score(row(images=()))
