"""Results in the shapes others read, held against their own schemas and readers."""

import json
import sys
from pathlib import Path

import jsonschema
import pandas as pd
import pytest
import yaml
from helpers.paths import ROOT

from benchmarks.exchange import formats
from benchmarks.exchange.standings import of_folder
from dreamtext.errors import UserError

SCHEMAS = Path(sys.prefix, "share", "schemas", "every_eval_ever", "schemas")
needs_schemas = pytest.mark.skipif(
    not SCHEMAS.is_dir(),
    reason=f"no JSON schemas in {SCHEMAS}; `make lint` installs them with the environment",
)
SCORES = """variant,seed,metric,value,low,high,n,backbone,task,manifest
ours,0,SeqAcc/raw,0.5,0.2,0.8,4,judge,editing,abc
ours,all,SeqAcc/raw,0.5,0.2,0.8,4,judge,editing,abc
ours,all,SeqAcc/truth,1,0.9,1,4,judge,editing,abc
ours,all,FD-EffNetLite0/raw,12.5,,,4,EfficientNet,editing,abc
other one,all,SeqAcc/raw,0.25,0.1,0.6,4,judge,editing,abc
other one,all,mIoU,,,,0,,editing,abc
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scores.csv").write_text(SCORES)
    provenance = {"study": "nobody-knows", "written": "2026-11-25"}
    (tmp_path / "provenance.json").write_text(json.dumps(provenance))
    return tmp_path


def images():
    rows = [
        {"variant": "ours", "seed": 0, "task": "editing", "id": f"s{i}", "word": "CAFE"}
        | {"reading/raw": "CAFE" if i % 2 else "", "SeqAcc/raw": float(i % 2)}
        for i in range(4)
    ]
    return pd.DataFrame(rows)


def schema(name):
    return json.loads((SCHEMAS / name).read_text())


@needs_schemas
def test_every_eval_ever_takes_the_aggregates_and_the_samples(folder):
    out = formats.write(folder, images())
    records = sorted(out.glob("data/*/*/*/*.json"))
    assert len(records) == 2
    for path in records:
        record = json.loads(path.read_text())
        jsonschema.validate(record, schema("eval.schema.json"))
        assert record["schema_version"] == schema("eval.schema.json")["version"]
    record = json.loads(next(p for p in records if "ours" in p.parts).read_text())
    detail = record["detailed_evaluation_results"]
    lines = [json.loads(text) for text in (out / detail["file_path"]).read_text().splitlines()]
    assert len(lines) == detail["total_rows"] == 4
    for line in lines:
        jsonschema.validate(line, schema("instance_level_eval.schema.json"))
    assert [line["evaluation"]["is_correct"] for line in lines] == [False, True, False, True]
    assert lines[1]["output"]["raw"] == ["CAFE"]


def test_a_score_keeps_its_interval_n_and_direction(folder):
    (path,) = formats.write(folder).glob("data/*/*/ours/*.json")
    results = {
        r["metric_config"]["metric_id"]: r
        for r in json.loads(path.read_text())["evaluation_results"]
    }
    assert set(results) == {"SeqAcc/raw", "FD-EffNetLite0/raw"}  # no ceiling, nothing empty
    accuracy, distance = results["SeqAcc/raw"], results["FD-EffNetLite0/raw"]
    assert accuracy["score_details"]["uncertainty"] == {
        "num_samples": 4,
        "confidence_interval": {"lower": 0.2, "upper": 0.8, "confidence_level": 0.95},
    }
    assert not accuracy["metric_config"]["lower_is_better"]
    assert distance["metric_config"]["lower_is_better"]
    assert "confidence_interval" not in distance["score_details"]["uncertainty"]


def test_hugging_face_reads_its_own_shape(folder):
    from huggingface_hub import EvalResultEntry
    from huggingface_hub._eval_results import parse_eval_result_entries

    out = formats.write(folder)
    assert {p.stem for p in (out / "eval_results").iterdir()} == {"ours", "other-one"}
    values = yaml.safe_load((out / "eval_results/ours.yaml").read_text())
    first, *_ = parse_eval_result_entries(values)
    assert isinstance(first, EvalResultEntry)
    assert (first.task_id, first.value) == ("editing/SeqAcc/raw", 0.5)
    assert "0.2 to 0.8" in first.notes


def test_the_csv_says_what_a_number_rests_on(folder):
    table = pd.read_csv(formats.write(folder) / "scores.csv")
    row = table[(table.system == "ours") & (table.metric == "SeqAcc/raw")].iloc[0]
    assert (row.unit, row.direction, row.n, row.backbone) == ("fraction", "higher", 4, "judge")
    assert table[table.metric == "FD-EffNetLite0/raw"].low.isna().all()


def test_the_same_results_are_the_same_files(folder):
    def content(out):
        return {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}

    first = content(formats.write(folder, images()))
    assert content(formats.write(folder, images())) == first


def test_a_folder_without_scores_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"no scores\.csv"):
        formats.write(tmp_path)


@needs_schemas
@pytest.mark.parametrize("name", ["comparison", "supervision"])
def test_recorded_results_are_valid_too(name, tmp_path):
    import shutil

    folder = Path(shutil.copytree(ROOT / "results" / name, tmp_path / name))
    out = formats.write(folder)
    records = sorted(out.glob("data/*/*/*/*.json"))
    assert len(records) == len({row.system for row in of_folder(folder)})
    for path in records:
        jsonschema.validate(json.loads(path.read_text()), schema("eval.schema.json"))
