"""The paper's claims are judged by what was measured, and by nothing else."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.records import record_of

from benchmarks.report import paper
from benchmarks.report.summary import Scores
from benchmarks.study import load_study

READ = "SeqAcc/raw"


def verdicts(monkeypatch, shift: float, gpu: str = "", **narrowed) -> dict[str, paper.Verdict]:
    """Of a study in which `balanced` reads that much more than `full`; `gpu` is the variant that
    was computed on another device."""
    rng = np.random.default_rng(0)
    base = np.clip(0.5 + 0.05 * rng.standard_normal((3, 80)), 0, 1)
    values = {("full", READ): base, ("none", READ): base - 0.3, ("balanced", READ): base + shift}
    record = record_of(values)
    moved = record.runs.computed.mask(record.runs.variant == gpu, "H100, torch 2")
    record = replace(record, runs=record.runs.assign(computed=moved))
    monkeypatch.setattr(paper, "collect", lambda cells: record)
    study = load_study("supervision").narrowed(seeds=(0, 1, 2))
    study = replace(study, **narrowed)
    return {v.claim.said: v for v in paper.judge({"supervision": (study, [])})}


CLAIM = "supervision: balanced better than full, seqacc, reconstruction"


@pytest.mark.parametrize(
    ("shift", "expected"),
    [(0.2, paper.SAME), (-0.2, paper.OPPOSITE), (0.0, "cannot be told here: not told apart")],
)
def test_a_claim_has_the_papers_order_the_opposite_or_cannot_be_told(monkeypatch, shift, expected):
    found = verdicts(monkeypatch, shift)
    assert found[CLAIM].verdict == expected
    assert found[CLAIM].found.value == pytest.approx(shift)


def test_what_was_not_measured_cannot_be_told_and_says_why(monkeypatch):
    found = verdicts(monkeypatch, 0.2)
    editing = found["supervision: balanced better than full, seqacc, editing"]
    assert editing.verdict == "cannot be told here: balanced is not scored yet"
    assert found["warmup: 25k better than 0, seqacc, reconstruction"].verdict.endswith("not run")


@pytest.mark.parametrize("narrowed", [{"preset": "smoke"}, {"seeds": (0,)}])
def test_neither_a_small_preset_nor_one_seed_can_tell(monkeypatch, narrowed):
    found = verdicts(monkeypatch, 0.2, **narrowed)
    assert all(v.verdict.startswith("cannot be told here") for v in found.values())


def test_the_page_counts_them_and_shows_published_values(monkeypatch):
    text = paper.markdown(list(verdicts(monkeypatch, 0.2).values()), "tiny")
    assert "0.94 and 0.862 (note)" in text
    assert "+0.200 [" in text
    assert " 2 have the paper's order here, 0 the opposite order" in text
    assert "order only" in text


def test_every_claim_names_variants_that_its_study_has():
    for claim in paper.CLAIMS:
        study = load_study(claim.study)
        assert {claim.better, claim.worse} <= {v.name for v in study.variants}, claim
        assert claim.task in {b.name for b in study.benchmarks}


def test_scores_are_read_once_a_study(monkeypatch):
    asked = []
    monkeypatch.setattr(paper, "Scores", lambda record: asked.append(record) or Scores(record))
    verdicts(monkeypatch, 0.2)
    assert len(asked) == 1


def test_a_claim_whose_sides_were_computed_on_two_devices_says_so(monkeypatch):
    found = verdicts(monkeypatch, 0.2, gpu="balanced")
    assert [v.claim.said for v in found.values() if v.across] == [CLAIM]
    lines = paper.markdown(list(found.values()), "tiny").splitlines()
    told = [line for line in lines if "different devices" in line]
    assert len(told) == 1
    assert told[0].startswith(f"| {CLAIM} |")
    assert not any(v.across for v in verdicts(monkeypatch, 0.2).values())
