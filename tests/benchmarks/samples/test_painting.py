"""What a folder of samples holds after painting, whoever painted."""

import json
import multiprocessing
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.data_scenes import WORD, box, prepared, scene
from PIL import Image

from benchmarks.runs.manifest import Benchmark, draw, open_samples
from benchmarks.samples import writer
from benchmarks.samples.folder import SampleFolder
from benchmarks.samples.painting import Share, paint
from dreamtext.configs.sections import DataConfig
from dreamtext.errors import UserError

CONFIG = DataConfig(train_size=40)


class Erasing:
    """Paints grey; tells which true pictures it was shown."""

    at_once = False

    def __init__(self) -> None:
        self.shown: list = []

    def paint(self, samples, entries, targets):
        self.shown += targets
        return {"raw": np.stack([np.full_like(s.image, 128) for s in samples])}


def painted(folder: Path, **benchmark) -> tuple[list[dict], Erasing]:
    manifest = draw(CONFIG, Benchmark(**{"n": 40} | benchmark))
    painter = Erasing()
    paint(painter, manifest, open_samples(CONFIG, manifest), folder)
    lines = (folder / "samples.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines], painter


@pytest.mark.parametrize("task", ["reconstruction", "editing"])
def test_every_sample_says_what_it_stands_on(task: str, tmp_path: Path) -> None:
    lines, _ = painted(tmp_path, task=task)
    assert len(lines) == 40
    assert {line["word_kind"] for line in lines} == {"vocabulary", "random"}
    assert {line["font_seen"] for line in lines} == {True, False}
    assert len({line["background"] for line in lines}) == 40
    wanted = {"source", "background_kind", "font", "font_style"}
    assert all(line.keys() >= wanted for line in lines)


def test_editing_has_the_true_pictures_of_its_words(tmp_path: Path) -> None:
    lines, painter = painted(tmp_path, task="editing")
    with np.load(tmp_path / "truth.npz") as arrays:
        before, after = arrays["characters"], arrays["target_characters"]
    assert [t.word for t in painter.shown] == [line["word"] for line in lines]
    for place, line in enumerate(lines):
        name = f"{line['id']}.png"
        truth, target = (np.asarray(Image.open(tmp_path / d / name)) for d in ("truth", "target"))
        assert np.array_equal(target, painter.shown[place].image)
        x0, y0, x1, y1 = line["box"]
        outside = np.ones(truth.shape[:2], bool)
        outside[y0:y1, x0:x1] = False
        assert np.array_equal(truth[outside], target[outside])
        assert not np.array_equal(truth, target)
        assert after[place].max() == len(line["word"])
    assert not np.array_equal(before, after)


def test_reconstruction_is_its_own_truth(tmp_path: Path) -> None:
    lines, painter = painted(tmp_path)
    assert not (tmp_path / "target").exists()
    assert [t.word for t in painter.shown] == [line["source_word"] for line in lines]
    with np.load(tmp_path / "truth.npz") as arrays:
        assert "target_characters" not in arrays


def test_the_pictures_are_corrupted_as_the_benchmark_says(tmp_path: Path) -> None:
    painted(tmp_path / "plain", n=3)
    painted(tmp_path / "blurred", n=3, corruption="blur", severity=1.0)
    name = "test-000000.png"
    sharp, soft = (
        np.asarray(Image.open(tmp_path / d / "truth" / name)).astype(float)
        for d in ("plain", "blurred")
    )
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.7 * np.abs(np.diff(sharp, axis=1)).mean()


def test_the_other_words_of_a_picture_are_written_down(tmp_path: Path) -> None:
    prepared("icdar13", tmp_path / "data", scene(WORD, ("THERE", box(100, 300, 250, 60))))
    config = DataConfig(name="icdar13", root=str(tmp_path / "data"), height=512, width=512)
    manifest = draw(config, Benchmark(n=2, split="train"))
    paint(Erasing(), manifest, open_samples(config, manifest), tmp_path / "samples")
    records = {r.word: r for r in SampleFolder(tmp_path / "samples").records}
    (neighbour,) = records["HELLO"].neighbours
    assert neighbour.word == "THERE"
    assert np.allclose(neighbour.quad, records["THERE"].quad)


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".npz"]
    arrays = {p.name: dict(np.load(p, allow_pickle=False)) for p in folder.glob("*.npz")}
    flat = {f"{n}/{k}": v.tobytes() for n, kept in arrays.items() for k, v in kept.items()}
    return flat | {str(path.relative_to(folder)): path.read_bytes() for path in files}


def paint_shares(folder: str, shares: list[Share]) -> None:
    manifest = draw(CONFIG, Benchmark(n=110))
    dataset = open_samples(CONFIG, manifest)
    for share in shares:
        paint(Noisy(), manifest, dataset, Path(folder), share=share)


class Noisy:
    """Paints noise of each entry's seed."""

    at_once = False

    def paint(self, samples, entries, targets):
        draws = [np.random.default_rng(e.noise_seed) for e in entries]
        shapes = [s.image.shape for s in samples]
        pictures = [d.integers(0, 256, s, np.uint8) for d, s in zip(draws, shapes, strict=True)]
        return {"raw": np.stack(pictures)}


def test_two_processes_paint_what_one_does(tmp_path: Path) -> None:
    paint_shares(str(tmp_path / "whole"), [Share()])
    context = multiprocessing.get_context("spawn")
    shards = [Share.parse("0/2"), Share.parse("1/2")]
    folder = str(tmp_path / "shared")
    processes = [context.Process(target=paint_shares, args=(folder, [s])) for s in shards]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert not (tmp_path / "shared" / "samples.jsonl").exists(), "no shard finishes the folder"
    assert len(list((tmp_path / "shared" / "parts").iterdir())) == 4
    paint_shares(folder, [Share()])
    assert contents(tmp_path / "shared") == contents(tmp_path / "whole")


def test_a_lost_shard_is_painted_alone(tmp_path: Path) -> None:
    paint_shares(str(tmp_path / "whole"), [Share()])
    folder = tmp_path / "shared"
    paint_shares(str(folder), [Share.parse("1/2")])
    there = {path.name: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    assert set(there) == {"00001.npz", "00003.npz"}
    paint_shares(str(folder), [Share.parse("0/2"), Share.parse("1/2")])
    now = {path.name: path.stat().st_mtime_ns for path in (folder / "parts").iterdir()}
    assert now | there == now, "what was there was not painted again"
    paint_shares(str(folder), [Share(number=1, of=2)])
    assert contents(folder) == contents(tmp_path / "whole")
    paint_shares(str(folder), [Share(), Share.parse("0/2")])
    assert contents(folder) == contents(tmp_path / "whole"), "a complete folder is left alone"


def test_a_shard_of_another_manifest_is_named_and_nothing_is_painted(tmp_path: Path) -> None:
    folder, other = tmp_path / "this", tmp_path / "other"
    paint_shares(str(folder), [Share.parse("0/2")])
    manifest = draw(CONFIG, Benchmark(n=110, seed=1))
    paint(Noisy(), manifest, open_samples(CONFIG, manifest), other, share=Share.parse("1/2"))
    shutil.copy(other / "parts" / "00001.npz", folder / "parts")
    there = sorted(folder.rglob("*"))
    for share in (Share.parse("1/2"), Share()):
        with pytest.raises(UserError, match=rf"00001.npz was painted for .*{manifest.hash}"):
            paint_shares(str(folder), [share])
    assert sorted(folder.rglob("*")) == there
    (folder / "parts" / "00001.npz").unlink()  # what the message says
    paint_shares(str(folder), [Share()])
    paint_shares(str(tmp_path / "whole"), [Share()])
    assert contents(folder) == contents(tmp_path / "whole")


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    paint_shares(str(tmp_path), [Share.parse("0/2")])
    part = tmp_path / "parts" / "00002.npz"
    part.write_bytes(part.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"00002.npz is damaged .* paints it again"):
        paint_shares(str(tmp_path), [Share()])
    assert not (tmp_path / "samples.jsonl").exists()


def test_whoever_finishes_takes_what_is_left_from_the_end() -> None:
    chunks = writer.chunks(draw(CONFIG, Benchmark(n=160)))
    assert [c.number for c in Share(number=0, of=3).order(chunks)] == [0, 3, 4, 2, 1]
    assert [c.number for c in Share.parse("2/3").order(chunks)] == [2]


@pytest.mark.parametrize("text", ["2/2", "1", "a/2", "-1/2", "1/0", ""])
def test_a_shard_that_is_none(text: str) -> None:
    with pytest.raises(UserError, match="must be I/N"):
        Share.parse(text)
