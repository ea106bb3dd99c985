"""Published numbers: in rows of their own, with source and confidence, and only of the same system.

A scale model, or one of ours trained with another system's objective, is not the published system,
and has none beside it.
"""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.study import Study
from dreamtext import places

if TYPE_CHECKING:
    import pandas as pd

FOLDER = places.results() / "published"

# our metric -> the published tables' name of it
METRICS = {"SeqAcc-ci/raw": "seqacc", "mIoU": "miou", "FID/raw": "fid", "LPIPS/raw": "lpips"}
# a system run from its authors' weights -> the name it was published under
_SYSTEMS = {
    "sd2-inpainting": "SD2-inpainting",
    "textdiffuser": "TextDiffuser",
    "diffste": "DiffSTE",
    "mostel": "MOSTEL",
    "udifftext": "UDiffText",
    "udifftext-original": "UDiffText",
    "dreamtext-original": "DreamText",
    "released": "DreamText",
}
# our data set -> what papers call it (8ch: its words of up to 8 characters)
_DATA_SETS = {
    "icdar13": ("ICDAR13", "ICDAR13-8ch"),
    "textseg": ("TextSeg",),
    "laion_ocr": ("LAION-OCR",),
    "synthtext": ("SynthText",),
}
_UNTOLD = "unspecified"
_CONFIDENCE = {
    "table": "read from the paper's own table",
    "summary": "read from a summary of the paper, not its table",
    "note": "rests on a third party's reading note, not on a table",
}


@dataclass(frozen=True)
class Row:
    """What a paper says of one system on one data set.

    Attributes:
        variants: the study's rows that are this system.
        values: by our metric's name.
        source: where it was read, and how sure that is.
        alike: whether it may be of the study's own data set: the paper names that one, or none.
    """

    system: str
    variants: tuple[str, ...]
    dataset: str
    values: dict[str, float]
    source: str
    alike: bool


@cache
def table() -> "pd.DataFrame":
    """All published rows; the folder's README names the columns."""
    import pandas as pd

    return pd.concat([pd.read_csv(path) for path in sorted(FOLDER.glob("*.csv"))])


def rows(study: Study, task: str) -> list[Row]:
    """Published rows of the systems a study runs, in the order of its variants.

    Those of an ablation belong to our own model at the paper's preset alone.
    """
    variants: dict[tuple[str, str], list[str]] = {}
    for variant in study.variants:
        if variant.system in _SYSTEMS:
            key = (_SYSTEMS[variant.system], "main")
        elif variant.system == "dreamtext" and study.preset == "paper":
            key = (variant.name, study.name)
        else:
            continue
        variants.setdefault(key, []).append(variant.name)
    found = []
    named = _DATA_SETS.get(study.data, ())
    for (name, where), own_variants in variants.items():
        known = table()
        known = known[(known.system == name) & (known.table == where) & (known.task == task)]
        for (dataset, source), own in known.groupby(["dataset", "source"], sort=False):
            by_name = own.set_index("metric").value
            values = {m: float(by_name[n]) for m, n in METRICS.items() if n in by_name}
            if values:
                found.append(
                    Row(
                        system=name,
                        variants=tuple(own_variants),
                        dataset=dataset,
                        values=values,
                        source=f"{source}: {_CONFIDENCE[own.confidence.iloc[0]]}",
                        alike=bool(named) and dataset in (*named, _UNTOLD),
                    )
                )
    return found
