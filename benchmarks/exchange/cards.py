"""A model card for a trained model's folder: what it is, how well it paints, what it is not for.

The card is made of the folder's own files alone: config.json, provenance.json, and scores.json,
which `export-model` takes from the model's scored runs.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.runs.folder import PROVENANCE, SCORES, SPEC, Run, load
from dreamtext.configs.schema import from_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError
from dreamtext.files import write_json, write_text

CARD = "README.md"
_SHOWN = ("SeqAcc/raw", "SeqAcc/truth", "NED/raw", "mIoU", "mIoU-ceiling")
_KEPT = ("metric", "value", "low", "high", "n", "backbone", "version", "direction", "unit")


def keep_scores(trained: Run, folder: Path) -> int:
    """Write the scores of a training's scored runs to a model's scores.json; how many runs.

    A row a task and metric, over the images of one frozen manifest; of a model sampled in several
    ways those of its own sampling.
    """
    rows: list[dict[str, Any]] = []
    runs = 0
    for path in sorted(trained.root.glob(f"score-*/{SPEC}")):
        scored = load(path.parent)
        sampled = load(trained.root / scored.parents["sample"])
        own = sampled.settings["config"]["sampling"] == trained.settings["config"]["sampling"]
        if scored.state != "done" or sampled.parents.get("train") != trained.name or not own:
            continue
        benchmark = sampled.settings["benchmark"]
        if benchmark.get("corruption", "none") != "none":
            continue
        runs += 1
        about = {
            "task": benchmark["task"],
            "split": benchmark["split"],
            "manifest": sampled.identity["manifest"],
            "run": scored.name,
        }
        rows += [
            about | {k: row[k] for k in _KEPT}
            for row in scored.scores()
            if row["value"] is not None
        ]
    if rows:
        write_json(folder / SCORES, rows)
    return runs


def write(folder: Path) -> Path:
    """Write a model's card; returns its path.

    Raises:
        UserError: the folder holds no model.
    """
    path = folder / CARD
    write_text(path, card(folder))
    return path


def card(folder: Path) -> str:
    """The card's text, its metadata by huggingface_hub's own writer."""
    from huggingface_hub import EvalResult, ModelCardData

    config, about, scores = _read(folder)
    results = [
        EvalResult(
            task_type="image-to-image",
            task_name=f"scene text {row['task']}",
            dataset_type=config.data.name,
            dataset_name=f"{config.data.name}, split {row['split']}, manifest {row['manifest']}",
            metric_type=row["metric"],
            metric_name=f"{row['metric']} ({row['backbone']})" if row["backbone"] else None,
            metric_value=round(row["value"], 6),
        )
        for row in scores
        if row["metric"] in _SHOWN
    ]
    name = f"DreamText {about['title'].split(' seed')[0] or folder.name}"
    data = ModelCardData(
        license="apache-2.0",
        library_name="dreamtext",
        pipeline_tag="image-to-image",
        tags=["scene-text", "inpainting", "diffusion", "dreamtext"],
        model_name=name,
        eval_results=results or None,
    )
    return f"---\n{data.to_yaml()}\n---\n\n{_text(name, config, about, scores)}"


def _read(folder: Path) -> tuple[Config, dict[str, Any], list[dict[str, Any]]]:
    try:
        config = from_dict(Config, json.loads((folder / "config.json").read_text("utf-8")))
        about = json.loads((folder / PROVENANCE).read_text("utf-8"))
        found = folder / SCORES
        scores = json.loads(found.read_text("utf-8")) if found.is_file() else []
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{folder}' is no exported model ({error}); `dreamtext export-model RUN {folder}` "
            "writes one"
        ) from error
    return config, about, scores


def _text(name: str, config: Config, about: dict[str, Any], scores: list[dict[str, Any]]) -> str:
    data, mode = config.data, config.objective.supervision.mode
    letters = {"upper": "capitals", "alphanumeric": "letters and digits"}
    lengths = f"{data.min_word_length} to {data.max_word_length}"
    condition = (
        "It is told how the word looks typeset, which does much of its spelling. "
        if config.model.segmentation.channels
        else ""
    )
    lines = [
        f"# {name}\n",
        f"Paints a given word into a region of a picture of {data.width} x {data.height} pixels: a "
        f"small model with DreamText's objective (arXiv 2405.14701), trained from nothing on the "
        f"data set `{data.name}` with words of {lengths} "
        f"{letters.get(data.alphabet, 'characters')}, character masks supervised `{mode}`, "
        f"{config.training.steps:,} steps. {condition}It is not the published model.\n",
        "## Use\n",
        "    dreamtext edit photo.jpg --region 40,60,200,80 --word CAFE --out edited.png "
        "--model FOLDER\n",
        "Words of other lengths and alphabets may be unreadable. Do not use it to forge documents, "
        "or signs that people rely on.\n",
        "## How well it paints\n",
        *_scores(scores),
        "## How it was made\n",
        f"Run `{about['run']}` ({about['title']}), code revision "
        f"`{about['git']['revision']}`{'' if about['git']['clean'] else ' with changes'}, "
        f"torch {about['packages'].get('torch', 'unknown')}, {about['machine']['processor']}. "
        "`config.json` holds every setting, `provenance.json` the rest.",
    ]
    return "\n".join(lines) + "\n"


def _scores(scores: list[dict[str, Any]]) -> list[str]:
    if not scores:
        return ["No scores are kept with this model.\n"]
    head = "| task | metric | value [95 %] | n | measured by |\n| --- | --- | --- | --- | --- |"
    rows = [
        f"| {r['task']} | {r['metric']} | {_value(r)} | {r['n']} | {r['backbone']} |"
        for r in scores
        if r["metric"] in _SHOWN
    ]
    return [
        "\n".join([head, *rows]) + "\n",
        "Intervals are over images of one trained model; `truth` is what the judge reads on the "
        "real pictures, `raw` on what the network painted. All scores stand in `scores.json`.\n",
    ]


def _value(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
