"""Reports over few seeds say how often such intervals held the truth where it is known."""

import pandas as pd
import pytest
from helpers.records import record_of, small_study

from benchmarks.perf import coverage
from benchmarks.report import contrasts, finding, results, simulated
from benchmarks.report.summary import scores_of


@pytest.fixture
def simulation(tmp_path, monkeypatch):
    """A simulation of 2, 3 and 10 seeds in two cases, 1000 times each."""
    rows = [
        *((case, seeds, "hierarchical", held, 1000) for case, seeds, held in (
            *(("calm", 2, 0.944), ("wild", 2, 0.871)),
            *(("calm", 3, 0.990), ("wild", 3, 0.940)),
            *(("calm", 10, 0.950), ("wild", 10, 0.951)),
        )),
        *((case, seeds, "pairs independent", 0.4, 1000) for case in ("calm", "wild")
          for seeds in (2, 3, 10)),
    ]  # fmt: skip
    columns = ["scenario", "seeds", "interval", "coverage", "repeats"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(tmp_path / "coverage.csv", index=False)
    monkeypatch.setattr(simulated, "FILE", tmp_path / "coverage.csv")
    simulated.table.cache_clear()
    yield table
    simulated.table.cache_clear()


def test_what_holds_less_than_it_says_by_more_than_chance_is_told(simulation):
    assert simulated.note(2) == (
        "Few seeds: of simulated studies with 2 seeds, 95 % intervals held the truth in 87.1% at "
        "worst (wild), and in fewer than 95 % in 1 of 2 cases (results/statistics)."
    )
    assert simulated.note(3) is None  # .940 of 1000 may be .95
    assert simulated.note(10) is None
    ours = simulation[simulation.interval == simulated.OURS]
    assert list(simulated.short(ours.assign(repeats=100_000)).coverage) == [0.944, 0.871, 0.940]


def test_a_number_of_seeds_between_is_told_as_the_smaller_one(simulation):
    assert simulated.note(4) is None
    simulation.loc[simulation.seeds == 3, "coverage"] = 0.5
    simulation.to_csv(simulated.FILE, index=False)
    simulated.table.cache_clear()
    assert "studies with 3 seeds, 95 % intervals held the truth in 50.0%" in simulated.note(5)


@pytest.mark.parametrize(("seeds", "told"), [(1, False), (2, True), (3, False)])
def test_a_report_carries_the_note(simulation, seeds, told):
    values = [[1, 0, 1, 0], [0, 0, 1, 1], [1, 0, 1, 1]][:seeds]
    record = record_of({(v, "SeqAcc/raw"): values for v in ("none", "balanced", "full")})
    study = small_study(seeds=tuple(range(seeds)))
    text = results.text(study, record, [])
    scores = scores_of(record)
    limits = finding.of(study, record, scores, contrasts.test(study, scores)).limits
    assert ("87.1% at worst" in text) == told
    assert any("87.1% at worst" in limit for limit in limits) == told
    assert ("One seed: intervals are over images" in text) == (seeds == 1)


def test_the_page_of_the_simulation_lists_where_intervals_hold_less(simulation):
    table = simulation.assign(truth=0.5, width=0.1)
    text = coverage.report(table)
    assert (
        "- 2 seeds: 0.871 at worst. Below 95 % by more than the simulation's chance in 1 of 2 "
        "scenarios: wild 0.871."
    ) in text
    assert (
        "- 10 seeds: 0.950 at worst. Below 95 % by more than the simulation's chance in 0" in text
    )


def test_what_comes_along_was_simulated_for_every_number_of_seeds_and_all_scenarios():
    known = simulated.table()
    assert sorted(known.seeds.unique()) == list(coverage.SEEDS)
    assert set(known.scenario) == {scenario.name for scenario in coverage.SCENARIOS}
    assert (known.groupby("seeds").repeats.min() >= 1000).all()
    written = (simulated.FILE.parent / "coverage.md").read_text()
    assert coverage.report(pd.read_csv(simulated.FILE)) == written
