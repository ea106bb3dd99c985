"""A judge and weight files given to `dreamtext score` and to studies: recorded, or refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.stand_in_weights import small_parseq, write_alexnet, write_inception

from benchmarks import cli
from benchmarks.launch import outline
from benchmarks.launch.stages import execute
from benchmarks.metrics import options
from benchmarks.runs.folder import load
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Study, Variant
from benchmarks.study.identities import score_run, system_run
from dreamtext.configs.presets import preset
from dreamtext.configs.sections import Config, MaskConfig, ScoringConfig
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash

torch.set_num_threads(1)
pytestmark = [  # of clean-fid, lpips and torch about themselves
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    parseq = folder / "parseq.pt"
    torch.save(small_parseq().state_dict(), parseq)
    return {
        "judge": parseq,
        "inception": write_inception(folder),
        "alexnet": write_alexnet(folder, whole=False),
    }


@pytest.fixture(autouse=True)
def right_alexnet(files, monkeypatch):
    digest = file_hash(files["alexnet"])
    monkeypatch.setattr(options, "ALEXNET", replace(options.ALEXNET, sha256=digest[:8]))


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Five words typeset over real ones: a finished sample run, without any training."""
    root = tmp_path_factory.mktemp("runs")
    benchmark = Benchmark(task="reconstruction", n=5)
    run = system_run(preset("smoke"), benchmark, "typeset", (), 0, root)
    execute(run)
    return run


def dreamtext(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["dreamtext", *map(str, arguments)])
    try:
        cli.main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def scored_runs(root):
    return {path.name for path in root.glob("score-*")}


def test_given_files_make_a_score_run_of_their_own_and_are_recorded(
    sampled, files, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("DREAMTEXT_CACHE", str(tmp_path))
    monkeypatch.chdir(files["judge"].parent)  # a relative path is found again from elsewhere
    given = [a for k, v in files.items() for a in (f"--{k}", v.name)]
    assert dreamtext(monkeypatch, "score", sampled.folder, *given) == 0
    folder = Path(capsys.readouterr().out.splitlines()[0])
    rows = {row["metric"]: row for row in json.loads((folder / "scores.json").read_text())}
    for metric, name in (
        ("SeqAcc/raw", "judge"),
        ("FID/raw", "inception"),
        ("LPIPS/raw", "alexnet"),
    ):
        assert rows[metric]["value"] is not None
        assert file_hash(files[name])[:8] in rows[metric]["backbone"]
    assert rows["KID/raw"]["value"] is not None
    about = json.loads((folder / "provenance.json").read_text())
    assert about["given"] == {name: file_hash(path) for name, path in files.items()}
    assert about["scoring"].items() >= {name: str(path) for name, path in files.items()}.items()
    assert load(folder).identity["judge"] == file_hash(files["judge"])


def test_without_any_the_signature_is_what_it_always_was(sampled):
    run = score_run(Config(), sampled)
    assert set(run.identity) == {"sample", "metrics", "masks"}
    assert run.name != score_run(Config(masks=MaskConfig(threshold_std=1.5)), sampled).name


def test_the_signature_follows_the_content_and_not_the_path(sampled, files, tmp_path):
    def name(**scoring):
        return score_run(Config(scoring=ScoringConfig(**scoring)), sampled).name

    first = name(inception=str(files["inception"]))
    for folder in ("copy", "other"):
        (tmp_path / folder).mkdir()
    copy = tmp_path / "copy" / files["inception"].name
    copy.write_bytes(files["inception"].read_bytes())
    assert name(inception=str(copy)) == first
    assert name(inception=str(write_inception(tmp_path / "other", seed=1))) != first
    names = {first, name(), name(judge="PP-OCRv4"), name(judge=str(files["judge"]))}
    assert len(names | {name(alexnet=str(files["alexnet"]))}) == 5


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("--judge", None, ("there is no judge", "PP-OCRv4", "baudm/parseq")),
        ("--judge", b"plain text", ("no file that torch writes", "baudm/parseq")),
        ("--inception", None, ("there is no file", "clean-fid")),
        ("--inception", b"plain text", ("no TorchScript", "clean-fid")),
        ("--alexnet", None, ("there is no file", "torchvision")),
        ("--alexnet", b"plain text", ("has SHA-256", "torchvision")),
    ],
)
def test_a_missing_or_wrong_file_is_refused_before_any_work(
    sampled, monkeypatch, capsys, tmp_path, option, content, told
):
    names = {"--judge": "reader.pt", "--inception": options.INCEPTION.path}
    file = tmp_path / names.get(option, options.ALEXNET.path)
    if content:
        file.write_bytes(content)
    before = scored_runs(sampled.root)
    assert dreamtext(monkeypatch, "score", sampled.folder, option, file) == 2
    message = capsys.readouterr().err
    assert all(words in message for words in (str(file), *told))
    assert scored_runs(sampled.root) == before  # nothing was started


def test_inception_is_known_by_its_name(sampled, files, monkeypatch, capsys, tmp_path):
    other = tmp_path / "inception.pt"
    other.write_bytes(files["inception"].read_bytes())
    assert dreamtext(monkeypatch, "score", sampled.folder, "--inception", other) == 2
    assert f"not named {options.INCEPTION.path}" in capsys.readouterr().err


def test_a_file_changed_after_planning_stops_the_stage(sampled, files, tmp_path):
    judge = tmp_path / "reader.pt"
    judge.write_bytes(files["judge"].read_bytes())
    run = score_run(Config(scoring=ScoringConfig(judge=str(judge))), sampled)
    torch.save({"weight": torch.zeros(3)}, judge)
    with pytest.raises(RunError, match="has changed since"):
        execute(run)


def test_a_torch_file_that_is_no_parseq_stops_the_stage(sampled, tmp_path):
    judge = tmp_path / "reader.pt"
    torch.save({"weight": torch.zeros(3)}, judge)
    run = score_run(Config(scoring=ScoringConfig(judge=str(judge))), sampled)
    with pytest.raises(UserError, match="94 characters"):
        execute(run)
    assert run.state == "failed"


def test_a_study_takes_the_same_and_trains_and_samples_nothing_anew(files, tmp_path, monkeypatch):
    study = Study(
        name="s",
        question="",
        variants=(
            Variant(name="ours"),
            Variant(name="set", system="typeset"),
            Variant(name="set otherwise", system="typeset", overrides=("contrast=3",)),
        ),
        reference="ours",
        preset="smoke",
        seeds=(0,),
    )
    plain = study.cells(tmp_path)
    given = study.narrowed(overrides=[f"scoring.inception={files['inception']}"]).cells(tmp_path)
    for before, after in zip(plain, given, strict=True):
        assert [r.name for r in before.runs[:-1]] == [r.name for r in after.runs[:-1]]
        assert before.score.name != after.score.name
        assert "FID/raw" in after.score.identity["metrics"]
        assert not outline._named_by_code_alone(after.score)  # the file may change: never kept
    assert len({cell.sample.name for cell in plain}) == len(plain)  # a system's settings count
    with pytest.raises(UserError, match="there is no file"):
        study.narrowed(overrides=["scoring.alexnet=nowhere.pth"]).cells(tmp_path)
    command = ("study", "run", "supervision", "--preset", "smoke", "--runs", tmp_path / "none")
    assert dreamtext(monkeypatch, *command, "--set", "scoring.inception=nowhere.pt") == 2
    assert not (tmp_path / "none").exists()
