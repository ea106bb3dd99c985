"""Each runner drives its authors' entry point, here a stand-in's, through the real process."""

import shutil

import numpy as np
import pytest
from helpers.external_systems import request
from helpers.stand_ins import stand_in, stand_in_of

from baselines.external import declarations
from baselines.process import External, ProcessSettings
from baselines.request import Request
from baselines.system import ask
from dreamtext.errors import RunError

SYSTEMS = sorted(declarations())
EDITS_CROPS = ("mostel", "textctrl")  # its stand-in paints 100 in the quad, whatever the seed
LIGHT = [name for name in SYSTEMS if "torch" not in stand_in_of(name).real]
HEAVY = [name for name in SYSTEMS if name not in LIGHT]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_runner_drives_its_authors_entry_point(tmp_path, name):
    batch = [request(0), request(1, word="OTHER")]
    answers = ask(stand_in(tmp_path, name), batch)
    assert [(a.status, a.reason) for a in answers] == [("ok", "")] * 2
    for answer, asked in zip(answers, batch, strict=True):
        x0, y0, x1, y1 = 20, 26, 76, 38  # well inside the quad
        red, green, _ = answer.image[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)
        fixed = name in (*EDITS_CROPS, "flux-text")
        assert red == pytest.approx(100 if fixed else asked.seed, abs=3)
        assert green < 3
        assert answer.meta["peak_memory_mib"] > 1
        assert answer.seconds > 0
    if name == "mostel":  # which paints all in one go
        assert answers[0].seconds == answers[1].seconds


@pytest.mark.parametrize("name", ["mostel", "anytext", "anytext2", "textflux", "flux-text"])
def test_a_word_the_authors_code_fails_at_is_an_error_on_its_sample(tmp_path, name):
    answers = ask(stand_in(tmp_path, name), [request(0), request(1, word="LOST")])
    assert [a.status for a in answers] == ["ok", "error"]
    assert answers[1].reason


def runs_without(tmp_path, name, weights):
    system = stand_in(tmp_path, name)
    path = tmp_path / "weights" / weights.file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    try:
        (answer,) = ask(system, [request(0)])
    except RunError:
        return False
    # TextFlux draws in another font than its own, which shows.
    return answer.status == "ok" and answer.image[26:38, 20:76, 1].mean() < 3


def without_one(names):
    return [
        pytest.param(name, weights, id=f"{name}-{weights.file}")
        for name in names
        for weights in declarations()[name].capabilities.weights
    ]


@pytest.mark.parametrize(("name", "weights"), without_one(LIGHT))
def test_what_is_declared_is_needed(tmp_path, name, weights):
    assert not runs_without(tmp_path, name, weights)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "weights"), without_one(HEAVY))
def test_what_is_declared_is_needed_by_those_that_load_torch(tmp_path, name, weights):
    assert not runs_without(tmp_path, name, weights)


def test_a_package_that_is_missing_is_named(tmp_path):
    system = stand_in(tmp_path, "textdiffuser")
    missing = tmp_path / "site" / "termcolor" / "__init__.py"
    missing.write_text("raise ModuleNotFoundError(\"No module named 'termcolor'\")")
    (answer,) = ask(system, [request(0)])
    assert "No module named 'termcolor'" in answer.reason


@pytest.mark.parametrize("name", ["diffste", "textctrl", "flux-text"])
def test_a_picture_depends_on_its_own_seed_alone(tmp_path, name):
    system = stand_in(tmp_path, name)
    together = ask(system, [request(0), request(1)])[1]
    alone = ask(system, [request(1)])[0]
    assert (together.image == alone.image).all()


def test_udifftext_refines_when_asked_to(tmp_path):
    system = stand_in(tmp_path, "udifftext-original", options=("aae_enabled=true",))
    (answer,) = ask(system, [request(0)])
    assert (answer.status, answer.reason) == ("ok", "")


def test_textdiffusers_picture_is_taken_before_it_is_a_jpeg(tmp_path):
    small = request(0)
    whole = Request(
        id="whole",
        image=np.zeros((512, 512, 3), np.uint8),
        region=np.pad(small.region, ((224, 224), (208, 208))),
        quad=small.quad + np.float32([208, 224]),
        source_word="OLD",
        word="WORD",
        seed=7,
    )
    (answer,) = ask(stand_in(tmp_path, "textdiffuser"), [whole])
    noise = np.random.RandomState(7).randint(0, 256, (512, 512, 3))
    assert (answer.image[..., 2] == noise[..., 2]).all()


def test_mostel_refuses_a_word_that_its_writer_would_cut_off(tmp_path):
    words = ("i" * 40, "W" * 19, "WORD")
    answers = ask(stand_in(tmp_path, "mostel"), [request(n, word=w) for n, w in enumerate(words)])
    assert [a.status for a in answers] == ["ok", "unsupported", "ok"]
    assert "960 px" in answers[1].reason


def test_textctrl_refuses_what_its_monitor_cannot_read(tmp_path):
    system = stand_in(tmp_path, "textctrl")
    (answer,) = ask(system, [request(0, word="no!")])
    assert answer.status == "unsupported"  # by its capabilities, without a process


@pytest.mark.parametrize("name", EDITS_CROPS)
def test_an_edited_crop_leaves_everything_outside_the_quad_as_it_was(tmp_path, name):
    (answer,) = ask(stand_in(tmp_path, name), [request(0)])
    before, after = request(0).image.astype(int), answer.image.astype(int)
    assert np.abs(after - before)[:12].mean() < 12  # what resizing there and back costs
    assert np.abs(after - before)[24:40, 20:76].mean() > 40


def test_too_long_a_word_never_starts_a_process(tmp_path):
    nowhere = ProcessSettings(checkout=str(tmp_path / "none"))
    (answer,) = ask(External(declarations()["diffste"], nowhere), [request(0, word="A" * 21)])
    assert answer.status == "unsupported"


@pytest.mark.parametrize("lost", ["checkout", "weights", "python"])
def test_what_is_not_there_is_named(tmp_path, lost):
    system = stand_in(tmp_path, "mostel", **{lost: str(tmp_path / "nowhere")})
    with pytest.raises(RunError, match="nowhere"):
        ask(system, [request(0)])
