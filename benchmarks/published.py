"""Published numbers, printed beside ours and never mixed with them."""

from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "results" / "published"

# our metric -> the published tables' name of it
_METRICS = {"SeqAcc-ci/raw": "seqacc", "mIoU": "miou", "FID/raw": "fid", "LPIPS/raw": "lpips"}


@cache
def table() -> "pd.DataFrame":  # noqa: F821 - pandas is imported when a table is made
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
