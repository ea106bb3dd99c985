"""`dreamtext edit`: what is refused, what stays as it was, and that its words can be read."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import small
from PIL import Image

from benchmarks import cli
from benchmarks.editing.edit import Edit, edit, upright
from benchmarks.editing.painting import paint, view
from benchmarks.editing.region import Place, parse_polygon, parse_region
from dreamtext.configs.schema import override
from dreamtext.data.embedded.typesetting import typeset
from dreamtext.errors import UserError
from dreamtext.networks.model import DreamText

NOISE = np.random.default_rng(0).integers(0, 255, (90, 160, 3), dtype=np.uint8)


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    Image.fromarray(NOISE).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(scope="module")
def untrained() -> DreamText:
    return DreamText(override(small.config(), ["sampling.steps=2"])).eval()


def leaves(monkeypatch: pytest.MonkeyPatch, capsys, *arguments: object) -> tuple[int, str]:
    """Exit code and message of the command, run in this process."""
    monkeypatch.setattr(sys, "argv", ["dreamtext", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--region", "10,10,500,20", "--word", "HI"), "outside the image, which is 160 x 90"),
        (("--region", "10,10,0,20", "--word", "HI"), "empty"),
        (("--region", "10,10,20", "--word", "HI"), "four whole numbers"),
        (("--region", "10,10,60,20", "--word", "HELLO ABCDEFGHIJKLM"), "at most 12"),
        (("--region", "10,10,60,20", "--word", "CAFÉ"), "'É'"),
        (("--region", "10,10,60,20", "--word", " "), "1"),
        (("--word", "HI"), "either --region"),
        (("--region", "1,1,9,9", "--polygon", "1,1,9,1,9,9,1,9", "--word", "HI"), "either"),
        (("--region", "10,10,60,20", "--word", "HI", "--tries", "4"), "--best-read"),
        (("--region", "10,10,60,20", "--word", "HI", "--tries", "0"), "at least 1"),
        (("--region", "10,10,60,20", "--word", "HI", "--colours", "red"), "photograph or model"),
        (("--region", "10,10,60,20", "--word", "HI", "--sheet", "s.pdf"), "--sheet s.pdf"),
        (("--region", "10,10,60,20", "--word", "HI", "--sheet", "no/x.png"), "no does not exist"),
        (("--region", "10,10,60,20", "--word", "HI", "--sheet", "."), "must end in"),
    ],
)
def test_bad_asks_are_refused(options, words, photograph, monkeypatch, capsys, tmp_path) -> None:
    out = tmp_path / "out.png"
    code, message = leaves(monkeypatch, capsys, "edit", photograph, *options, "--out", out)
    assert code == 2
    assert words in message
    assert not out.exists()


def test_without_a_model_it_says_what_to_do(photograph, monkeypatch, capsys, tmp_path) -> None:
    arguments = ("--region", "10,10,60,20", "--word", "HI", "--out", tmp_path / "o.png")
    code, message = leaves(
        monkeypatch, capsys, "edit", photograph, *arguments, "--model", tmp_path / "none"
    )
    assert code == 1
    assert "no trained model" in message


@pytest.mark.parametrize("colours", ["photograph", "model"])
@pytest.mark.parametrize(
    "text", ["40,30,60,20", "0,0,160,90", "150,80,10,10", "5,0,4,90", "20,30,120,10,125,50,25,70"]
)
def test_nothing_changes_outside_the_place(text, colours, untrained) -> None:
    parse = parse_region if text.count(",") == 3 else parse_polygon
    place = parse(text, 160, 90)
    inside = place.mask(90, 160)
    for painted in paint(untrained, NOISE, place, "HI", [0], colours):
        assert not np.array_equal(painted[inside], NOISE[inside])
        assert np.array_equal(painted[~inside], NOISE[~inside])


@pytest.mark.parametrize("old", ["", "Old"])
def test_a_sign_keeps_its_ground_and_colour_whatever_ground_the_model_paints(
    old, untrained, monkeypatch
) -> None:
    from benchmarks.editing import painting

    def lettered(word, quad, size, ground, colour):
        alpha = typeset(word, quad.astype("f4"), size, face="Lato-Bold", stretch=2.0).max(axis=0)
        below = np.full((*size, 3), ground, np.float32)
        return below + alpha[..., None] * (np.array(colour, np.float32) - below)

    def grey_patch(model, seen, to_model, place, word, seeds):
        quad = cv2.perspectiveTransform(place.quad[None], to_model)[0]
        return lettered(word, quad, seen.shape[:2], (120, 110, 100), (250, 250, 250))[None]

    monkeypatch.setattr(painting, "_repaint", grey_patch)
    place, green = parse_region("20,20,120,40", 160, 90), (24, 96, 52)
    ink = (230, 220, 60) if old else (250, 250, 250)
    sign = lettered(old, place.quad, (90, 160), green, ink) if old else np.full((90, 160, 3), green)
    sign = sign.round().astype(np.uint8)
    (painted,) = paint(untrained, sign, place, "New", [0])
    wanted = lettered("New", place.quad, (90, 160), green, ink)
    inside = place.mask(90, 160)
    assert np.abs(painted - wanted)[inside].mean() < 14  # edges of small letters
    far = np.abs(wanted - green).sum(axis=2) == 0
    near = cv2.erode(far.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    assert np.abs(painted.astype(int) - green)[inside & near].max() <= 12
    strokes = cv2.erode((np.abs(wanted - ink).sum(axis=2) < 3).astype(np.uint8), np.ones((3, 3)))
    assert np.abs(np.median(painted[strokes > 0], axis=0) - ink).max() <= 12


def test_letters_do_not_depend_on_the_picture_around_them(untrained, monkeypatch) -> None:
    """What surrounds the place is shown where the model's whole picture is asked for, alone."""
    from benchmarks.editing import painting

    seen = []
    real = painting._repaint
    monkeypatch.setattr(
        painting,
        "_repaint",
        lambda model, view, *rest: seen.append(view) or real(model, view, *rest),
    )
    place = parse_region("40,30,60,20", 160, 90)
    for colours in ("photograph", "model"):
        paint(untrained, NOISE, place, "HI", [0], colours)
    paper, around = seen
    assert paper.shape == around.shape
    assert paper.std(axis=(0, 1)).max() == 0
    assert around.std() > 10


def test_a_seed_is_the_same_picture_alone_and_among_others(untrained) -> None:
    place = parse_region("40,30,60,20", 160, 90)
    _, second = paint(untrained, NOISE, place, "HI", [0, 7], "model")
    (alone,) = paint(untrained, NOISE, place, "HI", [7], "model")
    assert np.abs(second.astype(int) - alone).max() <= 1


def test_the_model_sees_a_slanted_place_upright(untrained) -> None:
    """A sign drawn slanted, seen through its polygon, is the sign drawn straight."""
    straight = np.full((90, 160, 3), 40, np.uint8)
    straight[30:60, 30:130] = 90
    straight[40:50, 50:60] = 250
    turn = cv2.getRotationMatrix2D((79.5, 44.5), 12, 1.0)
    slanted = cv2.warpAffine(straight, turn, (160, 90), flags=cv2.INTER_CUBIC)
    quad = np.array([[30, 30], [130, 30], [130, 60], [30, 60]], np.float64)
    turned = (quad - 0.5) @ turn[:, :2].T + turn[:, 2] + 0.5
    first, _ = view(untrained, straight, Place(quad))
    second, _ = view(untrained, slanted, Place(turned))
    middle = np.s_[6:-6, 8:-8]
    assert np.abs(first[middle].astype(int) - second[middle]).mean() < 4
    assert np.abs(upright(slanted, Place(turned)).astype(int) - straight[30:60, 30:130]).mean() < 4


def test_the_model_that_comes_along_paints_words_one_can_read(tmp_path) -> None:
    from benchmarks.metrics.judges.catalogue import judge

    wall = np.linspace(20, 90, 320)[None, :, None] + np.zeros((200, 320, 3))
    photograph, out = tmp_path / "wall.png", tmp_path / "out.png"
    Image.fromarray(wall.astype(np.uint8)).save(photograph)
    crops, words = [], ("Harbour7", "BOAT", "Cafe", "lemons")
    for word in words:
        width = 24 * len(word)
        asked = Edit(image=photograph, region=f"40,60,{width},48", line=word, out=out)
        assert not any("remark" in line for line in edit(asked))
        crops.append(np.asarray(Image.open(out))[60:108, 40 : 40 + width])
    read = list(judge("PP-OCRv6-small", tmp_path / "judges").read(crops))
    assert sum(a.casefold() == b.casefold() for a, b in zip(read, words, strict=True)) >= 3, read


def test_a_line_of_words_the_best_read_try_of_each_and_a_sheet(tmp_path) -> None:
    Image.new("RGB", (420, 120), (24, 96, 52)).save(tmp_path / "sign.png")
    out, sheet = tmp_path / "out.png", tmp_path / "sheet.png"
    said = list(
        edit(
            Edit(
                image=tmp_path / "sign.png",
                region="10,30,400,60",
                line="North Pier 24",
                out=out,
                sheet=sheet,
                tries=3,
                best_read=True,
            )
        )
    )
    assert said[0].startswith("loading the model small")  # before anything slow
    assert "loading the judge" in "".join(said)
    took = [line for line in said if "took seed" in line]
    assert [line.partition(":")[0] for line in took] == ["North", "Pier", "24"]
    after = np.asarray(Image.open(out)).astype(int)
    changed = np.abs(after - (24, 96, 52)).sum(axis=2) > 60
    assert changed[30:90, 10:410].any()
    assert not changed[:30].any()
    assert not changed[90:].any()
    with Image.open(sheet) as picture:
        assert picture.width > 600


def test_bad_files_are_refused(tmp_path) -> None:
    (tmp_path / "no.png").write_bytes(b"nothing")
    for name, words in (("no.png", "cannot be read"), ("none.png", "no image")):
        asked = Edit(image=tmp_path / name, region="0,0,9,9", line="A", out=tmp_path / "o.png")
        with pytest.raises(UserError, match=words):
            list(edit(asked))
