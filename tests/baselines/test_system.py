"""The terms every system is held to, and the references."""

from dataclasses import replace

import numpy as np
import pytest

from baselines.catalogue import configured, entries
from baselines.request import Answer, Request
from baselines.system import Capabilities, System, ask
from benchmarks.launch.stages import execute
from benchmarks.report.record import collect
from benchmarks.report.summary import summarise
from benchmarks.study import load_study
from dreamtext.configs.sections import DataConfig
from dreamtext.data.embedded.world import render
from dreamtext.errors import RunError, UserError


def requests(count=4, words=None, config=None):
    samples = [render(config or DataConfig(), "test", i) for i in range(count)]
    words = words or [s.word for s in samples]
    return [Request.of(s, w, seed) for seed, (s, w) in enumerate(zip(samples, words, strict=True))]


class Scripted(System):
    """Answers as a test tells it to."""

    name = "scripted"

    def __init__(self, script, **capabilities):
        self.script, self.capabilities = script, Capabilities(**capabilities)
        self.asked = []

    def repaint(self, batch):
        self.asked.append([r.id for r in batch])
        return self.script(batch)


def echo(batch):
    return [Answer(id=r.id, image=r.image) for r in batch]


def test_answers_come_back_in_the_order_of_the_requests():
    batch = requests(5)
    system = Scripted(lambda b: echo(b)[::-1], batch_size=2)
    answers = ask(system, batch)
    assert [a.id for a in answers] == [r.id for r in batch]
    assert [len(ids) for ids in system.asked] == [2, 2, 1]
    assert all(
        a.status == "ok" and (a.image == r.image).all() for a, r in zip(answers, batch, strict=True)
    )


def test_requests_beyond_the_capabilities_are_never_put_to_the_system():
    batch = requests(3, words=["TOOLONG", "ÄB", "AB"])
    system = Scripted(echo, max_length=4)
    answers = ask(system, batch)
    assert [a.status for a in answers] == ["unsupported", "unsupported", "ok"]
    assert "7 characters, at most 4" in answers[0].reason
    assert "Ä" in answers[1].reason
    assert system.asked == [[batch[2].id]]
    assert (answers[0].image == batch[0].masked_image).all()  # scored, as a failure


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda a: [], "no answer"),
        (lambda a: [a, a], "more than one answer"),
        (lambda a: [replace(a, image=a.image[:-1])], "expected"),
        (lambda a: [replace(a, image=a.image / 255)], "uint8"),
        (lambda a: [replace(a, image=None)], "no image"),
    ],
)
def test_an_answer_off_terms_is_an_error_on_its_sample_alone(spoil, reason):
    batch = requests(3)
    system = Scripted(lambda b: [*echo(b)[:2], *spoil(echo(b)[2])])
    answers = ask(system, batch)
    assert [a.status for a in answers] == ["ok", "ok", "error"]
    assert reason in answers[2].reason
    assert (answers[2].image == batch[2].masked_image).all()


def test_an_answer_for_a_sample_nobody_asked_for_stops_the_system():
    with pytest.raises(RunError, match="not asked for"):
        ask(Scripted(lambda b: [Answer(id="test-00000x")]), requests(1))


@pytest.mark.parametrize("size", [(64, 64), (32, 64), (48, 200), (16, 16)])
def test_a_native_size_is_brought_about_and_undone(size):
    batch = requests(2)
    shapes = []

    def script(asked):
        shapes.extend((r.image.shape[:2], r.region.shape) for r in asked)
        return echo(asked)

    answers = ask(Scripted(script, native_size=size), batch)
    assert shapes == [(size, size)] * 2
    for answer, request in zip(answers, batch, strict=True):
        assert answer.status == "ok"
        assert answer.image.shape == request.image.shape
        difference = np.abs(answer.image.astype(float) - request.image).mean()
        limit = {32: 0, 16: 40}.get(size[0], 6)  # smaller than the image: detail is lost
        assert difference <= limit


def test_the_quad_follows_the_image_to_the_native_size():
    (request,) = requests(1)
    seen = []
    ask(Scripted(lambda b: seen.extend(b) or echo(b), native_size=(128, 128)), [request])
    x0, y0, x1, y1 = seen[0].box
    low, high = seen[0].quad.min(axis=0), seen[0].quad.max(axis=0)
    assert x0 - 1 <= low[0] <= high[0] <= x1 + 1
    assert y0 - 1 <= low[1] <= high[1] <= y1 + 1
    assert np.allclose(seen[0].quad, request.quad * 2 + [0, 32], atol=1e-3)


def test_references_paint_what_they_promise():
    batch = requests(3, words=["ABC", "XYZ", "QRS"])
    truth = ask(configured("truth"), requests(3))
    assert all((a.image == r.image).all() for a, r in zip(truth, requests(3), strict=True))
    assert [a.status for a in ask(configured("truth"), batch)] == ["unsupported"] * 3
    for name in ("opencv", "typeset"):
        for answer, request in zip(ask(configured(name), batch), batch, strict=True):
            outside = ~request.region
            assert answer.status == "ok"
            assert (answer.image[outside] == request.image[outside]).all(), name
            assert (answer.image[request.region] != request.masked_image[request.region]).any()


def test_typeset_never_looks_inside_the_region():
    (request,) = requests(1, words=["WORD"])
    noise = np.random.default_rng(0).integers(0, 256, request.image.shape, np.uint8)
    hidden = np.where(request.region[..., None], noise, request.image)
    other = replace(request, image=hidden)
    pictures = [ask(configured("typeset"), [r])[0].image for r in (request, other)]
    assert (pictures[0] == pictures[1]).all()


@pytest.mark.parametrize("word", ["W", "i", "...", "on", "gypsy", "ILLILLILLILL", "@%&"])
def test_typeset_sets_any_word_inside_the_region(word):
    (request,) = requests(1, words=[word])
    (answer,) = ask(configured("typeset"), [request])
    (bare,) = ask(configured("opencv"), [request])
    inked = (answer.image != bare.image).any(axis=-1)
    assert inked.sum() >= 8
    assert not (inked & ~request.region).any()


def test_a_region_that_covers_the_image_is_still_painted():
    (request,) = requests(1, words=["FULL"])
    whole = replace(request, region=np.ones_like(request.region))
    for name in ("opencv", "typeset"):
        (answer,) = ask(configured(name), [whole])
        assert answer.status == "ok"
    assert answer.image.std() > 10


def test_an_empty_region_is_named():
    (request,) = requests(1)
    with pytest.raises(UserError, match=r"test-000000.*empty region"):
        _ = replace(request, region=np.zeros_like(request.region)).box


def test_identity_holds_what_decides_pictures():
    plain, other = configured("typeset"), configured("typeset", ["contrast=3.0"])
    assert plain.identity()["system"] == "typeset"
    assert plain.identity() != other.identity()
    assert configured("typeset", ["contrast=4.5"]).identity() == plain.identity()


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(UserError, match="nearest known one is 'typeset'"):
        configured("typset")
    with pytest.raises(UserError, match="nearest known one is 'contrast'"):
        configured("typeset", ["contrst=3"])


def test_every_system_says_under_which_licence_it_comes():
    for name in entries():
        assert configured(name).capabilities.licence, name


def test_a_system_that_uses_no_seeds_has_the_interval_of_its_images(tmp_path):
    study = load_study("comparison").narrowed(
        preset="smoke", n=6, seeds=[0, 1], where={"variant": "typeset", "task": "reconstruction"}
    )
    cells = study.cells(tmp_path)
    for run in {run.name: run for cell in cells for run in cell.runs}.values():
        run.prepare()
        assert execute(run)
    table = summarise(study, collect(cells)).set_index("metric")
    found = table.loc["SeqAcc/raw"]
    assert (found.seeds, found.planned, found.n) == (1, 1, 6)
    assert found.low < found.value <= found.high
