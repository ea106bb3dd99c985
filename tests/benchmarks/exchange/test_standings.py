"""Ranks: spans that say no more than the intervals do."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.exchange import leaderboard
from benchmarks.exchange.standings import Standing, chosen, distinct, ranked, read
from dreamtext.errors import UserError

REST = {
    "source": "study s",
    "licence": "MIT",
    "data": "embedded",
    "task": "editing",
    "metric": "SeqAcc/raw",
    "direction": "higher",
    "backbone": "judge",
    "n": 9,
    "manifest": "m",
    "folder": "s",
    "variant": "v",
}


def standing(system: str, low: float, value: float, high: float, **other) -> Standing:
    return Standing(**{**REST, "system": system, "value": value, "low": low, "high": high, **other})


def test_overlapping_intervals_share_a_span_and_say_so():
    board = ranked(
        [
            standing("worst", 0.0, 0.1, 0.2),
            standing("b", 0.5, 0.6, 0.7),
            standing("c", 0.55, 0.65, 0.75),
            standing("best", 0.8, 0.9, 1.0),
        ]
    )
    assert [(r.system, r.rank) for r in board] == [
        ("best", "1 of 4"),
        ("c", "2-3 of 4"),
        ("b", "2-3 of 4"),
        ("worst", "4 of 4"),
    ]
    assert board[1].overlaps == ("b",)


def test_lower_is_better_where_it_is():
    rows = [standing("a", 1, 2, 3, direction="lower"), standing("b", 4, 5, 6, direction="lower")]
    assert [r.system for r in ranked(rows)] == ["a", "b"]
    assert [r.rank for r in ranked(rows)] == ["1 of 2", "2 of 2"]


def test_what_paints_no_word_has_no_rank_and_takes_none():
    board = ranked([standing("truth", 0.9, 1, 1), standing("a", 0.1, 0.2, 0.3)])
    assert [r.rank for r in board] == ["", "1 of 1"]


def test_without_an_interval_nothing_is_told_apart():
    nothing = (float("-inf"), 0.5, float("inf"))
    board = ranked([standing("a", *nothing), standing("b", 0.8, 0.9, 1.0)])
    assert {r.rank for r in board} == {"1-2 of 2"}


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(0, 1, width=16)] * 3).map(sorted), min_size=1, max_size=8))
def test_a_span_holds_the_place_by_value(intervals):
    board = ranked([standing(f"s{i}", *three) for i, three in enumerate(intervals)])
    for place, row in enumerate(board, 1):
        better = sum(r.value > row.value for r in board)
        not_worse = sum(r.value >= row.value for r in board)
        assert row.first <= better + 1 <= not_worse <= row.last, (place, row)
        assert row.last - row.first == len(row.overlaps)
    assert board == ranked(board[::-1])


def test_a_filter_keeps_ranks_and_an_empty_one_says_what_there_is():
    board = ranked([standing("a", 0.8, 0.9, 1), standing("b", 0, 0.1, 0.2, licence="GPL-3.0")])
    (kept,) = chosen(board, licence="gpl")
    assert kept.rank == "2 of 2"
    with pytest.raises(UserError, match=r"licence: GPL-3\.0, MIT"):
        chosen(board, licence="Apache")


def test_the_same_runs_under_another_name_are_no_other_system():
    whole = standing("comparison dreamtext", 0.1, 0.2, 0.3, runs=frozenset("abc"))
    part = standing("mechanism balanced", 0.0, 0.2, 0.4, runs=frozenset("ab"))
    other = standing("mechanism full", 0.5, 0.6, 0.7, runs=frozenset("ad"))
    same = standing("supervision balanced", 0.1, 0.2, 0.3, runs=frozenset("abc"))
    assert distinct([part, whole, other, same]) == [whole, other]
    unknown = [standing("x", 0, 0.5, 1), standing("y", 0, 0.5, 1)]
    assert distinct(unknown) == unknown


def test_variants_of_one_name_in_two_studies_are_told_apart_and_old_studies_left_out(tmp_path):
    for folder, about in (("supervision", {}), ("mechanism", {}), ("losses", {"code": []})):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "scores.csv").write_text(
            "variant,seed,task,metric,value,low,high,n,backbone,manifest,run\n"
            f"balanced,0,editing,NED/raw,0.5,0.4,0.6,9,judge,m,score-{folder}\n"
            "balanced,all,editing,NED/raw,0.5,0.4,0.6,9,judge,m,\n"
        )
        (tmp_path / folder / "provenance.json").write_text(json.dumps({"study": folder, **about}))
    found = {r.system: (r.variant, r.runs) for r in read(tmp_path)}
    assert found == {
        f"{name} balanced": ("balanced", {f"score-{name}"}) for name in ("mechanism", "supervision")
    }


def test_the_page_escapes_what_others_wrote(tmp_path):
    rows = ranked([standing("<script>x</script>", 0, 0.5, 1)])
    leaderboard.write_page(tmp_path / "page.html", rows, "SeqAcc/raw")
    text = (tmp_path / "page.html").read_text()
    assert "<script>x" not in text
    assert "&lt;script&gt;x" in text


def test_recorded_results_have_a_leaderboard():
    from helpers.paths import ROOT

    rows = read(ROOT / "results")
    first = chosen(rows, metric="SeqAcc/raw", task="reconstruction")
    systems = {r.system for r in first}
    assert {"typeset", "truth", "shipped small"} <= systems
    assert any(name.endswith(" full") for name in systems)
    assert all(r.rank == "" for r in first if r.system == "truth")
    assert all(r.low <= r.value <= r.high for r in rows)


def test_a_folder_without_scores_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="benchmark score"):
        read(tmp_path)
