"""A model card for a trained model's folder: what it is, how well it paints, what it is not for.

The card is made of the folder's own files alone: config.json, provenance.json, and scores.json
(`benchmarks.exchange.shipped`).
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.runs.folder import PROVENANCE, SCORES
from dreamtext.configs.schema import from_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError
from dreamtext.files import write_text

CARD = "README.md"
EDITS = "edits.png"
_SHOWN = ("SeqAcc/raw", "SeqAcc/truth", "NED/raw", "mIoU", "mIoU-ceiling")


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
    edits = (folder / EDITS).is_file()
    return f"---\n{data.to_yaml()}\n---\n\n{_text(name, config, about, scores, edits)}"


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


def _text(
    name: str,
    config: Config,
    about: dict[str, Any],
    scores: list[dict[str, Any]],
    edits: bool,
) -> str:
    data, mode = config.data, config.objective.supervision.mode
    letters = {"upper": "capitals", "alphanumeric": "letters and digits"}
    lengths = f"{data.min_word_length} to {data.max_word_length}"
    condition = (
        "It is told how the word looks typeset, which does much of its spelling. "
        if config.model.segmentation.channels
        else ""
    )
    start = "a base model" if config.model.unet.weights else "nothing"
    lines = [
        f"# {name}\n",
        f"Paints a given word into a region of a picture of {data.width} x {data.height} pixels: a "
        f"small model with DreamText's objective (arXiv 2405.14701), trained from {start} on the "
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
        *(_EARLIER if scores and "data_revision" not in about else ()),
        *(_EDITED if edits else ()),
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
        "Intervals are over photographs, words and images, of this one trained model; `truth` is "
        "what the judge reads on the real pictures, `raw` on what the network painted. All scores "
        "stand in `scores.json`.\n",
    ]


_EDITED = (
    f"Twenty edits of the test split (`python -m benchmarks.editing.compare {EDITS} FOLDER`): the "
    "picture, its own picture laid in, its letters in the picture's colours, the truth.\n",
    f"![Twenty edits]({EDITS})\n",
)
_EARLIER = (
    "It was trained before the test split was what it is today: parts of 9 photographs whose other "
    "parts train models now were whole in its training, so that 18 of the 62 backgrounds it is "
    "scored on are not new to it.\n",
)


def _value(row: dict[str, Any]) -> str:
    if row["low"] is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
