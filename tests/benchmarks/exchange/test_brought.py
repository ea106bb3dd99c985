"""Pictures painted elsewhere: what is refused and how, and that they score as any system's."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from baselines.brought import Results
from benchmarks import cli
from benchmarks.exchange import brought
from benchmarks.exchange.export import export
from benchmarks.study import Study, Variant
from dreamtext.configs.presets import preset
from dreamtext.configs.sections import DataConfig
from dreamtext.data.prepare import prepare
from dreamtext.errors import RunError, UserError

BOTH = ("reconstruction", "editing")
N = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "export"
    return export(folder, preset("tiny").data, BOTH, split="test", n=N)


def painted(made, folder: Path) -> Path:
    """The crops as they are: in reconstruction that is the truth."""
    folder.mkdir(parents=True)
    for line in made.lines:
        shutil.copyfile(made.folder / line["image"], folder / f"{line['id']}.png")
    return folder


def first(folder: Path) -> Path:
    return sorted(folder.glob("*.png"))[0]


def resaved(path: Path, **how) -> None:
    image = Image.open(path).resize(how.get("size", (64, 32))).convert(how.get("mode", "RGB"))
    image.save(path.with_suffix(how.get("suffix", ".png")))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: first(f).unlink(), "1 of the 12 pictures are missing"),
        (lambda f: first(f).rename(f / "sign.png"), "not in the manifest: sign.png"),
        (
            lambda f: shutil.copyfile(first(f), f / f"{first(f).stem}x.png"),
            r"should '.*x\.png' be '.*\.png'",
        ),
        (lambda f: resaved(first(f), size=(128, 64)), "is 128 x 64, not 64 x 32"),
        (lambda f: resaved(first(f), mode="RGBA"), "mode RGBA, not RGB"),
        (lambda f: resaved(first(f), mode="L"), "mode L, not RGB"),
        (lambda f: resaved(first(f), suffix=".jpg"), "no PNG"),
        (lambda f: first(f).write_bytes(first(f).read_bytes()[:99]), "cannot be read"),
        (lambda f: (f / "system.json").write_text('{"year": "2026"}'), "'year'"),
        (lambda f: (f / "system.json").write_text("[]"), "not an object"),
    ],
)
def test_bad_results_are_refused_by_name(change, words, made, tmp_path):
    folder = painted(made, tmp_path / "results")
    change(folder)
    with pytest.raises(UserError, match=words):
        brought.submission(folder, made, {"name": "x"})


def test_results_of_another_export_are_said_to_be(made, tmp_path):
    other = export(tmp_path / "other", preset("tiny").data, ("editing",), split="test", n=2)
    folder = painted(other, tmp_path / "results")
    with pytest.raises(UserError, match=f"begin with {other.key}, those of .* with {made.key}"):
        Results(folder, made).check()


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.zip", "unpack it"), ("a.txt", "is a file"), ("nothing", "no folder")],
)
def test_what_is_no_folder_of_results_is_refused(name, words, made, tmp_path):
    if "." in name:
        (tmp_path / name).write_bytes(b"PK")
    with pytest.raises(UserError, match=words):
        Results(tmp_path / name, made).check()


def test_somebody_must_say_whose_they_are(made, tmp_path):
    folder = painted(made, tmp_path / "results")
    with pytest.raises(UserError, match="whose pictures"):
        brought.submission(folder, made, {"name": None})
    (folder / "system.json").write_text(json.dumps({"name": "Theirs", "licence": "MIT"}))
    found = brought.submission(folder, made, {"licence": "GPL"})
    assert found.told == {"name": "Theirs", "licence": "GPL"}


def test_from_export_to_leaderboard_by_the_commands(made, tmp_path, monkeypatch):
    """What a newcomer does; the crops as they are read as the word in reconstruction alone."""
    monkeypatch.chdir(tmp_path)
    folder = painted(made, tmp_path / "results of mine = 1")  # an awkward name
    run = CliRunner().invoke
    scored = run(
        cli.app,
        [
            *("benchmark", "score", str(folder)),
            *("--manifest", str(made.folder / "manifest.jsonl")),
            *("--name", "As It Is", "--licence", "CC0"),
        ],
        catch_exceptions=False,
    )
    assert "12 of 12 pictures" in scored.output
    table = pd.read_csv("results/brought/as-it-is/scores.csv", dtype={"seed": str})
    value = table[table.seed == "all"].set_index(["task", "metric"]).value
    assert value["reconstruction", "SeqAcc/raw"] == value["reconstruction", "SeqAcc/truth"]
    assert value["editing", "SeqAcc/raw"] == 0
    about = json.loads(Path("results/brought/as-it-is/about.json").read_text())
    assert about["provenance"] == "brought by the user"
    shown = run(cli.app, ["benchmark", "leaderboard"], catch_exceptions=False)
    assert "As It Is" in shown.output
    assert "licence: CC0" in shown.output
    assert "As It Is" in Path("results/leaderboard.html").read_text()
    provenance = [json.loads(p.read_text()) for p in Path("runs").glob("sample-*/provenance.json")]
    assert {p["system"]["brought"] for p in provenance} == {"by the user"}
    other = painted(made, tmp_path / "other")
    with pytest.raises(UserError, match="another --name"):
        run(
            cli.app,
            [
                *("benchmark", "score", str(other), "--manifest", str(made.folder)),
                *("--name", "as it is", "--url", "https://example.org"),
            ],
            catch_exceptions=False,
            standalone_mode=False,
        )


def cells_of(made, folder, root, tasks=BOTH, n=N, **settings):
    from benchmarks.runs.manifest import Benchmark

    overrides = [f"export={made.folder}", f"results={folder}"]
    overrides += [f"{k}={v}" for k, v in settings.items()]
    study = Study(
        name="joined",
        question="?",
        variants=(
            Variant(name="truth", system="truth"),
            Variant(name="theirs", system="folder", overrides=tuple(overrides)),
        ),
        reference="truth",
        seeds=(0, 1),
        benchmarks=tuple(Benchmark(task=task, n=n) for task in tasks),
    )
    return study.cells(root)


def test_they_join_a_study_and_paint_what_it_asks(made, tmp_path):
    from benchmarks.launch.stages import execute

    folder = painted(made, tmp_path / "results")
    cells = cells_of(made, folder, tmp_path / "runs", tasks=("reconstruction",))
    for cell in cells:
        execute(cell.sample)
    theirs = [c for c in cells if c.variant.name == "theirs"]
    assert len({c.sample.name for c in theirs}) == 1  # one picture each: no seeds
    (truth, *_), sample = cells, theirs[0].sample
    assert sample.identity["manifest"] == truth.sample.identity["manifest"]
    for picture in sorted((truth.sample.folder / "raw").iterdir()):
        brought_picture = sample.folder / "raw" / picture.name
        assert np.array_equal(np.asarray(Image.open(brought_picture)), Image.open(picture))


def test_another_picture_is_another_run(made, tmp_path):
    folder = painted(made, tmp_path / "results")
    before = cells_of(made, folder, tmp_path / "runs")[-1].sample.name
    moved = folder.rename(tmp_path / "moved")
    assert cells_of(made, moved, tmp_path / "runs")[-1].sample.name == before
    Image.new("RGB", (64, 32)).save(first(moved))
    assert cells_of(made, moved, tmp_path / "runs")[-1].sample.name != before


def test_an_export_of_another_benchmark_does_not_join(made, tmp_path):
    from benchmarks.launch.stages import execute

    folder = painted(made, tmp_path / "results")
    cells = cells_of(made, folder, tmp_path / "runs", n=N + 1)
    with pytest.raises(RunError, match="no line for the sample"):
        execute(cells[-1].sample)


def test_a_partial_folder_counts_what_is_missing_and_scores_the_rest_apart(made, tmp_path):
    folder = painted(made, tmp_path / "results")
    for line in made.lines[:2]:
        (folder / f"{line['id']}.png").unlink()
    study = brought.study(brought.submission(folder, made, {"name": "Some"}, partial=True))
    assert [v.name for v in study.variants] == ["some", "some (brought only)"]
    cells = [c for c in study.cells(tmp_path / "runs") if c.benchmark.task == "reconstruction"]
    brought.score(cells)
    whole, apart = (
        next(row for row in cell.score.scores() if row["metric"] == "SeqAcc/raw") for cell in cells
    )
    assert (whole["n"], apart["n"]) == (N, N - 2)
    assert whole["value"] * N == pytest.approx(apart["value"] * (N - 2))


def street(root: Path) -> DataConfig:
    """A prepared data set of one picture with three words, shown whole."""
    import cv2

    picture = np.full((180, 200, 3), 235, np.uint8)
    words = []
    for word, top in (("OVER", 0), ("MIDDLE", 60), ("UNDER", 120)):
        cv2.putText(picture, word, (12, top + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (20,) * 3, 3)
        quad = [[4, top + 4], [196, top + 4], [196, top + 54], [4, top + 54]]
        words.append({"text": word, "quad": quad})
    root.mkdir()
    Image.fromarray(picture).save(root / "street.png")
    (root / "words.jsonl").write_text(json.dumps({"image": "street.png", "words": words}) + "\n")
    prepare("folder", root, progress=False)
    return DataConfig(name="folder", root=str(root), height=180, width=200, word_area=1e-6)


def test_neighbours_travel_with_an_export_and_are_read_in_what_comes_back(tmp_path):
    data = street(tmp_path / "set")
    made = export(tmp_path / "e", data, ("reconstruction",), split="test", n=3)
    assert sorted(len(line["neighbours"]) for line in made.lines) == [2, 2, 2]
    folder = painted(made, tmp_path / "results")
    upper = next(line for line in made.lines if line["word"] == "MIDDLE")
    damaged = np.array(Image.open(folder / f"{upper['id']}.png"))
    damaged[:58] = 235
    Image.fromarray(damaged).save(folder / f"{upper['id']}.png")
    shutil.rmtree(tmp_path / "set")  # the export stands in for it
    study = brought.study(brought.submission(folder, made, {"name": "Street"}))
    (cell,) = study.cells(tmp_path / "runs")
    brought.score([cell])
    rows = {row["metric"]: row for row in cell.score.scores()}
    assert rows["text-survival/raw"]["value"] == pytest.approx(5 / 6)
    assert rows["text-survival/raw"]["details"] == {"words": 6, "read before": 6}
    images = cell.scored.per_image()
    assert set(images.background) == {"street.png"}


def test_pictures_from_several_seeds_are_several_runs(tmp_path):
    made = export(tmp_path / "e", preset("tiny").data, ("editing",), split="test", n=2, seeds=2)
    folder = painted(made, tmp_path / "results")
    study = brought.study(brought.submission(folder, made, {"name": "Twice"}))
    cells = study.cells(tmp_path / "runs")
    assert [c.seed for c in cells] == [0, 1]
    assert len({c.sample.name for c in cells}) == 2
