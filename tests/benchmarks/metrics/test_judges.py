"""Judges other than the default: PP-OCRv4, a folder in PaddleOCR's layout, PARSeq."""

import shutil

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_folder
from helpers.stand_in_weights import small_parseq

from benchmarks.metrics.crops import rectified
from benchmarks.metrics.judges.catalogue import judge
from benchmarks.metrics.judges.readings import Readings
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import Record, SampleFolder
from dreamtext.errors import UserError

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("truth") / "samples", 8)


@pytest.fixture(scope="module")
def network():
    return small_parseq()


def test_parseq_reads_as_the_published_code_does(network):
    """Classes and logits were computed by the authors' modules on the same weights."""
    images = torch.randn(4, 3, 32, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        logits = network(images)
    assert logits.argmax(-1)[:, :12].tolist() == [
        [9, 53, 79, 58, 76, 70, 64, 9, 64, 79, 76, 71],
        [86, 79, 43, 86, 53, 0, 79, 86, 43, 0, 79, 0],
        [35, 79, 39, 0, 79, 0, 79, 53, 71, 79, 79, 76],
        [17, 22, 16, 52, 76, 15, 29, 53, 42, 17, 0, 71],
    ]
    expected = [2.3382, -0.9439, 1.5117, -1.2070]
    assert logits[:, 2, 40].tolist() == pytest.approx(expected, abs=1e-3)


def test_a_parseq_checkpoint_is_a_judge(network, folder, cache, tmp_path):
    weights = {f"model.{name}": value for name, value in network.state_dict().items()}
    plain, trained = tmp_path / "parseq.pt", tmp_path / "last.ckpt"
    torch.save(network.state_dict(), plain)
    torch.save({"state_dict": weights, "epoch": 3}, trained)
    crops = list(SampleFolder(folder).images("truth"))
    readings = [judge(file, cache).read(crops) for file in (plain, trained)]
    assert readings[0] == readings[1]
    assert any(readings[0])
    options = Options(judge=str(plain), cache=cache)
    (score,) = score_samples(folder, ["SeqAcc/raw"], options)
    assert score.value == 0
    assert score.backbone.startswith("PARSeq ")


def test_a_file_that_is_no_parseq_is_refused(cache, tmp_path):
    file = tmp_path / "other.pt"
    torch.save({"weight": torch.zeros(3)}, file)
    with pytest.raises(UserError, match="94 characters"):
        judge(file, cache)


def test_pp_ocr_v4_reads_the_embedded_world(folder, cache):
    samples = SampleFolder(folder)
    words = [record.source_word for record in samples.records]
    read = judge("PP-OCRv4", cache).read(list(samples.images("truth")))
    assert sum(r == w for r, w in zip(read, words, strict=True)) >= 5


def test_a_users_folder_is_a_judge_like_the_packaged_one(folder, cache, tmp_path):
    packaged = judge("PP-OCRv6-small", cache)
    own = tmp_path / "own"
    shutil.copytree(packaged.folder, own)
    mine = judge(own, cache)
    crops = list(SampleFolder(folder).images("truth"))
    assert mine.read(crops) == packaged.read(crops)
    assert mine.key == packaged.key
    settings = own / "inference.yml"
    settings.write_text(settings.read_text() + "# changed\n")
    assert judge(own, cache).key != packaged.key


def test_a_folder_without_a_model_is_refused(cache, tmp_path):
    with pytest.raises(UserError, match=r"inference\.yml"):
        judge(tmp_path, cache)
    (tmp_path / "inference.yml").write_text("Global: {model_name: PP-OCRv4_mobile_rec}\n")
    with pytest.raises(UserError, match="neither inference"):
        judge(tmp_path, cache)


def test_each_judge_keeps_its_own_readings(cache):
    first, second = (judge(name, cache) for name in ("PP-OCRv4", "PP-OCRv6-small"))
    assert Readings(first, cache).file != Readings(second, cache).file


def test_rectified_crops_straighten_a_turned_word():
    import cv2

    upright = np.full((60, 200, 3), 255, np.uint8)
    cv2.putText(upright, "TURNED", (20, 42), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    corners = np.array([[0, 0], [200, 0], [200, 60], [0, 60]], np.float32)
    turn = cv2.getRotationMatrix2D((100, 30), 35, 1)
    turn[:, 2] += (20, 80)
    quad = corners @ turn[:, :2].T + turn[:, 2]
    image = cv2.warpAffine(upright, turn, (240, 220), borderValue=(255, 255, 255))
    record = Record(
        id="0",
        source_word="TURNED",
        word="TURNED",
        box=(0, 0, 240, 220),
        quad=tuple(map(tuple, quad.tolist())),
    )
    straight = rectified(image, record)
    assert straight.shape == (60, 200, 3)
    assert np.abs(straight.astype(int) - upright).mean() < 6
