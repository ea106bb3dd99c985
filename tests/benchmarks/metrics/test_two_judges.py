"""Two judges on the same crops, and what becomes of neighbouring words."""

import json

import cv2
import numpy as np
import pytest
from helpers.sample_folder import write_folder
from PIL import Image

from benchmarks.metrics import two_judges
from benchmarks.metrics.metric import Session
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder

WORDS = ["ABC", "DEF", "GHI", "JKL"]
FIRST = ["ABC", "DEX", "GHI", "XXX"]
SECOND = ["ABC", "DEF", "GHX", "XXX"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def session(tmp_path, cache, monkeypatch):
    folder = write_folder(tmp_path / "samples", 4)
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for line, word in zip(lines, WORDS, strict=True):
        line["source_word"] = line["word"] = word
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    said = {"first": FIRST, "second": SECOND}
    monkeypatch.setattr(two_judges, "read", lambda _s, _source, judge: said[judge])
    return Session(SampleFolder(folder), Options(cache=cache))


def test_either_counts_what_one_of_them_reads_and_lists_it(session):
    found = two_judges.either(session, source="raw")
    assert found.per_image == [1, 1, 1, 0]
    assert found.estimate.value == 0.75
    first, second = found.details["read only by"]
    assert first.startswith("PP-OCRv6")
    assert second.startswith("PP-OCRv4")
    alone = {
        k: [(r["word"], r["first"], r["second"]) for r in v]
        for k, v in found.details["read only by"].items()
    }
    assert alone == {first: [("GHI", "GHI", "GHX")], second: [("DEF", "DEX", "DEF")]}


def test_agreement_is_on_what_is_read_right_or_wrong(session):
    found = two_judges.agreement(session, source="raw")
    assert found.per_image == [1, 0, 0, 1]
    readings = list(found.details["readings"].values())
    assert readings == [list(pair) for pair in zip(FIRST, SECOND, strict=True)]


def test_one_judge_twice_is_no_second_opinion(tmp_path, cache):
    folder = write_folder(tmp_path / "samples", 2)
    options = Options(second_judge="PP-OCRv6-small", cache=cache)
    rows = {
        r.metric: r for r in score_samples(folder, ["SeqAcc-either/raw", "SeqAcc/raw"], options)
    }
    assert "second_judge" in rows["SeqAcc-either/raw"].reason
    assert rows["SeqAcc/raw"].value is not None


def test_the_second_judge_of_a_folder_is_the_first_of_another(tmp_path, cache):
    folder = write_folder(tmp_path / "samples", 4)
    (second,) = score_samples(folder, ["SeqAcc-second/truth"], Options(cache=cache))
    turned = Options(judge="PP-OCRv4", second_judge="PP-OCRv6-small", cache=cache)
    (first,) = score_samples(folder, ["SeqAcc/truth"], turned)
    assert (second.per_image, second.backbone) == (first.per_image, first.backbone)


# --- neighbouring words --------------------------------------------------------------------------


def written(image, word, top):
    cv2.putText(image, word, (12, top + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (20, 20, 20), 3)


@pytest.fixture
def street(tmp_path):
    """Four pictures with a word to repaint in the middle and one word above and below; in the
    second picture the upper word is painted over, in the third it reaches into the region, in the
    fourth it can only be read afterwards."""
    folder = tmp_path / "street"
    for source in ("truth", "raw", "composited"):
        (folder / source).mkdir(parents=True)
    lines = []
    for i in range(4):
        image = np.full((180, 200, 3), 235, np.uint8)
        for word, top in (("OVER", 0), ("MIDDLE", 60), ("UNDER", 120)):
            written(image, word, top)
        painted = image.copy()
        if i:
            (image if i == 3 else painted)[:58] = 235
        Image.fromarray(image).save(folder / "truth" / f"{i}.png")
        for source in ("raw", "composited"):
            Image.fromarray(painted).save(folder / source / f"{i}.png")
        quads = {"OVER": (0, 70 if i == 2 else 58), "UNDER": (122, 180)}
        lines.append(
            {
                "id": str(i),
                "source_word": "MIDDLE",
                "word": "MIDDLE",
                "box": [0, 60, 200, 120],
                "neighbours": [
                    {"word": word, "quad": [[0, y0], [200, y0], [200, y1], [0, y1]]}
                    for word, (y0, y1) in quads.items()
                ],
            }
        )
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_a_neighbour_that_was_painted_over_did_not_survive(street, cache):
    (found,) = score_samples(street, ["text-survival/raw"], Options(cache=cache))
    # What reaches into the region is left out, and so is what nobody could read before.
    assert found.per_image == {"0": 1, "1": 0.5, "2": 1, "3": 1}
    assert found.value == pytest.approx(5 / 6)
    assert found.details == {"words": 7, "read before": 6}


def test_neighbours_that_nobody_reads_before_say_nothing(street, cache):
    lines = (street / "samples.jsonl").read_text()
    (street / "samples.jsonl").write_text(lines.replace("OVER", "QQQQ").replace("UNDER", "QQQQQ"))
    (found,) = score_samples(street, ["text-survival/raw"], Options(cache=cache))
    assert found.value is None
    assert "none of the 7 neighbouring words" in found.reason
