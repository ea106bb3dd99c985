"""Tasks and blocks of samples have tables of their own, and one together."""

from dataclasses import replace

import numpy as np
import pandas as pd
from helpers.records import EDITING, RECONSTRUCTION, merged, record_of, small_study
from helpers.tables import FAR, FULL, NONE, READ, made

from benchmarks.report import by_task, results
from benchmarks.report.record import NOT_RUN
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import Contrast, Variant


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
