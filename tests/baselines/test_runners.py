"""Each runner drives its authors' entry point, here a stand-in's."""

import numpy as np
import pytest
from helpers.external_systems import BY_NAME, STAND_INS, request, stand_in

from baselines.process import External, ProcessSettings
from baselines.system import ask
from dreamtext.errors import RunError


@pytest.mark.parametrize("name", sorted(STAND_INS))
def test_every_runner_drives_its_authors_entry_point(tmp_path, name):
    options = ("noise_iters=10",) if name.endswith("-original") else ()
    system = stand_in(tmp_path, name, options=options)
    batch = [request(0), request(1, word="OTHER")]
    answers = ask(system, batch)
    assert [(a.status, a.reason) for a in answers] == [("ok", "")] * 2
    for answer, asked in zip(answers, batch, strict=True):
        x0, y0, x1, y1 = 20, 26, 76, 38  # well inside the quad
        red, green, _ = answer.image[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)
        assert red == pytest.approx(100 if name == "mostel" else asked.seed, abs=3)
        assert green < 3
        assert answer.meta["peak_memory_mib"] > 1


@pytest.mark.parametrize("name", ["mostel", "anytext"])
def test_a_word_the_authors_code_fails_at_is_an_error_on_its_sample(tmp_path, name):
    answers = ask(stand_in(tmp_path, name), [request(0), request(1, word="LOST")])
    assert [a.status for a in answers] == ["ok", "error"]
    assert answers[1].reason


def test_mostel_leaves_everything_outside_the_quad_as_it_was(tmp_path):
    (answer,) = ask(stand_in(tmp_path, "mostel"), [request(0)])
    given, made = request(0).image.astype(int), answer.image.astype(int)
    assert np.abs(made - given)[:12].mean() < 12  # what resizing there and back costs
    assert np.abs(made - given)[24:40, 20:76].mean() > 40


def test_too_long_a_word_never_starts_a_process(tmp_path):
    system = External(BY_NAME["diffste"], ProcessSettings(checkout=str(tmp_path / "none")))
    (answer,) = ask(system, [request(0, word="A" * 21)])
    assert answer.status == "unsupported"


@pytest.mark.parametrize("lost", ["checkout", "weights", "python"])
def test_what_is_not_there_is_named(tmp_path, lost):
    system = stand_in(tmp_path, "mostel", **{lost: str(tmp_path / "nowhere")})
    with pytest.raises(RunError, match="nowhere"):
        ask(system, [request(0)])
