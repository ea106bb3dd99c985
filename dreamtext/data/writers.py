"""Writes pictures of our own in each data set's layout, to try `prepare` and to test the loaders.

A `Scene` is one picture with several words; `scenes` tiles samples of the embedded world.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dreamtext.data.annotation import Mark
from dreamtext.data.laion_ocr import CLASSES, GRID
from dreamtext.data.sample import Dataset
from dreamtext.data.splits import by_hash
from dreamtext.errors import UserError


@dataclass(frozen=True, eq=False)
class Scene:
    """One picture.

    Attributes:
        split: train, validation or test.
        image: (H, W, 3) uint8, RGB.
        marks: the words and their quads.
        characters: for each word (H, W) uint8, k where its k-th character stands; None: not known.
    """

    split: str
    image: np.ndarray
    marks: tuple[Mark, ...]
    characters: tuple[np.ndarray | None, ...]


def scenes(
    dataset: Dataset, count: int, split: str, columns: int = 2, rows: int = 4, size: int = 512
) -> Iterator[Scene]:
    """`count` square pictures of `size`, each tiled with `columns` x `rows` enlarged samples."""
    per_scene = columns * rows
    if len(dataset) < count * per_scene:
        raise UserError(
            f"{count} pictures need {count * per_scene} samples, but there are {len(dataset)}: "
            "ask for fewer pictures, or raise train_size"
        )
    for number in range(count):
        image = np.zeros((size, size, 3), np.uint8)
        marks, characters = [], []
        for k in range(per_scene):
            sample = dataset[number * per_scene + k]
            width, height = size // columns, size // rows
            x, y = (k % columns) * width, (k // columns) * height
            place = np.s_[y : y + height, x : x + width]
            image[place] = cv2.resize(sample.image, (width, height), interpolation=cv2.INTER_CUBIC)
            known = np.zeros((size, size), np.uint8)
            known[place] = cv2.resize(
                sample.characters, (width, height), interpolation=cv2.INTER_NEAREST
            )
            scale = np.array([width, height]) / np.array(sample.image.shape[1::-1])
            marks.append(Mark(sample.word, (sample.quad * scale + (x, y)).astype(np.float32)))
            characters.append(known)
        yield Scene(split, image, tuple(marks), tuple(characters))


def character_quads(quad: np.ndarray, characters: np.ndarray, length: int) -> np.ndarray:
    """(L, 4, 2) corners around each character of an index map, along the word's own axes."""
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    there = cv2.getPerspectiveTransform(quad.astype(np.float32), unit)
    back = np.linalg.inv(there)
    out = np.zeros((length, 4, 2), np.float32)
    for k in range(length):
        rows, cols = np.nonzero(characters == k + 1)
        if len(rows) == 0:
            continue
        # All four corners of every pixel, since coordinates are continuous.
        ends = [np.stack([cols + dx, rows + dy], 1) for dx in (0, 1) for dy in (0, 1)]
        at = cv2.perspectiveTransform(np.concatenate(ends).astype(np.float32)[None], there)[0]
        (x0, y0), (x1, y1) = at.min(axis=0), at.max(axis=0)
        box = np.array([[[x0, y0], [x1, y0], [x1, y1], [x0, y1]]], np.float32)
        out[k] = cv2.perspectiveTransform(box, back)[0]
    return out


def even_quads(quad: np.ndarray, length: int) -> np.ndarray:
    """(L, 4, 2) corners of `length` equal parts of a word's box."""
    ends = np.linspace(0, 1, length + 1)[:, None]
    top, bottom = quad[0] + ends * (quad[1] - quad[0]), quad[3] + ends * (quad[2] - quad[3])
    corners = (top[:-1], top[1:], bottom[1:], bottom[:-1])
    return np.stack(corners, axis=1).astype(np.float32)


def write_synthtext(root: Path, pictures: Sequence[Scene]) -> None:
    """`gt.mat` and a numbered folder of JPEG files; names are chosen so that the hash of the
    name gives the scene's split."""
    from scipy.io import savemat

    names, words, parts, texts = [], [], [], []
    number = 0
    for scene in pictures:
        while by_hash(name := f"8/scene_{number:06d}.jpg") != scene.split:
            number += 1
        number += 1
        _image(root / name, scene.image)
        names.append(np.array([name]))
        words.append(np.stack([m.quad for m in scene.marks]).transpose(2, 1, 0).squeeze())
        quads = [
            even_quads(m.quad, len(m.word))
            if c is None
            else character_quads(m.quad, c, len(m.word))
            for m, c in zip(scene.marks, scene.characters, strict=True)
        ]
        parts.append(np.concatenate(quads).transpose(2, 1, 0).squeeze())
        # As in the real file: a few lines to a block, padded to one length.
        texts.append(np.array([m.word for m in scene.marks]))
    cells = {"imnames": names, "wordBB": words, "charBB": parts, "txt": texts}
    savemat(root / "gt.mat", {k: _cell(v) for k, v in cells.items()}, do_compression=True)


def _cell(values: list[np.ndarray]) -> np.ndarray:
    out = np.empty((1, len(values)), object)
    for i, value in enumerate(values):
        out[0, i] = value.astype(np.float32) if value.dtype.kind == "f" else value
    return out


def write_laion_ocr(root: Path, pictures: Sequence[Scene]) -> None:
    """A folder per picture in train/, validation/ and test/, below a numbered one."""
    for number, scene in enumerate(pictures):
        folder = root / scene.split / f"{number // 100:05d}" / f"{number:09d}"
        folder.mkdir(parents=True, exist_ok=True)
        height, width = scene.image.shape[:2]
        _image(folder / "image.jpg", scene.image)
        scale = np.array(GRID) / (width, height)
        lines, classes = [], np.zeros((height, width), np.int64)
        for k, (mark, known) in enumerate(zip(scene.marks, scene.characters, strict=True)):
            # The first corner varies in the real files too.
            quad = np.roll(np.round(mark.quad * scale), k % 4, axis=0).astype(int)
            corners = ",".join(str(v) for v in quad.ravel())
            lines.append(f"{mark.word} {corners} 0.99\n")
            for i, c in enumerate(mark.word):
                if known is not None:
                    classes[known == i + 1] = CLASSES.index(c) + 1
        (folder / "ocr.txt").write_text("".join(lines), "utf-8")
        (folder / "caption.txt").write_text(" ".join(m.word for m in scene.marks), "utf-8")
        rows = (np.arange(256) + 0.5) * height / 256
        cols = (np.arange(256) + 0.5) * width / 256
        np.save(folder / "charseg.npy", classes[np.ix_(rows.astype(int), cols.astype(int))])


def write_icdar13(root: Path, pictures: Sequence[Scene]) -> None:
    """Training and test folders of images and `gt_*.txt`, each in its own kind of line."""
    number = 0
    for scene in pictures:
        kind = "Test" if scene.split == "test" else "Training"
        while True:
            name = f"img_{number}" if kind == "Test" else f"{100 + number}"
            number += 1
            held = by_hash(f"{name}.jpg", validation=0.1, test=0.0)
            if kind == "Test" or held == scene.split:
                break
        _image(root / f"Challenge2_{kind}_Task12_Images" / f"{name}.jpg", scene.image)
        between = ", " if kind == "Test" else " "
        lines = []
        for mark in scene.marks:
            low, high = mark.quad.min(axis=0), mark.quad.max(axis=0)
            box = np.round([*low, *high]).astype(int)
            lines.append(between.join([*map(str, box), f'"{mark.word}"']) + "\r\n")
        folder = root / f"Challenge2_{kind}_Task1_GT"
        folder.mkdir(parents=True, exist_ok=True)
        # The real files begin with a byte-order mark.
        (folder / f"gt_{name}.txt").write_text("".join(lines), "utf-8-sig", newline="")


def write_textseg(root: Path, pictures: Sequence[Scene]) -> None:
    """`image/`, `annotation/` with JSON and masks by instance, and `split.json`."""
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    (root / "annotation").mkdir(parents=True, exist_ok=True)
    for number, scene in enumerate(pictures):
        key = f"a{number:05d}"
        lists["val" if scene.split == "validation" else scene.split].append(key)
        _image(root / "image" / f"{key}.jpg", scene.image)
        instances = np.zeros(scene.image.shape[:2], np.uint8)
        entries: dict[str, Any] = {}
        value = 0
        for k, (mark, known) in enumerate(zip(scene.marks, scene.characters, strict=True)):
            entry: dict[str, Any] = {
                "text": mark.word,
                "bbox": np.round(mark.quad).astype(int).ravel().tolist(),
            }
            if known is not None:
                quads = np.round(character_quads(mark.quad, known, len(mark.word))).astype(int)
                entry["char"] = {}
                for i, c in enumerate(mark.word):
                    value += 1
                    instances[known == i + 1] = value
                    item = {"text": c, "bbox": quads[i].ravel().tolist(), "mask_value": value}
                    entry["char"][str(i)] = item
            entries[str(k)] = entry
        (root / "annotation" / f"{key}_anno.json").write_text(json.dumps(entries), "utf-8")
        cv2.imwrite(str(root / "annotation" / f"{key}_mask.png"), instances)
        effects = cv2.dilate((instances > 0).astype(np.uint8) * 255, np.ones((5, 5), np.uint8))
        cv2.imwrite(str(root / "annotation" / f"{key}_maskeff.png"), effects)
    (root / "split.json").write_text(json.dumps(lists), "utf-8")


def write_folder(root: Path, pictures: Sequence[Scene]) -> None:
    """`words.jsonl`, images, and beside each a mask of its characters by instance."""
    lines = []
    for number, scene in enumerate(pictures):
        image = f"{scene.split}/{number:05d}.jpg"
        _image(root / image, scene.image)
        instances, words = np.zeros(scene.image.shape[:2], np.uint8), []
        for mark, known in zip(scene.marks, scene.characters, strict=True):
            word: dict[str, Any] = {"text": mark.word, "quad": mark.quad.tolist()}
            if known is not None:
                first = int(instances.max()) + 1
                instances[known > 0] = known[known > 0] + first - 1
                word["characters"] = list(range(first, first + len(mark.word)))
            words.append(word)
        if instances.any():
            cv2.imwrite(str(root / image.replace(".jpg", ".characters.png")), instances)
        lines.append(json.dumps({"image": image, "split": scene.split, "words": words}) + "\n")
    (root / "words.jsonl").write_text("".join(lines), "utf-8")


WRITERS: dict[str, Callable[[Path, Sequence[Scene]], None]] = {
    "synthtext": write_synthtext,
    "laion_ocr": write_laion_ocr,
    "icdar13": write_icdar13,
    "textseg": write_textseg,
    "folder": write_folder,
}


def write(name: str, root: Path, pictures: Sequence[Scene]) -> None:
    """Write pictures in the layout of the data set `name` into a new or empty folder.

    Raises:
        UserError: no such layout, or the folder holds something.
    """
    if name not in WRITERS:
        raise UserError(f"'{name}' is not a layout; one of {', '.join(WRITERS)}")
    if root.exists() and any(root.iterdir()):
        raise UserError(f"{root} is not empty: give a new folder")
    root.mkdir(parents=True, exist_ok=True)
    WRITERS[name](root, pictures)


def _image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
