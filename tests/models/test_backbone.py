"""The image backbone without torch: its weights, its graph, what it sees and where."""

import pickle
import shutil
from collections import OrderedDict

import numpy as np
import pytest

from core.errors import VidenceError
from models.backbone import (
    CLASSES_KEPT,
    DIM,
    Backbone,
    activation_boxes,
    image_classes,
    in_pixels,
    prepare,
    weights_file,
)
from models.backbone_graph import block_strides
from models.backbone_weights import read_checkpoint

# The pooled features of `canary()` on 16 fixed directions, as torch gave them with the published network.
CANARY = [
    -0.296,
    0.4032,
    0.3243,
    -1.5093,
    -0.9144,
    -0.461,
    0.1544,
    -1.5284,
    -0.5323,
    0.0717,
    -1.9664,
    -0.2591,
    -2.5957,
    -2.0612,
    1.3211,
    0.5738,
]


def canary():
    """A drawn picture that is the same everywhere: a smooth background, a disc and stripes."""
    rows, columns = np.mgrid[0:240, 0:320].astype(np.float64)
    picture = np.stack([rows * 255 / 239, columns * 255 / 319, 255 - rows * 255 / 239], axis=2)
    picture[(rows - 120) ** 2 + (columns - 160) ** 2 < 70**2] = (230, 120, 30)
    picture[(columns.astype(int) // 8 % 2 == 0) & (rows > 200)] = (20, 20, 20)
    return picture.astype(np.uint8)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    return Backbone(tmp_path_factory.mktemp("backbone"))


def test_the_features_are_those_of_the_published_network(backbone):
    directions = np.random.default_rng(7).standard_normal((DIM, len(CANARY)))
    seen = backbone.features(canary()).vector @ directions
    reference = np.array(CANARY)
    cosine = seen @ reference / np.linalg.norm(seen) / np.linalg.norm(reference)
    assert cosine > 0.9999


def test_a_photo_of_a_cat_is_seen_as_a_cat_where_it_is(backbone):
    data = pytest.importorskip("skimage.data")
    seen = backbone.features(data.chelsea())
    named = [image_classes()[place].caption for place in seen.classes[:3]]
    assert any("cat" in caption.split() for caption in named)
    assert np.all(np.diff(seen.probabilities) <= 0)
    x0, y0, x1, y1 = seen.boxes[0]
    assert 0.3 < (x0 + x1) / 2 < 0.8
    assert 0.2 < (y0 + y1) / 2 < 0.8


def test_every_shape_of_image_gives_features_of_one_shape(backbone):
    for size in ((30, 30, 3), (40, 900, 3), (900, 40, 3)):
        seen = backbone.features(np.full(size, 128, np.uint8))
        assert seen.vector.shape == (DIM,)
        assert seen.boxes.shape == (CLASSES_KEPT, 4)
        assert np.isclose(np.linalg.norm(seen.vector), 1.0, atol=1e-5)
    assert prepare(np.zeros((40, 900, 3), np.uint8)).shape == (1, 3, 260, 780)


def test_there_is_a_name_and_a_caption_for_each_class():
    classes = image_classes()
    assert len(classes) == 1000
    assert all(item.name and item.caption for item in classes)
    assert (classes[207].name, classes[981].name) == ("Golden Retriever", "baseball player")


def test_the_box_is_around_the_highest_peak_alone():
    scores = np.zeros((6, 6), np.float32)
    scores[1:3, 1:3] = 10
    scores[5, 5] = 9
    boxes = activation_boxes(np.stack([scores, np.ones((6, 6), np.float32), scores.T[::-1]]))
    assert boxes[0].tolist() == pytest.approx([1 / 6, 1 / 6, 0.5, 0.5])
    assert boxes[1].tolist() == [0, 0, 1, 1]
    assert boxes[2].tolist() == pytest.approx([1 / 6, 0.5, 0.5, 5 / 6])
    assert in_pixels(np.array([0.25, 0, 1, 0.5], np.float32), 200, 100) == (50, 0, 200, 50)


def test_strides_follow_the_number_of_blocks():
    assert block_strides(16)[:4] == [1, 2, 1, 2]
    assert sum(stride == 2 for stride in block_strides(21)) == 4
    with pytest.raises(ValueError, match="7 blocks"):
        block_strides(7)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    path = tmp_path / "evil.pth"
    parts = [0x1950A86A20F9469CFC6C, 1001, {}, OrderedDict(x=Evil())]
    path.write_bytes(b"".join(pickle.dumps(part, protocol=2) for part in parts))
    with pytest.raises(VidenceError, match="not allowed"):
        read_checkpoint(path)


def test_a_damaged_checkpoint_is_a_typed_error(tmp_path):
    short = tmp_path / "short.pth"
    shutil.copy(weights_file(), short)
    with short.open("rb+") as file:
        file.truncate(100_000)
    with pytest.raises(VidenceError) as caught:
        read_checkpoint(short)
    assert caught.value.kind == "internal"


def test_missing_weights_say_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(VidenceError) as caught:
        Backbone(tmp_path).features(canary())
    assert caught.value.kind == "unavailable"
    assert "pip install" in caught.value.help
