"""An exported benchmark: what a stranger finds in it, and that a changed one is refused."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from helpers.data_scenes import SIZE, box, prepared, scene
from PIL import Image

from benchmarks.exchange.export import export
from dreamtext.configs.sections import DataConfig
from dreamtext.data import open_dataset, revision
from dreamtext.data.exported import Export, line_schema
from dreamtext.errors import UserError

BOTH = ("reconstruction", "editing")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return export(tmp_path_factory.mktemp("export") / "e", DataConfig(), BOTH, split="test", n=3)


def copied(made: Export, folder: Path) -> Export:
    import shutil

    return Export(Path(shutil.copytree(made.folder, folder / "copy")))


def test_every_line_is_as_its_schema_says(made):
    schema = json.loads((made.folder / "manifest.schema.json").read_text())
    assert schema == line_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    for line in made.lines:
        jsonschema.validate(line, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made.lines[0] | {"task": "drawing"}, schema)


def test_a_line_says_what_the_sample_is(made):
    dataset = open_dataset(DataConfig(), "test")
    assert len(made.lines) == 6
    assert len({line["id"] for line in made.lines}) == 6
    for line in made.lines:
        sample = dataset[line["index"]]
        image = np.asarray(Image.open(made.folder / line["image"]))
        mask = np.asarray(Image.open(made.folder / line["mask"]))
        assert np.array_equal(image, sample.image)
        assert np.array_equal(mask == 255, sample.region)
        assert line["source_word"] == sample.word
        assert (line["word"] == sample.word) == (line["task"] == "reconstruction")
        assert line["word"] in line["prompt"]
        x0, y0, x1, y1 = line["box"]
        assert sample.region[y0:y1, x0:x1].sum() == sample.region.sum()


def test_the_same_benchmark_is_the_same_export(made, tmp_path):
    again = export(tmp_path / "again", DataConfig(), BOTH, split="test", n=3)
    other = export(tmp_path / "other", DataConfig(), BOTH, split="test", n=2)
    assert again.key == made.key != other.key
    assert (again.folder / "manifest.jsonl").read_bytes() == (
        made.folder / "manifest.jsonl"
    ).read_bytes()


def test_seeds_are_those_a_study_paints_from(tmp_path):
    from benchmarks.samples.painting import noise_seed

    twice = export(tmp_path / "e", DataConfig(), ("editing",), split="test", n=2, seeds=2)
    first, second, *_ = twice.lines
    assert (first["sample"], first["word"]) == (second["sample"], second["word"])
    assert second["seed"] == noise_seed(first["seed"], 1) != first["seed"]


def test_the_example_paints_with_pillow_alone(made, tmp_path):
    command = [sys.executable, "-I", str(made.folder / "example.py"), str(tmp_path / "results")]
    subprocess.run(command, check=True, cwd=tmp_path)
    assert len((made.folder / "example.py").read_text().splitlines()) <= 30
    for line in made.lines:
        with Image.open(tmp_path / "results" / f"{line['id']}.png") as picture:
            assert (picture.size, picture.mode) == ((line["width"], line["height"]), "RGB")


def test_an_export_stands_in_for_the_data_set_it_is_of(tmp_path):
    words = [("HELLO", box(100, 100, 250, 60)), ("Turned", box(120, 300, 250, 70, 20))]
    prepared("textseg", tmp_path / "set", scene(*words))
    config = DataConfig(name="textseg", root=str(tmp_path / "set"), height=SIZE, width=SIZE)
    made = export(tmp_path / "e", config, ("editing",), split="train", n=2)
    there, here = open_dataset(config, "train"), open_dataset(made.data, "train")
    assert made.data.root == str(made.folder)
    assert revision(made.data, "train") == revision(config, "train")
    for line in made.lines:
        a, b = there[line["index"]], here[line["index"]]
        assert (a.id, a.word, a.has_characters) == (b.id, b.word, b.has_characters)
        for name in ("image", "region", "characters", "quad"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert dict(a.attributes) == dict(b.attributes) != {}
        others = [data.neighbours(line["index"]) for data in (there, here)]
        assert [[w for w, _ in found] for found in others] == [
            ["HELLO" if a.word == "Turned" else "Turned"]
        ] * 2
        assert np.array_equal(others[0][0][1], others[1][0][1])
    with pytest.raises(UserError, match="split"):
        open_dataset(made.data, "test")
    with pytest.raises(UserError, match="not in the export"):
        here[2]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: (e / "images/00001.png").unlink(), "images/00001.png"),
        (
            lambda e: Image.new("L", (64, 32)).save(e / "masks/00000.png"),
            "masks/00000.png",
        ),
        (
            lambda e: (e / "manifest.jsonl").write_text(
                (e / "manifest.jsonl").read_text().replace("editing", "editinG", 1)
            ),
            "manifest.jsonl' was changed",
        ),
        (
            lambda e: (e / "benchmark.json").write_text(
                (e / "benchmark.json").read_text().replace('"seeds": 1', '"seeds": 2')
            ),
            "benchmark.json' was edited",
        ),
        (lambda e: (e / "benchmark.json").write_text("{"), "damaged"),
        (lambda e: (e / "benchmark.json").unlink(), "not an exported benchmark"),
        (lambda e: (e / "manifest.jsonl").unlink(), "lacks its manifest.jsonl"),
        (lambda e: e.rename(e.with_name("elsewhere")), "there is no export"),
        (
            lambda e: (e / "benchmark.json").write_text(
                (e / "benchmark.json").read_text().replace('"protocol": 2', '"protocol": 1')
            ),
            "protocol 1, this version reads 2",
        ),
    ],
)
def test_a_changed_export_is_refused_by_name(change, words, made, tmp_path):
    broken = copied(made, tmp_path)
    change(broken.folder)
    with pytest.raises(UserError, match=words):
        broken.check_files()


def test_a_path_out_of_the_export_is_not_followed(made, tmp_path):
    from dreamtext.files import file_hash, write_json

    broken = copied(made, tmp_path)
    (tmp_path / "secret.png").write_bytes((broken.folder / "images/00000.png").read_bytes())
    lines = [line | {"image": "../secret.png"} for line in broken.lines]
    path = broken.folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_json(
        broken.folder / "benchmark.json", {**broken.about, "manifest_sha256": file_hash(path)}
    )
    with pytest.raises(UserError, match=r"\.\./secret\.png"):
        Export(broken.folder).check_files()


def test_an_export_goes_into_a_new_folder(made):
    with pytest.raises(UserError, match="not empty"):
        export(made.folder, DataConfig(), BOTH, split="test", n=3)
