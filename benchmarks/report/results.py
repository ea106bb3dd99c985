"""What stands in `results/<study>/`: the tables made of a study's scored cells."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import contrasts, gaps, render, simulated, tables
from benchmarks.report.panels import BLOCKS
from benchmarks.report.record import Record
from benchmarks.report.render import Table
from benchmarks.report.summary import scores_of, summarise
from benchmarks.study import Study

if TYPE_CHECKING:
    import pandas as pd

SMALL = {
    "smoke": "These runs are the smoke preset's: they show that the loop works. Their numbers are "
    "not meant to be good and order nothing.",
    "demo": "These runs have fewer steps than the tiny preset's: they show who finds "
    "the characters and that words are read; they order nothing.",
}
METHOD = (
    "Values are means over images and seeds, with 95 % intervals of the hierarchical bootstrap "
    "over seeds, background sources (photographs, or generators of textures), words and images; Δ "
    "is the difference to the reference, paired by image and seed. Bold: better than every other "
    "variant measured, references left out, by an interval that excludes 0. A number of a whole "
    "set, as a Frechet distance, has the spread of its seeds and of its images in its interval. "
    "p-values are for declared contrasts alone, adjusted by Holm over those measured so far: those "
    "still to be run can raise them. `raw` is what the network painted, before the old pixels are "
    "put back outside the region."
)


def text(study: Study, record: Record, made: Sequence[Table]) -> str:
    """The study's Markdown: what was asked, its tables, how they were made, and its gaps."""
    about = [study.question]
    about += [f"**The paper** {study.paper}"] if study.paper else []
    about += [f"**Not shown here:** {study.not_shown}"] if study.not_shown else []
    parts = [f"# {study.name}\n\n" + "\n\n".join(about) + "\n", *map(render.markdown, made)]
    method = METHOD
    if len(study.seeds) == 1:
        method += " One seed: intervals are over images, they say nothing about other seeds."
    elif few := simulated.note(len(study.seeds)):
        method += f" {few}"
    panels = scores_of(record).panels
    if any(panels.counts(b.name)["background sources"] is None for b in study.benchmarks):
        method += " Background sources unknown: intervals do not allow for images that share one."
    if study.preset in SMALL:
        method += "\n\n**Note.** " + SMALL[study.preset]
    parts.append(method + "\n")
    for title, said in (
        ("Gaps", gaps.explain(record)),
        ("Notes", gaps.notes(record, study.metrics)),
    ):
        if said:
            parts.append(f"## {title}\n\n" + "\n".join(f"- {line}" for line in said) + "\n")
    return "\n".join(parts)


def write_tables(study: Study, record: Record, folder: Path) -> "pd.DataFrame":
    """Write `scores.csv`, `blocks.csv` and `contrasts.csv`; all tables as `table.md` and
    `table.html`, and each in `tables/` as .csv and .tex.

    Returns:
        The scores: a row a seed, and rows of seed `all` with intervals, as in `scores.csv`.
    """
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    for name in ("blocks.csv", "contrasts.csv"):  # of an earlier report, and perhaps not of this
        (folder / name).unlink(missing_ok=True)
    whole = summarise(study, record)
    blocks = [summarise(study, record, block, list(study.metrics)) for block in BLOCKS]
    blocks = [found for found in blocks if len(found)]
    made = tables.all_tables(study, record, pd.concat([whole, *blocks]))
    scores = _long(record, whole)
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.6g")
    if blocks:
        by_block = pd.concat(blocks).dropna(subset="value")
        by_block.to_csv(folder / "blocks.csv", index=False, float_format="%.6g")
    if study.contrasts:
        tested = contrasts.test(study, scores_of(record))
        tested.to_csv(folder / "contrasts.csv", index=False, float_format="%.6g")
    (folder / "table.md").write_text(text(study, record, made))
    (folder / "table.html").write_text("".join(map(render.html, made)))
    apart = folder / "tables"
    apart.mkdir(exist_ok=True)
    for path in (*apart.glob("*.csv"), *apart.glob("*.tex")):
        path.unlink()
    for table in made:
        name = render.slug(table.title)
        (apart / f"{name}.csv").write_text(render.csv(table))
        (apart / f"{name}.tex").write_text(render.latex(table, f"{study.name}-{name}"))
    return scores


def _long(record: Record, summary: "pd.DataFrame") -> "pd.DataFrame":
    import pandas as pd

    kept = ["variant", "seed", "task", "metric", "value", "low", "high", "n", "backbone"]
    runs = record.runs[record.runs.metric != ""][[*kept, "direction", "manifest", "reason", "run"]]
    over_seeds = summary.drop(columns="block").assign(seed="all")
    return pd.concat([runs, over_seeds], ignore_index=True)
