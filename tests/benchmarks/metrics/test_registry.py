"""Scoring a folder of samples: identity, monotony, nulls with reasons, refusals."""

import importlib
import json
import pkgutil
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.sample_folder import write_folder
from PIL import Image

from benchmarks.metrics import background, registry, text
from benchmarks.metrics.detectors.efficientnet import EfficientNetLite0
from benchmarks.metrics.judges.judge import normalise
from benchmarks.metrics.options import Options
from benchmarks.metrics.registry import DEFAULT_METRICS, registered, score_samples, versions
from benchmarks.samples.folder import SampleFolder
from dreamtext.errors import UserError

torch.set_num_threads(1)
COUNT = 12


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def options(cache):
    return Options(cache=cache)


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("truth") / "samples", COUNT)


def scores(folder, options, *names):
    return {score.metric: score for score in score_samples(folder, names or None, options)}


# What real pictures score as painted ones; the accuracies score what they score on the truth.
PERFECT = {
    "SeqAcc-relative": 1,
    "FD-EffNetLite0": 0,
    "effdist": 0,
    "PSNR-background": background.HIGHEST_PSNR,
    "PSNR-band": background.HIGHEST_PSNR,
    "SSIM-background": 1,
    "SSIM-band": 1,
    "MSE-background": 0,
    "MSE-band": 0,
    "glyph-similarity": 1,
    "font-similarity": 1,
    "text-colour-error": 0,
    "ground-colour-error": 0,
}
OF_READINGS = {
    *("SeqAcc", "SeqAcc-ci", "NED", "CER", "SeqAcc-second", "SeqAcc-either", "judges-agree")
}


@pytest.fixture(scope="module")
def perfect(truth, options):
    """Real pictures, scored as painted ones."""
    return scores(truth, options)


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory, options):
    """The same under so much noise that most words cannot be read."""
    rng = np.random.default_rng(0)

    def paint(image, _):
        return np.clip(image + rng.normal(0, 90, image.shape), 0, 255).astype(np.uint8)

    return scores(
        write_folder(tmp_path_factory.mktemp("spoilt") / "s", COUNT, paint=paint), options
    )


def test_real_images_score_the_ceiling_and_no_distance(perfect):
    found = perfect
    assert list(found) == list(DEFAULT_METRICS)
    named = {name.split("/")[0] for name in found if name.endswith("/raw")}
    assert named == {*PERFECT, *OF_READINGS, "KID-EffNetLite0", "text-survival"}
    for name, value in PERFECT.items():
        assert found[f"{name}/raw"].value == pytest.approx(value, abs=1e-6), name
    for name in OF_READINGS:
        assert found[f"{name}/raw"].value == found[f"{name}/truth"].value, name
        assert found[f"{name}/raw"].per_image == found[f"{name}/truth"].per_image
    assert found["SeqAcc/raw"].value > 0.7
    assert found["CER/raw"].value < 0.2
    # An unbiased distance of a set from itself is what its smallness takes from the kernel's mean.
    assert found["KID-EffNetLite0/raw"].value < 0
    assert found["KID-EffNetLite0/truth"].low < 0 < found["KID-EffNetLite0/truth"].high
    assert found["FD-EffNetLite0/truth"].low > 0
    for score in found.values():
        if score.value is not None:
            assert score.n == (COUNT // 2 if score.interval == "random halves" else score.n)
            assert score.low <= score.value <= score.high or score.interval == "random halves"
            assert score.backbone
        else:
            assert score.reason


def test_distances_rise_with_noise_and_blur(tmp_path, options):
    from scipy.ndimage import gaussian_filter

    def noise(strength):
        rng = np.random.default_rng(0)
        return lambda image, _: np.clip(
            image + rng.normal(0, strength, image.shape), 0, 255
        ).astype(np.uint8)

    def blur(sigma):
        return lambda image, _: gaussian_filter(image, (sigma, sigma, 0))

    for name, paint, strengths in (("noise", noise, (5, 20, 60)), ("blur", blur, (0.5, 1, 2))):
        rows = [
            scores(
                write_folder(tmp_path / f"{name}{strength}", COUNT, paint=paint(strength)),
                options,
                "FD-EffNetLite0/raw",
                "effdist/raw",
            )
            for strength in strengths
        ]
        for metric in ("FD-EffNetLite0/raw", "effdist/raw"):
            values = [row[metric].value for row in rows]
            assert values == sorted(values), (name, metric)
            assert values[0] > 0


def test_painted_word_is_compared_when_editing(tmp_path, options):
    """Unchanged pictures under other words: every reading is wrong, the ceiling stays."""
    folder = write_folder(tmp_path / "samples", 4, word=flipped)
    found = scores(folder, options, "SeqAcc/raw", "SeqAcc/truth", "effdist/raw")
    assert found["SeqAcc/raw"].value == 0
    assert found["SeqAcc/truth"].value > 0.7
    assert found["effdist/raw"].value is None
    assert "editing" in found["effdist/raw"].reason


def flipped(word):
    return "".join(chr(155 - ord(c)) for c in word)


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """An editing folder whose true pictures exist, and whose painted ones are just those."""
    folder = write_folder(tmp_path_factory.mktemp("edited") / "samples", COUNT, word=flipped)
    true = write_folder(tmp_path_factory.mktemp("true") / "samples", COUNT + 20)
    for source in ("target", "raw", "composited"):  # other words: the pictures of other samples
        (folder / source).mkdir(exist_ok=True)
        pictures = sorted((true / "truth").iterdir())[20:]
        for own, other in zip(sorted((folder / "truth").iterdir()), pictures, strict=True):
            shutil.copy(other, folder / source / own.name)
    lines = [json.loads(line) for line in (true / "samples.jsonl").read_text().splitlines()][20:]
    own = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    for line, other in zip(own, lines, strict=True):
        line |= {k: other[k] for k in ("word", "box", "quad")}
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in own))
    maps = np.load(true / "truth.npz")["characters"][20:]
    known = np.zeros(COUNT, bool)
    np.savez(
        folder / "truth.npz",
        characters=np.zeros_like(maps),
        has_characters=known,
        target_characters=maps,
    )
    return folder


def test_editing_is_measured_against_the_true_pictures_where_there_are_any(edited, options):
    names = ("SeqAcc/truth", "SeqAcc/raw", "effdist/raw", "FD-EffNetLite0/raw", "mIoU-ceiling")
    found = scores(edited, options, *names, "glyph-similarity/raw", "PSNR-background/raw")
    assert found["SeqAcc/truth"].value == found["SeqAcc/raw"].value > 0.7
    assert found["SeqAcc/truth"].details["words"] == "as painted"
    assert found["effdist/raw"].value == 0
    assert found["effdist/raw"].details["against"] == "target"
    assert found["FD-EffNetLite0/raw"].value == pytest.approx(0, abs=1e-6)
    assert 0.4 < found["mIoU-ceiling"].value < 0.95
    assert found["glyph-similarity/raw"].value == pytest.approx(1)
    assert found["PSNR-background/raw"].value < 30  # the background was the source picture's


def test_without_them_it_has_the_source_words_ceiling_and_no_pairs(tmp_path, edited, options):
    folder = tmp_path / "samples"
    shutil.copytree(edited, folder)
    shutil.rmtree(folder / "target")
    maps = np.load(folder / "truth.npz")["characters"]
    np.savez(folder / "truth.npz", characters=maps, has_characters=np.ones(COUNT, bool))
    found = scores(folder, options, "SeqAcc/truth", "effdist/raw", "mIoU-ceiling")
    assert found["SeqAcc/truth"].details["words"] == "as painted over"
    assert "target/" in found["effdist/raw"].reason
    assert "target_characters" in found["mIoU-ceiling"].reason


def test_what_a_system_does_not_support_is_a_gap(tmp_path, options):
    """Three of four samples are answered, two of them rightly; the fourth counts nowhere."""
    folder = write_folder(tmp_path / "samples", 4)
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    whole = scores(folder, options, "SeqAcc/raw", "mIoU-ceiling")
    assert whole["SeqAcc/raw"].value == 1
    statuses = ("ok", "unsupported", "ok", "error")
    for line, status in zip(lines, statuses, strict=True):
        line |= {"status": status, "reason": "only digits"}
        if status != "ok":
            grey = np.full((32, 64, 3), 128, np.uint8)
            for source in ("raw", "composited"):
                Image.fromarray(grey).save(folder / source / f"{line['id']}.png")
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = scores(folder, options, "SeqAcc/raw", "effdist/raw", "mIoU-ceiling")
    assert list(found["SeqAcc/raw"].per_image.values()) == [1, None, 1, 0]
    assert found["SeqAcc/raw"].value == pytest.approx(2 / 3)
    assert {row.n for row in found.values()} == {3}
    gap = {**whole["mIoU-ceiling"].per_image, lines[1]["id"]: None}
    assert found["mIoU-ceiling"].per_image == gap
    for line in lines:
        line["status"] = "unsupported"
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = scores(folder, options)
    assert {row.value for row in found.values()} == {None}
    assert found["SeqAcc/raw"].reason == "none of the 4 samples is supported: only digits"


def test_readings_are_kept_on_disk(truth, tmp_path):
    options = Options(cache=tmp_path)
    first = scores(truth, options, "SeqAcc/raw")["SeqAcc/raw"]
    (file,) = (tmp_path / "readings").glob("*.jsonl")
    kept = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps([key, "X"]) + "\n" for key, _ in kept) + '["cut short')
    assert scores(truth, options, "SeqAcc/raw")["SeqAcc/raw"].value == 0
    file.unlink()
    assert scores(truth, options, "SeqAcc/raw")["SeqAcc/raw"] == first


def test_a_reading_does_not_depend_on_the_crops_beside_it(cache, truth):
    from benchmarks.metrics.judges.catalogue import judge

    images = list(SampleFolder(truth).images("truth"))
    wide = np.concatenate(images, axis=1)
    reader = judge("PP-OCRv6-small", cache)
    together = reader.read([images[0], wide, *images[1:]])
    assert together[0] == reader.read([images[0]])[0]
    assert together[1] == reader.read([wide])[0]


def test_blank_real_images_give_null_and_a_reason(tmp_path, options):
    folder = write_folder(tmp_path / "samples", 4)
    for file in (folder / "truth").iterdir():
        Image.fromarray(np.full((32, 64, 3), 128, np.uint8)).save(file)
    found = scores(folder, options, "SeqAcc/raw", "FD-EffNetLite0/raw")
    assert found["SeqAcc/raw"].value is None
    assert "0 of 4" in found["SeqAcc/raw"].reason
    assert found["FD-EffNetLite0/raw"].value > 0


def test_a_missing_image_is_refused_with_both_numbers(tmp_path, options):
    folder = write_folder(tmp_path / "samples", 4)
    next((folder / "raw").iterdir()).unlink()
    found = scores(folder, options, "effdist/raw", "effdist/composited")
    assert "3 images" in found["effdist/raw"].reason
    assert "lists 4" in found["effdist/raw"].reason
    assert found["effdist/composited"].value == 0


def test_an_image_of_another_size_is_refused_with_both_sizes(tmp_path, options):
    folder = write_folder(tmp_path / "samples", 4)
    file = sorted((folder / "raw").iterdir())[2]
    Image.fromarray(np.zeros((64, 128, 3), np.uint8)).save(file)
    reason = scores(folder, options, "effdist/raw")["effdist/raw"].reason
    assert "128 x 64" in reason
    assert "64 x 32" in reason


@pytest.mark.parametrize("error", [TypeError("a bug"), MemoryError(), torch.OutOfMemoryError()])
def test_a_bug_or_too_little_memory_fails_the_scoring(truth, options, monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(EfficientNetLite0, "blocks", fail)
    with pytest.raises(type(error)):
        scores(truth, options, "SeqAcc/raw", "effdist/raw")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "no samples.jsonl"),
        (lambda folder: (folder / "samples.jsonl").write_text("\n"), "0 samples"),
        (lambda folder: (folder / "samples.jsonl").write_text('{"id": 1}\n'), "line 1"),
    ],
)
def test_what_is_no_folder_of_samples_is_refused(tmp_path, options, change, message):
    folder = write_folder(tmp_path / "samples", 2)
    change(folder)
    with pytest.raises(UserError, match=message):
        score_samples(folder, None, options)


def test_a_box_outside_its_image_is_refused(tmp_path, options):
    folder = write_folder(tmp_path / "samples", 4)
    lines = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    lines[1]["box"][2] = 65
    (folder / "samples.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    reason = scores(folder, options, "SeqAcc/raw")["SeqAcc/raw"].reason
    assert lines[1]["id"] in reason
    assert "64 x 32" in reason


GIVEN = {
    "inception": ("KID/raw", "FID/raw"),
    "inception_pytorch": ("KID-pytorch/raw", "FID-pytorch/raw"),
    "alexnet": ("LPIPS/raw",),
    "dinov2": ("FD-DINOv2/raw", "DINOv2-similarity/raw"),
    "clip": ("CLIP-similarity/raw",),
}


@pytest.mark.parametrize(("option", "more"), GIVEN.items(), ids=GIVEN)
def test_a_weight_file_adds_its_metrics_to_those_scored_without_being_named(option, more):
    default = registry.default_metrics(Options(**{option: Path("weights")}))
    assert default[: len(DEFAULT_METRICS)] == DEFAULT_METRICS
    added = set(default[len(DEFAULT_METRICS) :])
    assert {name for name in added if name.endswith("/raw")} == set(more)
    chosen = registry.chosen(None, Options(**{option: Path("weights")}))
    assert tuple(metric.name for metric in chosen) == default
    assert registry.chosen() == registry.chosen(DEFAULT_METRICS)


def test_given_networks_are_opened_before_any_work(truth, options, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(registry, "network", lambda _, name: opened.append(name))
    monkeypatch.setattr(registry.pairs, "lpips_network", lambda file: opened.append(str(file)))
    monkeypatch.setattr(Options, "given", lambda _: opened.append("checked"))
    monkeypatch.setattr(registry, "_score", lambda metric, _: opened.append(metric.name))
    given = replace(options, **{option: Path(option) for option in GIVEN})
    score_samples(truth, ["MSE-band/raw"], given)
    assert opened == [
        *("checked", "Inception", "Inception-pytorch", "alexnet", "DINOv2", "CLIP"),
        "MSE-band/raw",
    ]
    opened.clear()
    score_samples(truth, ["MSE-band/raw"], options)
    assert opened == ["checked", "MSE-band/raw"]


def test_unknown_names_are_refused_with_the_nearest(truth, options):
    with pytest.raises(UserError, match="nearest known one is 'SeqAcc/raw'"):
        score_samples(truth, ["SeqAc/raw"], options)
    with pytest.raises(UserError, match="no judge 'tesseract'; known are PP-OCRv6-small"):
        scores(truth, Options(judge="tesseract", cache=options.cache), "SeqAcc/raw")


def test_a_metrics_direction_is_the_one_that_real_pictures_are_better_in(perfect, spoilt):
    painted = {name for name in perfect if name.endswith(("/raw", "/composited"))}
    compared = {n for n in painted if perfect[n].value is not None}
    assert {n.split("/")[0] for n in painted - compared} == {"text-survival"}  # no other word there
    for name in compared:
        good, bad = perfect[name], spoilt[name]
        better = good.value > bad.value if good.direction == "higher" else good.value < bad.value
        assert better, (name, good.direction, good.value, bad.value)
    same = {n for n in perfect if n.endswith("/truth") or n == "mIoU-ceiling"}
    assert all(perfect[n].value == spoilt[n].value for n in same)  # what painting cannot change


def test_shares_are_told_as_such_and_lie_between_0_and_1(perfect, spoilt):
    for name, metric in registered().items():
        found = [s[name] for s in (perfect, spoilt) if name in s and s[name].value is not None]
        if metric.unit == "fraction" and not name.startswith("CER"):
            assert all(0 <= s.value <= 1 for s in found), name
        for score in found:
            told = (metric.version, metric.direction, metric.unit, metric.interval)
            assert (score.version, score.direction, score.unit, score.interval) == told


def test_no_two_metrics_share_a_name():
    every = [metric.name for module in _modules() for metric in module.METRICS]
    assert sorted(every) == sorted(registered())
    for name, metric in registered().items():
        read = name.rpartition("/")[2] if "/" in name else ""
        assert read in ("", metric.reads), name


def _modules():
    from benchmarks import metrics

    names = [m.name for m in pkgutil.iter_modules(metrics.__path__, f"{metrics.__name__}.")]
    every = [importlib.import_module(name) for name in names]
    return [module for module in every if hasattr(module, "METRICS")]


def test_a_metric_counted_otherwise_has_another_version_and_no_other_has(monkeypatch):
    before = versions()
    assert set(before) == set(DEFAULT_METRICS)
    raised = [replace(m, version=m.version + 6) for m in background.METRICS]
    monkeypatch.setattr(background, "METRICS", raised)
    now = versions(["PSNR-background/raw", "effdist/raw", "mIoU@0.3"])
    assert now == {
        "PSNR-background/raw": before["PSNR-background/raw"] + 6,
        "effdist/raw": before["effdist/raw"],
        "mIoU@0.3": before["mIoU"],
    }


@pytest.mark.parametrize(
    ("reading", "word", "strict", "ci", "folded", "ned"),
    [
        ("HELLO", "HELLO", 1, 1, 1, 1),
        ("HeLLO", "HELLO", 0, 1, 0, 0.8),
        ("HE1l0", "HEIlO", 0, 0, 1, 0.6),
        ("", "HELLO", 0, 0, 0, 0),
        ("HELLO!", "HELLO", 0, 0, 0, 5 / 6),
    ],
)
def test_rules_of_comparison(reading, word, strict, ci, folded, ned):
    rules = ("SeqAcc", "SeqAcc-ci", "SeqAcc-folded", "NED")
    found = [text.compare([reading], [word], rule)[0] for rule in rules]
    assert found == pytest.approx([strict, ci, folded, ned])


def test_cer_is_torchmetrics_over_all_words(tmp_path, options, monkeypatch):
    from torchmetrics.text import CharErrorRate

    folder = write_folder(tmp_path / "samples", 4)
    words = [r.word for r in SampleFolder(folder).records]
    readings = [words[0], words[1] + "XY", "", words[3][::-1]]
    monkeypatch.setattr(text, "read", lambda *_: readings)
    (found,) = score_samples(folder, ["CER/raw"], options)
    assert found.value == pytest.approx(float(CharErrorRate()(readings, words)))
    assert list(found.per_image.values())[1:3] == [2 / len(words[1]), 1]
    assert found.low < found.value < found.high


def test_the_command_line_lists_every_metric():
    from typer.testing import CliRunner

    from benchmarks.cli import app

    shown = CliRunner(env={"COLUMNS": "60"}).invoke(app, ["metrics"]).output  # no terminal: whole
    for name in registered():
        assert name.split("/")[0] in shown
    line = next(text for text in shown.splitlines() if "CER " in text and "rectified" not in text)
    assert "raw, composited, truth" in line
    assert "lower, fraction" in line
    assert "torchmetrics" in line


def test_readings_are_normalised():
    assert normalise("ＡＢ c！") == "ABc!"
