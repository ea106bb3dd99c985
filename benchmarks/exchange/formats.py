"""A folder of results in the shapes others read, written to its `exchange/`:

    scores.csv            a row a system, task and metric, everything beside it that it rests on
    eval_results/<system>.yaml     Hugging Face's, to be put into a model's `.eval_results/`
    data/<set>/<by whom>/<system>/<uuid>.json, ..._samples.jsonl     Every Eval Ever 0.3.0

The folder is a study's or that of brought pictures (`benchmarks.exchange.standings`). Nothing is
computed here; a value without an interval has none in the files either.
"""

import csv
import hashlib
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.exchange.standings import OURS, Standing, of_folder
from benchmarks.runs.folder import PROVENANCE
from dreamtext.errors import UserError
from dreamtext.files import write_json, write_text

if TYPE_CHECKING:
    import pandas as pd

    from benchmarks.study import Cell

FOLDER = "exchange"
LEVEL = 0.95  # of every interval
SCHEMA_VERSION = "0.3.0"  # of Every Eval Ever
_CSV = (
    *("system", "licence", "source", "data", "task", "manifest", "metric", "direction", "unit"),
    *("value", "low", "high", "level", "n", "backbone", "version"),
)


def write(folder: Path, images: "pd.DataFrame | None" = None) -> Path:
    """Write `exchange/` into a folder of results; returns it.

    Args:
        images: the instance level (`images_of`); without it there are aggregates alone.

    Raises:
        UserError: the folder holds no scores.
    """
    if not (folder / "scores.csv").is_file():
        raise UserError(f"'{folder}' holds no scores.csv; write the study's report first")
    rows, out = of_folder(folder), folder / FOLDER
    if not rows:
        raise UserError(
            f"'{folder}/scores.csv' has no score over all seeds; finish the study first"
        )
    write_text(out / "scores.csv", scores_csv(rows))
    when = _written(folder)
    for system, group in groupby(sorted(rows, key=lambda r: r.system), key=lambda r: r.system):
        own = list(group)
        name = _slug(system)
        write_text(out / "eval_results" / f"{name}.yaml", eval_results(own, when))
        samples = None if images is None else images[images.variant == own[0].variant]
        _write_every_eval_ever(out, own, when, samples)
    return out


def images_of(cells: Iterable["Cell"]) -> "pd.DataFrame":
    """A row a sample of every scored cell: `variant`, `seed`, `task`, `id`, and what the cell keeps
    of it (`benchmarks.cells.reader`). A system that makes no use of seeds is there once."""
    import pandas as pd

    parts, seen = [], set()
    for cell in cells:
        key = (cell.variant.name, cell.score.name)
        if cell.done and key not in seen:
            seen.add(key)
            frame = cell.scored.per_image().reset_index(names="id")
            known = {"variant": cell.variant.name, "seed": cell.seed, "task": cell.benchmark.task}
            parts.append(frame.assign(**known))
    return pd.concat(parts, ignore_index=True)


def scores_csv(rows: Iterable[Standing]) -> str:
    """All scores as one table in CSV."""
    text = io.StringIO()
    table = csv.DictWriter(text, _CSV, lineterminator="\n")
    table.writeheader()
    for row in rows:
        unit, version = _of_metric(row.metric)
        known = {**vars(row), "unit": unit, "version": version, "level": LEVEL}
        known |= {name: "" for name in ("low", "high") if abs(known[name]) == inf}
        table.writerow({name: known[name] for name in _CSV})
    return text.getvalue()


def eval_results(rows: Sequence[Standing], when: str) -> str:
    """Hugging Face's `.eval_results/*.yaml` of one system, by huggingface_hub's own writer.

    `dataset.id` is the data set's name here; whoever uploads it fills in what the benchmark is
    called on the Hub.
    """
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entries = [
        EvalResultEntry(
            dataset_id=f"dreamtext/{row.data}",
            task_id=f"{row.task}/{row.metric}",
            value=row.value,
            dataset_revision=row.manifest,
            date=when,
            notes=f"{_interval(row)}n = {row.n}; {row.direction} is better"
            + (f"; {row.backbone}" if row.backbone else ""),
        )
        for row in rows
    ]
    return yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, allow_unicode=True)


def every_eval_ever(rows: Sequence[Standing], when: str) -> dict[str, Any]:
    """Every Eval Ever's aggregate record of one system on one data set."""
    from dreamtext import __version__

    first = rows[0]
    ours = first.licence == OURS
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"dreamtext-{first.data}/{_model(first)}/{when}",
        "evaluation_timestamp": when,
        "retrieved_timestamp": str(_seconds(when)),
        "source_metadata": {
            "source_name": f"DreamText benchmark, {first.source}",
            "source_type": "evaluation_run",
            "source_organization_name": "DreamText benchmark",
            "evaluator_relationship": "first_party" if ours else "third_party",
        },
        "eval_library": {"name": "dreamtext", "version": __version__},
        "model_info": {
            "name": first.system,
            "id": _model(first),
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "open_weights" if ours else "unknown",
                "licence": first.licence,
            },
        },
        "evaluation_results": [_result(row) for row in rows],
    }


def _result(row: Standing) -> dict[str, Any]:
    unit, version = _of_metric(row.metric)
    uncertainty: dict[str, Any] = {"num_samples": row.n}
    if row.low > -inf:
        uncertainty["confidence_interval"] = {
            "lower": row.low,
            "upper": row.high,
            "confidence_level": LEVEL,
        }
    fraction = unit == "fraction"
    return {
        "evaluation_result_id": _result_id(row),
        "evaluation_name": f"{row.data} {row.task} {row.metric}",
        "source_data": {
            "dataset_name": row.data,
            "source_type": "other",
            "additional_details": {"task": row.task, "manifest": row.manifest},
        },
        "metric_config": {
            "metric_id": row.metric,
            "metric_name": row.metric,
            "metric_unit": unit,
            "metric_parameters": {"version": version, "backbone": row.backbone},
            "lower_is_better": row.direction == "lower",
            "score_type": "continuous",
            "min_score": 0 if fraction else None,
            "max_score": 1 if fraction else None,
        },
        "score_details": {"score": row.value, "uncertainty": uncertainty},
    }


def instances(
    rows: Sequence[Standing], record: dict[str, Any], images: "pd.DataFrame"
) -> Iterable[dict[str, Any]]:
    """Every Eval Ever's lines of single samples: what was asked, what was read, the score."""
    for row in rows:
        if row.metric not in images:
            continue
        own = images[(images.task == row.task) & images[row.metric].notna()]
        for values in own.to_dict("records"):
            word = str(values["word"])
            read = str(values.get(f"reading/{row.metric.rpartition('/')[2]}", ""))
            score = float(values[row.metric])
            yield {
                "schema_version": f"instance_level_eval_{SCHEMA_VERSION}",
                "evaluation_id": record["evaluation_id"],
                "model_id": record["model_info"]["id"],
                "evaluation_name": f"{row.data} {row.task} {row.metric}",
                "evaluation_result_id": _result_id(row),
                "sample_id": f"{values['id']}/seed-{values['seed']}",
                "interaction_type": "single_turn",
                "input": {"raw": f"paint the word {word}", "reference": [word]},
                "output": {"raw": [read]},
                "answer_attribution": [
                    {
                        "turn_idx": 0,
                        "source": "output.raw",
                        "extracted_value": read,
                        "extraction_method": row.backbone or "none",
                        "is_terminal": True,
                    }
                ],
                "evaluation": {"score": score, "is_correct": score >= 1},
            }


def _write_every_eval_ever(
    out: Path, rows: Sequence[Standing], when: str, images: "pd.DataFrame | None"
) -> None:
    first = rows[0]
    by_whom, model = _model(first).split("/")
    below = Path("data", f"dreamtext-{first.data}", by_whom, model)
    record = every_eval_ever(rows, when)
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).digest()
    name = str(uuid.UUID(bytes=digest[:16], version=4))  # the same results, the same file
    if images is not None and len(images):
        lines = list(instances(rows, record, images))
        text = "".join(json.dumps(line) + "\n" for line in lines)
        path = below / f"{name}_samples.jsonl"
        write_text(out / path, text)
        record["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": path.as_posix(),
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(text.encode()).hexdigest(),
            "total_rows": len(lines),
        }
    write_json(out / below / f"{name}.json", record)


def _model(row: Standing) -> str:
    by_whom = "dreamtext" if row.licence == OURS else "others"
    return f"{by_whom}/{_slug(row.system)}"


def _result_id(row: Standing) -> str:
    return f"{row.task}/{row.metric}"


def _interval(row: Standing) -> str:
    return f"95 % interval {row.low:.6g} to {row.high:.6g}; " if row.low > -inf else ""


def _of_metric(name: str) -> tuple[str, int]:
    from benchmarks.metrics.registry import registered

    metric = registered()[name]
    return metric.unit, metric.version


def _written(folder: Path) -> str:
    """When the results were written, as ISO 8601; of what is recorded, so that files stay the
    same."""
    path = folder / PROVENANCE
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return f"{told.get('written', '1970-01-01')}T00:00:00Z"


def _seconds(when: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(when).timestamp()


def _slug(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-._" else "-" for c in name)
    return kept.strip("-.") or "unnamed"
