"""On what the rows of a table were computed. The same seed rounds otherwise on another device or
another torch, and so trains another model: `results/devices` measures by how much."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def where(by_stage: Mapping[str, Mapping[str, Any]]) -> str:
    """Device and torch of the run that decides a cell's pictures: its training, or where it has
    none its sampling. Empty where that was not recorded."""
    about = by_stage.get("train") or by_stage.get("sample") or {}
    computing, torch = about.get("computing"), about.get("packages", {}).get("torch")
    if not computing or not torch:
        return ""
    name = f"CPU ({computing['name']})" if computing["device"] == "cpu" else computing["name"]
    return f"{name}, torch {torch}"


def note(runs: "pd.DataFrame") -> str:
    """Which rows of `Record.runs` were computed on what; empty where it was the same for all."""
    known = runs[runs.computed != ""]
    if known.computed.nunique() < 2:
        return ""
    said = []
    for place, here in known.groupby("computed", sort=False):
        names = []
        for variant, own in here.groupby("variant", sort=False):
            all_of = known[known.variant == variant]
            seeds = list(dict.fromkeys(own.seed))
            whole = own.run.nunique() == all_of.run.nunique()
            names.append(f"{variant}" if whole else f"{variant} (seed {', '.join(seeds)})")
        said.append(f"{place}: {', '.join(names)}")
    return (
        f"Computed on {'; on '.join(said)}. The same seed gives another model on another device: "
        "a small difference between rows of two of them may be the device's."
    )


def across(runs: "pd.DataFrame", variants: Iterable[str], task: str) -> bool:
    """Whether these variants' runs of a task were computed on more than one device or torch."""
    here = runs[(runs.task == task) & runs.variant.isin(list(variants)) & (runs.computed != "")]
    return here.computed.nunique() > 1
