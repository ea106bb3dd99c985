"""An exported model's scores: painted and read as any cell of a study, and kept beside the model.

    results/models/<name>/scores.json    a row a task and metric
    results/models/<name>/cells/         the kept cells they are made of (`benchmarks.cells.reader`)

An exported model has no run any more; here it becomes a finished training run again, named by its
files, so that everything after training is what it is for a run.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.cells.reader import CELL, KeptCell
from benchmarks.runs.folder import PROVENANCE, SCORES, SPEC, Run, load
from benchmarks.runs.manifest import Benchmark, Task
from benchmarks.study import Cell, Variant
from dreamtext.configs.schema import from_dict, to_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError
from dreamtext.files import file_hash, write_json

CELLS = "cells"
_FILES = ("config.json", "model.safetensors")
_KEPT = ("metric", "n", "backbone", "version", "direction", "unit")


def score(
    folder: Path,
    root: Path,
    tasks: Sequence[Task],
    n: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> None:
    """Paint and score an exported model on the test split of its own data set; write its
    scores.json and its kept cells.

    Args:
        root: folder of runs; a stage that is done there is not done again.

    Raises:
        UserError: the folder holds no exported model.
        Interrupted: asked to stop; what is finished is kept.
    """
    from benchmarks.cells.keeping import keep_all
    from benchmarks.launch.stages import config_of, execute
    from benchmarks.study.identities import sample_run, score_run

    trained = as_run(folder, root)
    config = config_of(trained)
    scored = []
    for task in tasks:
        sampled = sample_run(config, Benchmark(task=task, n=n), trained, trained.title)
        scored.append(score_run(config, sampled))
        for run in (sampled, scored[-1]):
            execute(run, should_stop)
    shutil.rmtree(folder / CELLS, ignore_errors=True)
    keep_all(scored, folder / CELLS)
    write_json(folder / SCORES, rows(kept(folder)))


def as_run(folder: Path, root: Path) -> Run:
    """An exported model as a training run that is done, with a copy of its files in its folder.

    Raises:
        UserError: the folder holds no exported model.
    """
    run = trained_run(folder, root)
    if run.state != "done":
        run.prepare()
        run.model.mkdir(exist_ok=True)
        for name in (*_FILES, PROVENANCE):
            place = run.folder if name == PROVENANCE else run.model
            shutil.copyfile(folder / name, place / name)
        write_json(run.folder / "DONE.json", {"exported": True})
    return run


def trained_run(folder: Path, root: Path) -> Run:
    """The run that an exported model's files are named as; nothing is written.

    Raises:
        UserError: the folder holds no exported model.
    """
    try:
        config = from_dict(Config, json.loads((folder / "config.json").read_text("utf-8")))
        about = json.loads((folder / PROVENANCE).read_text("utf-8"))
        files = {name: file_hash(folder / name) for name in _FILES}
    except (OSError, ValueError) as error:
        raise UserError(
            f"'{folder}' is no exported model ({error}); `dreamtext export-model RUN {folder}` "
            "writes one"
        ) from error
    return Run(
        stage="train",
        identity={"files": files},
        settings={"config": to_dict(config), "seed": config.seed, "exported": about["run"]},
        parents={},
        root=root,
        title=f"shipped {folder.resolve().name}",
    )


def keep_scores(trained: Run, folder: Path) -> int:
    """Write the scores of a training's scored runs to its exported model's scores.json; how many
    runs those are."""
    cells = of_training(trained)
    if cells:
        write_json(folder / SCORES, rows(cells))
    return len(cells)


def of_training(trained: Run) -> list[Cell]:
    """The scored cells of a training in its folder of runs: of its own sampling, on pictures as
    they are."""
    found = []
    for path in sorted(trained.root.glob(f"score-*/{SPEC}")):
        scored = load(path.parent)
        sampled = load(trained.root / scored.parents["sample"])
        own = sampled.settings["config"]["sampling"] == trained.settings["config"]["sampling"]
        if scored.state != "done" or sampled.parents.get("train") != trained.name or not own:
            continue
        cell = _cell({"train": trained, "sample": sampled, "score": scored})
        if cell.benchmark.corruption == "none":
            found.append(cell)
    return found


def kept(folder: Path) -> list[Cell]:
    """The cells that are kept beside an exported model; none where it was never scored."""
    found = []
    for path in sorted((folder / CELLS).glob(f"score-*/{CELL}")):
        specs = KeptCell(path.parent).about["runs"]
        runs = {stage: Run(root=path.parent.parent, **spec) for stage, spec in specs.items()}
        found.append(replace(_cell(runs), store=path.parent.parent))
    return sorted(found, key=lambda cell: cell.benchmark.name, reverse=True)


def _cell(runs: dict[str, Run]) -> Cell:
    sampled = runs["sample"]
    return Cell(
        variant=Variant(name=runs["score"].name),  # a model may be scored by several judges
        seed=sampled.settings["seed"],
        benchmark=from_dict(Benchmark, sampled.settings["benchmark"]),
        train=runs["train"],
        sample=sampled,
        score=runs["score"],
    )


def rows(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    """A row a cell and metric that has a value, with the interval a study's table would give it:
    over photographs, words and images."""
    from benchmarks.report.record import collect
    from benchmarks.report.summary import Scores

    cells = list(cells)
    if not cells:
        return []
    scores, found = Scores(collect(cells)), []
    for cell in cells:
        about = {
            "task": cell.benchmark.task,
            "split": cell.benchmark.split,
            "manifest": cell.sample.identity["manifest"],
            "run": cell.score.name,
        }
        for row in cell.scored.scores():
            if row["value"] is None:
                continue
            told = scores.score(cell.variant.name, cell.benchmark.name, row["metric"])
            values = {name: _plain(told[name]) for name in ("value", "low", "high")}
            found.append(about | {name: row[name] for name in _KEPT} | values)
    return found


def _plain(value: float) -> float | None:
    """Six digits, as tables have them; None instead of NaN."""
    return None if value != value else float(f"{value:.6g}")
