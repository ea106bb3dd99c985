"""Where rows were computed is said exactly where it was not the same for all."""

from dataclasses import replace

import numpy as np
from helpers.records import record_of, small_study
from helpers.tables import READ, made

from benchmarks.report import computed, contrasts
from benchmarks.report.summary import scores_of

CPU = {"device": "cpu", "name": "AVX512"}
H100 = {"device": "cuda", "name": "NVIDIA H100 80GB HBM3"}


def _about(computing, torch="2.14.1"):
    return {"computing": computing, "packages": {"torch": torch}}


def _record(elsewhere=(), seeds=("0", "1", "2")):
    rng = np.random.default_rng(0)
    values = {(v, READ): rng.random((3, 40)) < 0.5 for v in ("none", "balanced", "full")}
    record = record_of(values)
    moved = record.runs.variant.isin(elsewhere) & record.runs.seed.isin(seeds)
    runs = record.runs.assign(computed=record.runs.computed.mask(moved, "H100, torch 2"))
    return replace(record, runs=runs)


def test_the_training_decides_and_a_system_without_one_is_its_sampling():
    assert computed.where({"train": _about(H100), "sample": _about(CPU)}).startswith("NVIDIA H100")
    assert computed.where({"sample": _about(CPU)}) == "CPU (AVX512), torch 2.14.1"
    assert computed.where({"train": {"packages": {"torch": "2"}}, "sample": _about(CPU)}) == ""
    assert computed.where({}) == ""


def test_one_device_is_not_worth_a_word():
    assert computed.note(_record().runs) == ""
    assert not any("Computed on" in n for n in made(small_study(), _record())[TABLE].notes)


def test_rows_of_two_devices_are_named_with_theirs():
    notes = made(small_study(), _record(["full"]))[TABLE].notes
    told = [n for n in notes if n.startswith("Computed on CPU (AVX512), torch 2: none, balanced;")]
    assert len(told) == 1
    assert "; on H100, torch 2: full. " in told[0]


def test_a_row_of_two_devices_is_told_by_its_seeds():
    text = computed.note(_record(["full"], ["1", "2"]).runs)
    assert "full (seed 0)" in text
    assert "full (seed 1, 2)" in text


def test_a_contrast_across_devices_says_so():
    study = small_study()
    tested = contrasts.test(study, scores_of(_record(["full"])))
    across, alike = (contrasts.sentence(row) for _, row in tested.iterrows())
    assert across.endswith("computed on different devices, which is part of the difference.")
    assert "devices" not in alike


TABLE = "reconstruction: reading"
