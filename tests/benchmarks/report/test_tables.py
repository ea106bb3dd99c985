"""Tables against tables made by hand."""

import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from helpers.records import EDITING, RECONSTRUCTION, merged, record_of, small_study
from scipy import stats

from benchmarks.report import by_task, ceiling, contrasts, render, results, tables
from benchmarks.report.panels import BLOCKS
from benchmarks.report.record import NOT_RUN
from benchmarks.report.summary import Scores, summarise
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Contrast, Variant

READ, LOWER, FAR = "SeqAcc/raw", "SeqAcc-ci/raw", "FD-EffNetLite0/raw"
# Three seeds on ten images each: means 0, .4 and .7, seed by seed.
NONE = np.zeros((3, 10))
BALANCED = np.array([[1, 1, 1, 0, 0, 0, 0, 0, 0, 0]] * 1 + [[1, 1, 1, 1, 0, 0, 0, 0, 0, 0]] * 1
                    + [[1, 1, 1, 1, 1, 0, 0, 0, 0, 0]])  # fmt: skip
FULL = np.array([[1] * 7 + [0] * 3, [1] * 7 + [0] * 3, [1] * 7 + [0] * 3])


@pytest.fixture
def record():
    return record_of(
        {("none", READ): NONE, ("balanced", READ): BALANCED, ("full", READ): FULL},
        whole={
            ("none", FAR): [(900, 880.4, 919.6)] * 3,
            ("balanced", FAR): [(800, 780.4, 819.6), (810, 790.4, 829.6), (820, 800.4, 839.6)],
            ("full", FAR): [(790, 770.4, 809.6)] * 3,
        },
    )


def made(study, record):
    summary = pd.concat([summarise(study, record), *(summarise(study, record, b) for b in BLOCKS)])
    return {table.title: table for table in tables.all_tables(study, record, summary)}


def by_hand(differences):
    """Mean, low, high and p of seeds x images that share no cluster."""
    mean = differences.mean()
    of_seeds = differences.mean(1).var(ddof=1) / 3
    of_images = differences.mean(0).var(ddof=1) / 10
    df = (of_seeds + of_images) ** 2 / (of_seeds**2 / 2 + of_images**2 / 9)
    error = np.sqrt(of_seeds + of_images)
    half = stats.t.ppf(0.975, df) * error
    return mean, mean - half, mean + half, 2 * stats.t.sf(abs(mean) / error, df)


def test_a_main_table_is_the_one_made_by_hand(record):
    found = made(small_study(), record)
    table, sets = found["reconstruction: reading"], found["reconstruction: pictures"]
    assert list(table.frame.columns) == [(f"{READ} ↑", "value"), (f"{READ} ↑", "Δ none")]
    assert list(sets.frame.columns) == [(f"{FAR} ↓", "value"), (f"{FAR} ↓", "Δ none")]
    assert list(table.frame.index) == list(sets.frame.index) == ["none", "balanced", "full"]
    assert table.frame.index.name == "variant"  # the first column's head
    zero = stats.binomtest(0, 10).proportion_ci(0.95, "exact").high
    assert table.frame.iloc[0].tolist() == [f"0.000 [0.000, {zero:.3f}]", ""]
    assert sets.frame.iloc[0].tolist() == ["900.0 [880.4, 919.6]", ""]
    mean, low, high, _ = by_hand(BALANCED)
    assert table.frame.iloc[1, 1] == f"+{mean:.3f} [{low:+.3f}, {high:+.3f}]"
    between, within = 100 / 3, 100.0
    df = (between + within) ** 2 / (between**2 / 2)
    half = stats.t.ppf(0.975, df) * np.sqrt(between + within)
    assert sets.frame.iloc[1, 0] == f"810.0 [{810 - half:.1f}, {810 + half:.1f}]"
    half = stats.t.ppf(0.975, (between + 200) ** 2 / (between**2 / 2)) * np.sqrt(between + 200)
    assert sets.frame.iloc[1, 1] == f"-90.0 [{-90 - half:.1f}, {-90 + half:.1f}]"
    assert sets.frame.iloc[2, 1] == f"-110.0 [{-110 - 27.7:.1f}, {-110 + 27.7:.1f}]"
    assert table.caption == "10 images, 10 words, background sources unknown; 3 seeds."
    assert "Measured by SeqAcc/raw: a judge." in table.notes
    assert "Measured by FD-EffNetLite0/raw: a judge." in sets.notes


@pytest.mark.parametrize(
    ("metric", "family"),
    [
        *(
            ("SeqAcc-either/raw", "reading"),
            ("judges-agree/raw", "reading"),
            ("NED/raw", "reading"),
        ),
        *(("mIoU", "masks"), ("mask-recall", "masks"), ("attention-AP", "masks")),
        *(("KID-EffNetLite0/raw", "pictures"), ("effdist/raw", "pictures")),
    ],
)
def test_every_metric_has_a_table(metric, family):
    assert tables.family_of(metric) == family


def test_a_value_is_as_by_hand(record):
    mean, variance = 0.4, by_hand(BALANCED)
    error = (variance[2] - variance[0]) / stats.t.ppf(0.975, _df(BALANCED))
    effective = mean * (1 - mean) / error**2
    effective *= (stats.norm.ppf(0.975) / stats.t.ppf(0.975, _df(BALANCED))) ** 2
    x = mean * effective
    low, high = (
        stats.beta.ppf(0.025, x, effective - x + 1),
        stats.beta.ppf(0.975, x + 1, effective - x),
    )
    found = made(small_study(), record)["reconstruction: reading"].frame.iloc[1, 0]
    assert found == f"0.400 [{low:.3f}, {high:.3f}]"


def _df(differences):
    of_seeds = differences.mean(1).var(ddof=1) / 3
    of_images = differences.mean(0).var(ddof=1) / 10
    return (of_seeds + of_images) ** 2 / (of_seeds**2 / 2 + of_images**2 / 9)


def test_only_declared_contrasts_are_tested_with_their_sign_and_holms_p(record):
    tested = contrasts.test(small_study(), Scores(record))
    first, second = by_hand(FULL - BALANCED), by_hand(BALANCED - NONE)
    assert tested.role.tolist() == ["primary", "secondary"]
    assert tested.variant.tolist() == ["full", "balanced"]
    assert tested.iloc[0][["value", "low", "high", "p"]].tolist() == pytest.approx(first)
    assert tested.iloc[1][["value", "low", "high", "p"]].tolist() == pytest.approx(second)
    small, large = sorted([first[3], second[3]])
    expected = {small: 2 * small, large: max(2 * small, large)}
    assert tested.p_holm.tolist() == pytest.approx([expected[first[3]], expected[second[3]]])
    table = made(small_study(), record)["Declared contrasts"].frame
    assert table.index.tolist() == ["full - balanced (primary)", "balanced - none (secondary)"]
    assert table.columns.tolist() == ["metric", "task", "difference [95 %]", "p", "p (Holm)"]
    assert table.iloc[0].tolist() == [
        *(READ, "reconstruction", f"+0.300 [{first[1]:+.3f}, {first[2]:+.3f}]"),
        *(f"{first[3]:.2g}", f"{expected[first[3]]:.2g}"),
    ]


def test_a_contrast_tells_which_way_is_better_and_how_many_seeds_it_rests_on(record):
    study = small_study(secondary=(Contrast(variant="full", against="none", metric=FAR),))
    tested = contrasts.test(study, Scores(record))
    assert tested.direction.tolist() == ["higher", "lower"]
    assert tested.seeds.tolist() == [3, 3]
    assert "(reconstruction): better, -" in contrasts.sentence(tested.iloc[1])
    fixed = record_of({("balanced", READ): BALANCED[:1], ("full", READ): FULL[:1]})
    (seeds,) = contrasts.test(small_study(secondary=()), Scores(fixed)).seeds
    assert seeds == 0  # neither makes use of them
    (alone,) = contrasts.test(small_study(secondary=(), seeds=(0,)), Scores(fixed)).seeds
    assert alone == 1


def test_a_study_without_contrasts_has_no_p_anywhere(record, tmp_path):
    study = small_study(primary=None, secondary=())
    results.write_tables(study, record, tmp_path)
    assert not (tmp_path / "contrasts.csv").exists()
    assert "Declared" not in (tmp_path / "table.md").read_text()
    assert ", p " not in (tmp_path / "table.md").read_text()


_COUNTED = "not told apart once the other contrasts are counted (alone p = 0.01)"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "better"),
        ({"direction": "lower"}, "worse"),
        ({"value": -0.3, "low": -0.5, "high": -0.1}, "worse"),
        ({"value": -0.3, "low": -0.5, "high": -0.1, "direction": "lower"}, "better"),
        ({"p_holm": 0.06}, _COUNTED),
        ({"p_holm": 0.05}, _COUNTED),  # below .05 is told
        ({"low": -0.01}, "not told apart"),
        ({"value": -0.3, "low": -0.5, "high": 0.01}, "not told apart"),
    ],
)
def test_a_finding_is_never_stronger_than_its_interval_and_p(change, verdict):
    row = {
        "variant": "full",
        "against": "balanced",
        "metric": READ,
        "task": "editing",
        "value": 0.3,
        "low": 0.1,
        "high": 0.5,
        "p": 0.01,
        "p_holm": 0.02,
        "seeds": 3,
        "direction": "higher",
        "reason": "",
        **change,
    }
    assert ", p below 0.001." in contrasts.sentence(pd.Series(row | {"p_holm": 0.0002}))
    said = contrasts.sentence(pd.Series(row))
    assert said.startswith(f"`full` against `balanced` in {READ} (editing): {verdict}, ")
    assert f"{row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}], p = " in said
    assert contrasts.sentence(pd.Series(row | {"seeds": 1})) == (
        f"{said} One seed: this is about its images, and says nothing of other seeds."
    )


def test_a_contrast_that_was_not_measured_says_so(record):
    record.runs.loc[record.runs.variant == "full", "planned"] = 4
    study = small_study()
    tested = contrasts.test(study, Scores(record))
    assert np.isnan(tested.value[0])
    assert "not measured, as not both were measured" in contrasts.sentence(tested.iloc[0])
    assert tested.p_holm[1] == tested.p[1]  # one test is left
    frame = made(study, record)["Declared contrasts"].frame
    assert frame.iloc[0, 2:].tolist() == ["-", "-", "-"]


def test_the_best_is_bold_where_it_is_told_apart_from_all_others():
    one = np.zeros((3, 10)) + (np.arange(10) == 0)
    sets = {(v, FAR): [(x, x - 1, x + 1)] * 3 for v, x in (("none", 9), ("balanced", 5))}
    record = record_of(
        {("none", READ): NONE, ("balanced", READ): one, ("full", READ): FULL}, whole=sets
    )
    table = made(small_study(), record)["reconstruction: reading"]
    assert by_hand(FULL - one)[1] > 0
    assert table.bold == {(2, 0)}  # of distances of sets nothing is bold
    assert "**0.700 [" in render.markdown(table)
    assert render.markdown(table).count("**") == 2


def test_ties_are_said_and_nothing_is_bold():
    nearly = FULL.copy()
    nearly[0, :2] = 0
    record = record_of({("none", READ): NONE, ("balanced", READ): nearly, ("full", READ): FULL})
    assert by_hand(FULL - nearly)[1] <= 0
    table = made(small_study(), record)["reconstruction: reading"]
    assert table.bold == frozenset()
    assert "SeqAcc/raw: full leads, not told apart from balanced." in table.notes


def test_two_that_are_the_same_are_tied_even_where_their_interval_has_no_width():
    one_image = {(variant, "NED/raw"): np.full((3, 1), 0.4) for variant in ("none", "full")}
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")),
        metrics=("NED/raw",),
        primary=None,
        secondary=(),
    )
    scores = Scores(record_of(one_image))
    assert scores.difference("full", "none", "reconstruction", "NED/raw") == (0, 0, 0, 1)
    assert tables.leader(study, scores, "reconstruction", "NED/raw") == ("none", ("full",))


def test_the_best_of_a_metric_where_less_is_better_is_the_least():
    values = {(v, "effdist/raw"): FULL * 0 + x for v, x in (("none", 3), ("full", 1.0))}
    values["balanced", "effdist/raw"] = np.linspace(1.9, 2.1, 30).reshape(3, 10)
    table = made(small_study(metrics=(READ, "effdist/raw"), primary=None, secondary=()),
                 record_of(values))["reconstruction: pictures"]  # fmt: skip
    assert table.bold == {(2, 0)}


def test_with_one_seed_nothing_trained_is_bold():
    record = record_of({("none", READ): NONE[:1], ("full", READ): FULL[:1]})
    study = small_study(
        seeds=(0,),
        variants=(Variant(name="none"), Variant(name="full")),
        primary=None,
        secondary=(),
    )
    table = made(study, record)["reconstruction: reading"]
    assert table.bold == frozenset()
    assert not any("leads" in note for note in table.notes)
    assert "One seed: intervals are over images" in results.text(study, record, [table])


def test_references_are_neither_best_nor_tied():
    record = record_of({("ours", READ): FULL, ("plain", READ): NONE, ("real", READ): NONE[:1] + 1})
    study = small_study(
        variants=(
            Variant(name="real", system="truth"),
            Variant(name="ours"),
            Variant(name="plain"),
        ),
        reference="ours",
        primary=None,
        secondary=(),
    )
    table = made(study, record)["reconstruction: reading"]
    assert table.bold == {(1, 0)}
    mean, low, high, _ = by_hand(1 - FULL)
    assert table.frame.iloc[0, 1] == f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"


def test_a_mean_over_fewer_seeds_is_never_shown_as_the_mean(record):
    record.runs.loc[record.runs.variant == "full", "planned"] = 4
    found = made(small_study(), record)
    table = found["reconstruction: reading"]
    assert table.frame.loc["full"].tolist() == ["- (3/4 seeds)", ""]
    sets = found["reconstruction: pictures"]
    assert sets.frame.loc["full"].tolist() == ["- (3/4 seeds)", ""]
    assert table.bold == frozenset({(1, 0)})


def test_a_variant_without_any_score_is_a_gap(record):
    missing = record.runs.variant == "balanced"
    rows = record.runs[missing].drop_duplicates("seed")
    rows = rows.assign(metric="", value=np.nan, reason="the stage train failed (RunError: nan)")
    runs = pd.concat([record.runs[~missing], rows], ignore_index=True)
    images = record.images[record.images.variant != "balanced"]
    record = replace(record, images=images, runs=runs)
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    assert table.frame.loc["balanced"].tolist() == ["- (0/3 seeds)", ""]
    text = results.text(study, record, [table])
    said = "balanced, reconstruction: seeds 0, 1, 2: the stage train failed (RunError: nan)\n"
    assert said in text


@pytest.mark.parametrize("begun", [False, True])
def test_a_variant_that_nobody_ran_is_told_once_below_its_table(record, begun):
    missing = record.runs.variant == "balanced"
    rows = record.runs[missing].drop_duplicates("seed").assign(metric="", value=np.nan)
    rows["reason"] = NOT_RUN
    if begun:
        rows.loc[rows.index[0], "reason"] = "the stage train has not been run to its end"
    runs = pd.concat([record.runs[~missing], rows], ignore_index=True)
    images = record.images[record.images.variant != "balanced"]
    record = replace(record, images=images, runs=runs)
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    gaps = results.text(study, record, [table]).partition("## Gaps")[2]
    if begun:
        assert list(table.frame.index) == ["none", "balanced", "full"]
        assert "- balanced, reconstruction: seed 0: the stage train has not" in gaps
        assert "to its end; seeds 1, 2: not run yet\n" in gaps
    else:
        assert list(table.frame.index) == ["none", "full"]
        assert "Not run yet: balanced." in table.notes
        assert gaps == "\n\n- not run yet, reconstruction: balanced\n"


def test_unsupported_is_a_gap_with_its_reason_and_no_difference(record):
    own = record.images.variant == "balanced"
    record.images.loc[own, "status"] = "unsupported"
    record.images.loc[own, READ] = np.nan
    mine = record.runs.variant == "balanced"
    record.runs.loc[mine, ["value", "low", "high"]] = np.nan
    record.runs.loc[mine, "reason"] = "10 of 10 samples are unsupported"
    study = small_study()
    table = made(study, record)["reconstruction: reading"]
    assert table.frame.loc["balanced"].tolist() == ["-", ""]
    text = results.text(study, record, [table])
    assert "balanced, reconstruction: 10 of 10 samples unsupported" in text
    assert "empty, as" not in text  # said once, among the gaps


def test_a_difference_is_over_the_samples_that_both_have():
    some = FULL.astype(float)
    some[:, 7:] = np.nan  # those that the system does not support
    record = record_of({("none", READ): NONE, ("balanced", READ): NONE, ("full", READ): some})
    table = made(small_study(), record)["reconstruction: reading"]
    assert table.frame.loc["full"].iloc[0].startswith("1.000 [")
    assert table.frame.loc["full"].iloc[1].startswith("+1.000 [")
    row = summarise(small_study(), record).set_index("variant").loc["full"]
    assert row.n == 7


def test_lower_case_is_left_out_where_it_changes_nothing_and_kept_where_it_does(record):
    twin = {(v, m): a for v, a in (("none", NONE), ("full", FULL)) for m in (READ, LOWER)}
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")), primary=None, secondary=()
    )
    same = made(study, record_of(twin))["reconstruction: reading"]
    assert {c for c, _ in same.frame.columns} == {f"{READ} ↑"}
    assert same.notes[0] == f"{LOWER} is the same as {READ} on every sample, and left out."
    twin["full", LOWER] = FULL + (np.arange(10) == 9)
    other = made(study, record_of(twin))["reconstruction: reading"]
    assert {c for c, _ in other.frame.columns} == {f"{READ} ↑", f"{LOWER} ↑"}


def test_the_ceiling_stands_below_and_has_no_difference():
    values = {("none", READ): NONE, ("full", READ): FULL, ("none", "SeqAcc/truth"): NONE + 0.99}
    record = record_of(values)
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")), primary=None, secondary=()
    )
    frame = made(study, record)["reconstruction: reading"].frame
    assert frame.loc["real pictures"].tolist() == ["0.990", ""]


def test_blocks_part_fonts_and_words():
    seen = [i < 7 for i in range(10)]
    kinds = ["random" if i % 2 else "vocabulary" for i in range(10)]
    record = record_of(
        {("none", READ): NONE, ("full", READ): FULL},
        whole={("full", FAR): [(1, 0.5, 1.5)] * 3},
        font_seen=seen,
        word_kind=kinds,
        source=list("aabbccddee"),
    )
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")), primary=None, secondary=()
    )
    found = made(study, record)
    blocks = found["reconstruction, by font and word"]
    assert list(blocks.frame.columns) == [f"{READ} ↑"]  # a distance of a set has no block
    values = {label: text.split(" ")[0] for label, text in blocks.frame.iloc[:, 0].items()}
    assert values["seen fonts", "full"] == "1.000"
    assert values["unseen fonts", "full"] == "0.000"
    assert values["words", "full"] == "0.800"  # images 0, 2, 4, 6 of 0, 2, 4, 6, 8
    assert values["random strings", "full"] == "0.600"
    assert values["words", "none"] == "0.000"
    assert blocks.caption == (
        "seen fonts: 7 images; unseen fonts: 3 images; words: 5 images; random strings: 5 images."
    )
    assert found["reconstruction: reading"].caption.startswith(
        "10 images, 10 words, 5 background sources; 3"
    )
    assert "Background sources unknown" not in results.text(study, record, list(found.values()))


def test_without_attributes_there_are_no_blocks(record):
    assert list(made(small_study(), record)) == [
        *("Declared contrasts", "reconstruction: reading", "reconstruction: pictures")
    ]
    assert "Background sources unknown" in results.text(small_study(), record, [])


def test_tasks_have_tables_of_their_own(record):
    edited = record_of({("none", READ): NONE + 1, ("full", READ): FULL}, task="editing")
    study = small_study(
        benchmarks=(RECONSTRUCTION, EDITING),
        secondary=(Contrast(variant="full", against="none", task="editing"),),
    )
    found = made(study, merged(record, edited))
    assert found["editing: reading"].frame.loc["none"].iloc[0].startswith("1.000")
    assert found["reconstruction: reading"].frame.loc["none"].iloc[0].startswith("0.000")
    assert found["Declared contrasts"].frame.iloc[1, 2].startswith("-0.300 [")


def test_variants_of_another_manifest_have_no_difference(record):
    record.runs.loc[record.runs.variant == "balanced", "manifest"] = "0123"
    found = made(small_study(), record)
    table = found["reconstruction: reading"]
    assert table.frame.loc["balanced"].iloc[1] == ""
    assert table.frame.loc["full"].iloc[1].startswith("+0.700 [")
    assert "balanced was scored on other samples (manifest 0123): no Δ." in table.notes
    assert table.bold == frozenset()
    assert found["Declared contrasts"].frame.iloc[0, 2] == "-"


def test_benchmarks_of_one_task_are_not_mixed(record):
    blurred = Benchmark(task="reconstruction", corruption="blur", severity=0.5)
    assert blurred.name == "reconstruction, blur 0.5"
    assert Benchmark(task="editing", fonts="unseen").name == "editing, unseen fonts"
    other = record_of({("none", READ): NONE + 1, ("full", READ): NONE}, task=blurred.name)
    study = small_study(
        benchmarks=(RECONSTRUCTION, blurred),
        primary=Contrast(variant="full", against="none", task=blurred.name),
        secondary=(),
    )
    found = made(study, merged(record, other))
    assert found["reconstruction: reading"].frame.loc["full"].iloc[0].startswith("0.700")
    assert found[f"{blurred.name}: reading"].frame.loc["full"].iloc[0].startswith("0.000")
    assert found["Declared contrasts"].frame.iloc[0, 2].startswith("-1.000")


def test_many_tasks_have_a_table_with_a_column_each(record):
    blurred, turned = (Benchmark(corruption=what, severity=1) for what in ("blur", "rotation"))
    study = small_study(benchmarks=(RECONSTRUCTION, blurred, turned), secondary=())
    other = record_of({("full", READ): NONE, ("full", "SeqAcc/truth"): NONE + 1}, task=blurred.name)
    whole = merged(record, other)
    last = (whole.images.variant == "balanced") & (whole.images.seed == "2")
    missing = (whole.runs.variant == "balanced") & (whole.runs.seed == "2")
    whole = replace(whole, images=whole.images[~last], runs=whole.runs[~missing])
    nobody = whole.runs.iloc[:1].assign(task=turned.name, metric="", value=np.nan, reason=NOT_RUN)
    found = made(study, replace(whole, runs=pd.concat([whole.runs, nobody], ignore_index=True)))
    table = found[f"By task: {READ}"].frame
    assert list(found)[1] == f"By task: {READ}"  # before the tables of each
    assert list(table.columns) == ["reconstruction", "blur 1", "rotation 1"]
    assert list(table.index) == ["none", "balanced", "full", "real pictures"]
    assert table.loc["full"].tolist() == ["0.700 [0.272, 0.961]", "0.000 [0.000, 0.308]", ""]
    assert table.loc["none"].tolist()[1:] == ["", ""]
    assert table.loc["balanced"].tolist() == ["- (2/3 seeds)", "", ""]
    assert table.loc["real pictures"].tolist() == ["", "1.000", ""]
    assert "By task: mIoU" not in found
    assert not [title for title in made(small_study(), record) if "By task" in title]


def test_a_column_of_values_on_different_samples_says_that_they_do_not_compare(record):
    seen, unseen = Benchmark(fonts="seen"), Benchmark(fonts="unseen")
    study = small_study(benchmarks=(RECONSTRUCTION, seen, unseen), secondary=())
    for fonts in (seen, unseen):
        other = record_of({("none", READ): NONE, ("full", READ): FULL}, task=fonts.name)
        record = merged(record, other)
    moved = (record.runs.task == unseen.name) & (record.runs.variant == "full")
    record.runs.loc[moved, "manifest"] = "0123"
    assert made(study, record)[f"By task: {READ}"].notes == (
        "reconstruction, unseen fonts: full on other samples than none, so these values do not "
        "compare.",
    )


def test_tasks_are_named_short_where_all_begin_alike():
    assert by_task.short(["editing", "editing, blur 1"]) == ["editing", "blur 1"]
    assert by_task.short(["editing", "reconstruction"]) == ["editing", "reconstruction"]


def test_written_from_the_same_values_twice_it_is_the_same_bytes(record, tmp_path):
    for name in ("one", "two"):
        scores = results.write_tables(small_study(), record, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.*"))
    assert [str(f) for f in files] == [
        *("contrasts.csv", "scores.csv", "table.html", "table.md"),
        *("tables/declared-contrasts.csv", "tables/declared-contrasts.tex"),
        *("tables/reconstruction-pictures.csv", "tables/reconstruction-pictures.tex"),
        *("tables/reconstruction-reading.csv", "tables/reconstruction-reading.tex"),
    ]
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
    again = pd.read_csv(tmp_path / "one" / "scores.csv", dtype={"seed": str})
    assert set(again.seed) == {"0", "1", "2", "all"}
    pd.testing.assert_series_equal(again.value, scores.value, rtol=1e-5)
    full = again[(again.variant == "full") & (again.metric == READ)]
    assert full.value.tolist() == pytest.approx([0.7] * 4)
    assert full[full.seed == "all"][["n", "seeds", "planned"]].to_numpy().tolist() == [[10, 3, 3]]


def test_published_rows_stand_with_their_source(record):
    values = {("released", LOWER): FULL[:1], ("mostel", LOWER): NONE[:1]}
    study = small_study(
        variants=(
            Variant(name="released", system="released"),
            Variant(name="mostel", system="mostel"),
        ),
        reference="released",
        primary=None,
        secondary=(),
        seeds=(0,),
    )
    table = made(study, record_of(values))["reconstruction: reading"]
    at = table.frame.index.get_loc("DreamText, published [1]")
    assert table.frame.iloc[at].tolist() == ["0.94", ""]
    (note,) = [n for n in table.notes if n.startswith("[1]")]
    assert "SynthText. paper summary of arXiv 2405.14701: read from a summary" in note
    assert "another data set than ours, so no difference is given" in note
    assert not any(" - published" in label for label in table.frame.index)
    assert table.bold == {(0, 0)}  # two fixed systems may be told apart by their images


def test_ours_minus_what_was_published_of_the_same_measure_and_data_set(tmp_path):
    """MOSTEL reads .75 and .68 of ICDAR13 (reconstruction, UDiffText's Table 1); ours 7 of 10."""
    record = record_of({("mostel", LOWER): FULL[:1], ("again", LOWER): NONE[:1]})
    study = small_study(
        variants=(
            Variant(name="mostel", system="mostel"),
            Variant(name="again", system="mostel"),
            Variant(name="textctrl", system="textctrl"),
        ),
        overrides=("data.name=icdar13", "data.root=somewhere"),
        reference="mostel",
        primary=None,
        secondary=(),
        seeds=(0,),
    )
    table = made(study, record)["reconstruction: reading"]
    column = table.frame.iloc[:, 0]
    low, high = (float(x) for x in column["mostel"].split("[")[1].rstrip("]").split(", "))
    assert [label for label in column.index if "published" in label] == [
        *("MOSTEL, published [1]", "mostel - published [1]", "again - published [1]"),
        *("MOSTEL, published [2]", "mostel - published [2]", "again - published [2]"),
        "MOSTEL, published [3]",  # TextSeg: another data set than ours
        "MOSTEL, published [4]",
    ]
    assert column["MOSTEL, published [1]"] == "0.75"
    assert column["mostel - published [1]"] == f"-0.050 [{low - 0.75:+.3f}, {high - 0.75:+.3f}]"
    assert column["mostel - published [2]"] == f"+0.020 [{low - 0.68:+.3f}, {high - 0.68:+.3f}]"
    assert column["again - published [2]"].startswith("-0.680 [-0.680, ")
    notes = [note for note in table.notes if note.startswith("[")]
    assert notes[0] == (
        "[1] ICDAR13-8ch. UDiffText Table 1 (arXiv 2312.04884): read from the paper's own table. "
        "Other judge, other samples; in a difference to it, the interval is that of our value "
        "alone."
    )
    assert "no difference is given" in notes[2]
    results.write_tables(study, record, tmp_path)
    for name in ("table.md", "table.html", "tables/reconstruction-reading.csv"):
        assert "mostel - published [1]" in (tmp_path / name).read_text()
        assert "-0.050 [" in (tmp_path / name).read_text()
    tex = (tmp_path / "tables" / "reconstruction-reading.tex").read_text()
    assert "mostel - published [1] & $-$0.050 [" in tex


def test_words_that_one_judge_reads_alone_are_counted_over_seeds():
    second = np.array([[1.0] * 5 + [0, 0, 0, 1, 0]] * 3)
    second[1, 9] = np.nan  # a picture that was not read
    record = record_of(
        {
            **{("none", m): NONE for m in (READ, "SeqAcc-second/raw", "SeqAcc-either/raw")},
            ("full", READ): FULL,
            ("full", "SeqAcc-second/raw"): second,
            ("full", "SeqAcc-either/raw"): np.maximum(FULL, second),
        }
    )
    study = small_study(
        variants=(Variant(name="none"), Variant(name="full")),
        metrics=(READ, "SeqAcc-either/raw"),
        primary=None,
        secondary=(),
    )
    assert (
        "raw, read by the first judge alone, and by the second: none 0 and 0 of 30; full 6 and 3 "
        "of 29."
    ) in made(study, record)["reconstruction: reading"].notes
    alone = replace(study, metrics=(READ,))  # the two judges are not compared there
    notes = made(alone, record)["reconstruction: reading"].notes
    assert not any("by the first judge alone" in note for note in notes)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_and_fits_its_page(tmp_path):
    record = record_of(
        {("none", READ): NONE, ("balanced", READ): BALANCED, ("full", READ): FULL},
        font_seen=[i < 5 for i in range(10)],
    )
    study = small_study(name="50 % & more_", reference="balanced")
    results.write_tables(study, record, tmp_path)
    made = sorted((tmp_path / "tables").glob("*.tex"))
    assert len(made) == 3
    wide = pd.DataFrame([["0.123 [0.100, 0.150]"] * 14], index=["long name"], columns=range(14))
    made.append(tmp_path / "tables" / "wide.tex")
    made[-1].write_text(render.latex(render.Table("Wide", "", wide), "wide"))
    lines = [r"\documentclass{article}", r"\usepackage{booktabs,graphicx}", r"\begin{document}"]
    lines += [*(f"\\input{{{path.stem}}}" for path in made), r"\end{document}"]
    (tmp_path / "tables" / "all.tex").write_text("\n".join(lines))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=tmp_path / "tables",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert r"Overfull \hbox" not in done.stdout  # too wide


def test_renderings_escape_what_their_language_reads():
    frame = pd.DataFrame(
        [["50 % & more_", "-1.0 [-2.0, -0.5]"]],
        index=pd.Index(["a|b <c>"], name="variant"),
        columns=pd.MultiIndex.from_tuples([("m ↑", "value"), ("m ↑", "Δ a_b")]),
    )
    table = render.Table("T", "of `code` & 5 %", frame, frozenset({(0, 1)}), ("note <1>",))
    text = render.markdown(table)
    assert "| variant | m ↑ | Δ a_b (m ↑) |" in text
    assert r"| a\|b <c> | 50 % & more_ | **-1.0 [-2.0, -0.5]** |" in text
    assert text.startswith("## T\n\nof `code` & 5 %\n\n")
    assert text.endswith("- note <1>\n")
    tex = render.latex(table, "it")
    assert r"\caption{T. of \texttt{code} \& 5 \%}" in tex
    assert r"50 \% \& more\_ & \bfseries $-$1.0 [$-$2.0, $-$0.5]" in tex
    assert r"$\Delta$ a\_b" in tex
    assert all(
        rule in tex for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\label{tab:it}")
    )
    assert tex.startswith("% \\usepackage{booktabs,graphicx} in the preamble\n% note <1>\n")
    page = render.html(table)
    assert "<p>of <code>code</code> &amp; 5 %</p>" in page
    assert "a|b &lt;c&gt;" in page
    assert "<li>note &lt;1&gt;</li>" in page
    assert "font-weight: bold" in page
    assert render.csv(table).splitlines()[0] == "variant,m ↑,Δ a_b (m ↑)"
    assert render.csv(table).splitlines()[1] == 'a|b <c>,50 % & more_,"-1.0 [-2.0, -0.5]"'


@pytest.mark.parametrize(
    ("metric", "real"),
    [
        ("SeqAcc/raw", "SeqAcc/truth"),
        ("SeqAcc/composited", "SeqAcc/truth"),
        ("mIoU", "mIoU-ceiling"),
        ("mask-precision", None),  # not its own value, which is the painted pictures'
        ("attention-AP", None),
    ],
)
def test_real_pictures_have_a_measure_of_their_own(metric, real):
    assert ceiling.metric(metric) == real


@pytest.mark.parametrize(
    ("p", "told"), [(1, "1"), (0.042, "0.042"), (0.001, "0.001"), (2e-27, "below 0.001")]
)
def test_a_tiny_p_is_told_as_no_more_than_that(p, told):
    assert contrasts.told_p(p) == told
