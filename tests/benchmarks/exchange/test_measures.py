"""How the ranking changes with the measure: orders compared, and only where they can be told."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.exchange import measures
from benchmarks.exchange.standings import Standing

REST = {"variant": "v", "source": "study s", "licence": "MIT", "data": "d", "task": "editing"}
REST |= {"manifest": "m", "backbone": "b", "n": 9, "folder": "s"}


def rows(metric: str, direction: str, **values: float) -> list[Standing]:
    """Systems by name, their intervals .1 to each side."""
    return [
        Standing(
            **REST,
            metric=metric,
            direction=direction,
            system=name,
            value=v,
            low=v - 0.1,
            high=v + 0.1,
        )
        for name, v in values.items()
    ]


def test_measures_of_one_order_agree_whichever_way_is_better():
    up = rows("accuracy", "higher", a=0.9, b=0.5, c=0.1)
    down = rows("error", "lower", a=1, b=5, c=9)
    found = measures.compare(up, down)
    assert (found.kendall, found.spearman) == (1, 1)
    assert (found.systems, found.told_apart, found.reversed) == (3, 3, ())


def test_who_changes_places_is_named_where_both_tell_them_apart():
    first = rows("accuracy", "higher", a=0.9, b=0.5, c=0.45)
    second = rows("likeness", "higher", a=0.5, b=0.1, c=0.9)
    found = measures.compare(first, second)
    # b and c overlap by the first: what the second says of them turns nothing.
    assert found.told_apart == 2
    assert found.reversed == (("a", "c"),)
    assert found.kendall == pytest.approx(-1 / 3)


def test_only_ranked_systems_that_both_measures_know_are_compared():
    first = rows("accuracy", "higher", a=0.9, b=0.5, c=0.1, truth=1.0)
    second = rows("likeness", "higher", a=0.9, b=0.5, truth=0.0)
    found = measures.compare(first, second)
    assert (found.systems, found.told_apart, found.kendall) == (2, 1, None)
    flat = measures.compare(first, rows("flat", "higher", a=0.5, b=0.5, c=0.5))
    assert (flat.systems, flat.kendall, flat.told_apart) == (3, None, 0)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), min_size=3, max_size=6))
def test_a_measure_agrees_with_itself(values):
    own = rows("m", "higher", **{f"s{i}": v for i, v in enumerate(values)})
    found = measures.compare(own, own)
    assert found.reversed == ()
    assert found.kendall is None if len(set(values)) == 1 else found.kendall == pytest.approx(1)


def test_a_folder_of_results_has_its_tables(tmp_path):
    study = tmp_path / "comparison"
    study.mkdir()
    (study / "provenance.json").write_text(json.dumps({"study": "comparison"}))
    lines = ["variant,seed,task,metric,value,low,high,n,backbone,manifest"]
    values = {"plain": (0.1, 0.9), "typeset": (0.5, 0.5), "unsupervised": (0.9, 0.1)}
    for name, pair in values.items():
        for metric, value in zip(("SeqAcc/raw", "SSIM-band/raw"), pair, strict=True):
            lines.append(f"{name},all,editing,{metric},{value},{value - 0.1},{value + 0.1},9,b,m")
    lines.append("truth,all,editing,SeqAcc/raw,1,1,1,9,b,m")
    lines.append("plain,all,editing,SeqAcc/composited,1,1,1,9,b,m")
    (study / "scores.csv").write_text("\n".join(lines) + "\n")
    out = measures.write(tmp_path)
    text = (out / "README.md").read_text()
    assert "| SSIM-band/raw ↑ | 0.100 (3) | 0.500 (2) | 0.900 (1) | - | -1.00 | 0 of 3 |" in text
    assert "- SSIM-band/raw: comparison plain before comparison unsupervised; " in text
    table = pd.read_csv(out / "measures.csv").set_index(["metric", "system"])
    assert table.rank_first["SeqAcc/raw", "comparison unsupervised"] == 1
    assert "SeqAcc/composited" not in table.index
    (pair,) = pd.read_csv(out / "agreement.csv").itertuples()
    assert (pair.kendall, pair.told_apart, pair.ordered_alike) == (-1, 3, 0)


def test_without_three_systems_there_is_nothing_to_compare(tmp_path):
    assert measures.write(tmp_path) is None
