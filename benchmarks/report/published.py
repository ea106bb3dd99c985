"""Published numbers, printed beside ours and never mixed with them."""

from functools import cache
from typing import TYPE_CHECKING

from benchmarks import places

if TYPE_CHECKING:
    import pandas as pd

FOLDER = places.results() / "published"

# our metric -> the published tables' name of it
_METRICS = {"SeqAcc-ci/raw": "seqacc", "mIoU": "miou", "FID/raw": "fid", "LPIPS/raw": "lpips"}


@cache
def table() -> "pd.DataFrame":
    """All published rows; the folder's README names the columns."""
    import pandas as pd

    return pd.concat([pd.read_csv(path) for path in sorted(FOLDER.glob("*.csv"))])


def values(study: str, variant: str, task: str, metric: str) -> list[tuple[float, str]]:
    """(value, source) of every published row for a cell; a gap is an empty list."""
    rows = table()
    chosen = rows[
        (rows.table == study)
        & (rows.system == variant)
        & (rows.task == task)
        & (rows.metric == _METRICS.get(metric, "-"))
    ]
    return [(float(r.value), f"{r.source} ({r.dataset})") for r in chosen.itertuples()]


# study -> the published table of the same comparison
_SAME = {"comparison": "main", "main": "main"}


def beside(study: str) -> tuple[list[str], list[list[str]]] | None:
    """Head and rows of the published table a study repeats, a row a system and paper; or None.

    A cell holds reconstruction / editing, and `-` for what was not published.
    """
    rows = table()
    rows = rows[rows.table == _SAME.get(study)]
    if rows.empty:
        return None
    pairs = sorted({(r.metric, r.dataset) for r in rows.itertuples()})
    lines = []
    for (system, source), own in rows.groupby(["system", "source"], sort=False):
        cells = [str(system)]
        for metric, dataset in pairs:
            here = own[(own.metric == metric) & (own.dataset == dataset)].set_index("task").value
            shown = [f"{here[t]:g}" if t in here else "-" for t in ("reconstruction", "editing")]
            cells.append("-" if shown == ["-", "-"] else " / ".join(shown))
        lines.append([*cells, str(source)])
    return ["system", *(f"{m}, {d}" for m, d in pairs), "source"], lines
