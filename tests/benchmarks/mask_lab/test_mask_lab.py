"""The mask laboratory: rules, sweeps over saved attention, comparisons, the relation to SeqAcc."""

import shutil

import numpy as np
import pytest
import torch
from helpers.sample_folder import TIMESTEPS, write_attention, write_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.commands.masks import app
from benchmarks.mask_lab import figures, grid, relation, rules, sweep
from benchmarks.mask_lab.attention import Attention
from benchmarks.mask_lab.compare import by_layer, compare, marks_of, other_marks
from benchmarks.mask_lab.rules import Maps, Rule, iou, parse
from benchmarks.metrics.options import Options
from benchmarks.metrics.overlap import truth_at
from benchmarks.metrics.registry import score_samples
from benchmarks.samples.folder import SampleFolder
from dreamtext.configs.sections import MaskConfig
from dreamtext.errors import UserError

torch.set_num_threads(1)
COUNT = 24
SIZE = (8, 16)


def noisy_attention(folder, strength, seed=0):
    """Ground truth under noise, as probabilities: what a model might attend to."""
    truth = truth_at(SampleFolder(folder), SIZE)[0].numpy().astype(float)
    noise = np.random.default_rng(seed).random(truth.shape)
    mixed = np.where(truth.any((2, 3), keepdims=True), truth + strength * noise, 0.02)
    return mixed / (mixed.sum(1, keepdims=True) + 0.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = write_folder(tmp_path_factory.mktemp("lab") / "samples", COUNT)
    maps = noisy_attention(folder, 0.4)
    write_attention(folder, {"fine": maps, "coarse": maps[:, :, ::2, ::2]})
    return folder


@pytest.fixture(scope="module")
def attention(folder):
    return Attention(SampleFolder(folder), MaskConfig(min_size=8))


@pytest.fixture(scope="module")
def swept(attention):
    return sweep.sweep(attention)


def drawn(seed, characters=6, words=3):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(characters, *SIZE, generator=generator)
    truth = torch.rand(characters, *SIZE, generator=generator) > 0.8
    sample = torch.arange(characters) % words
    return Maps(maps, truth, sample, torch.full((characters,), 20.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(sweep.RULES))
def test_counts_are_those_of_the_masks_themselves(seed, rule):
    maps = drawn(seed)
    inside, union = maps.counts(rule)
    masks = maps.masks(rule)
    assert torch.equal(inside.long(), (masks & maps.truth).sum((1, 2)))
    assert torch.equal(union.long(), (masks | maps.truth).sum((1, 2)))


def test_counts_agree_with_masks_also_where_values_tie():
    maps = drawn(0)
    tied = Maps((maps.maps * 4).round() / 4, maps.truth, maps.sample, maps.share)
    for rule in sweep.RULES:
        masks = tied.masks(rule)
        assert torch.equal(tied.counts(rule)[1].long(), (masks | tied.truth).sum((1, 2)))


def test_no_rule_beats_the_best_threshold():
    maps = drawn(1)
    best = iou(*maps.best_counts())
    for value in np.linspace(-1, 3, 60):
        assert (iou(*maps.counts(Rule("std", value))) <= best + 1e-9).all()


def test_otsu_agrees_with_scikit_image():
    from skimage.filters import threshold_otsu

    generator = torch.Generator().manual_seed(0)
    flat = 0.3 * torch.randn(4, *SIZE, generator=generator)
    maps = torch.where(torch.rand(4, *SIZE, generator=generator) < 0.2, flat + 6, flat)
    found = Maps(maps, maps > 3, torch.arange(4), torch.ones(4)).threshold(Rule("otsu"))
    expected = [threshold_otsu(values, nbins=4096) for values in maps.numpy()]
    assert found.tolist() == pytest.approx(expected, abs=0.005)  # two of its bins


def test_rules_keep_what_they_say():
    maps = drawn(2)
    cells = SIZE[0] * SIZE[1]
    assert (maps.masks(Rule("percentile", 90)).sum((1, 2)) == round(cells * 0.1)).all()
    assert (maps.masks(Rule("area", 0.5)).sum((1, 2)) == 10).all()
    apart = torch.zeros(3, *SIZE)
    apart.index_add_(0, maps.sample, maps.masks(Rule("argmax", 0.0)).float())
    assert apart.max() == 1


def test_uniform_maps_have_empty_masks():
    maps = Maps(torch.full((2, *SIZE), 0.3), drawn(0).truth[:2], torch.arange(2), torch.ones(2))
    for rule in sweep.RULES:
        assert not maps.masks(rule).any(), rule


def test_rules_are_parsed():
    assert parse("std:1.5") == Rule("std", 1.5)
    assert parse("otsu") == Rule("otsu")
    for text in ("std", "median:3", "area:much"):
        with pytest.raises(UserError, match=text):
            parse(text)


def test_the_runs_own_setting_gives_the_metric(folder, attention, swept):
    for timestep in TIMESTEPS:
        name = f"mIoU@{timestep:g}"
        (score,) = score_samples(folder, [name], Options(masks=attention.masks))
        column = swept.column(sweep.default_setting(attention, timestep))
        assert column.mean() == pytest.approx(score.value)
        assert column == pytest.approx(list(score.per_image.values()))
    (ceiling,) = score_samples(folder, ["mIoU-ceiling"], Options(masks=attention.masks))
    own = swept.settings.index(sweep.default_setting(attention))
    assert swept.ceiling[own] == pytest.approx(ceiling.value)


def test_a_sweep_has_every_combination_with_intervals(attention, swept):
    # two timesteps; all layers together and the one large enough; blurs; rules
    count = 2 * 2 * len(sweep.BLURS) * len(sweep.RULES)
    table = swept.table()
    assert len(table) == len(set(swept.settings)) == count
    assert (table["low"] <= table["miou"]).all()
    assert (table["miou"] <= table["high"]).all()
    assert table["miou"].is_monotonic_decreasing
    for key, values in swept.oracle.items():
        timestep, layers, kernel, sigma = key
        part = sweep.only(swept, timestep=timestep, layers=layers, kernel=kernel, sigma=sigma)
        std = [s.rule.kind != "argmax" for s in part.settings]
        assert values.mean() >= part.overlap[:, std].mean(0).max()


def test_ground_truth_as_attention_scores_one_without_blur(folder, tmp_path):
    clean = write_folder(tmp_path / "clean", 6)
    truth = truth_at(SampleFolder(clean), SIZE)[0].numpy()
    write_attention(clean, {"fine": truth.astype(float)})
    result = sweep.sweep(
        Attention(SampleFolder(clean), MaskConfig()), blurs=[(1, 1.0)], rules=[Rule("otsu")]
    )
    own = [s.kernel == 1 and s.rule.kind == "otsu" for s in result.settings]
    assert (result.overlap[:, own] == 1).all()
    assert (result.ceiling[own] == 1).all()


def test_cross_fitting_never_looks_at_the_samples_it_judges(swept):
    values, chosen = sweep.cross_fitted(swept)
    assert len(chosen) == 2
    assert values.mean() <= swept.overlap.max(1).mean()
    assert values.mean() >= swept.overlap.mean()


def test_layers_too_small_are_refused_with_the_sizes(folder):
    with pytest.raises(UserError, match="min_size = 32"):
        _ = Attention(SampleFolder(folder), MaskConfig(min_size=32)).layers


def test_every_kind_of_rule_is_described():
    assert {rule.kind for rule in sweep.RULES} == set(rules.KINDS)


# --- comparing and relating ---------------------------------------------------------------------


def index_maps(folder, target, *, count=COUNT, size=(32, 64)):
    """The ground truth written as a folder of masks."""
    import cv2

    target.mkdir()
    samples = SampleFolder(folder)
    for name, characters in zip(samples.ids[:count], samples.characters[0], strict=False):
        resized = cv2.resize(characters, size[::-1], interpolation=cv2.INTER_NEAREST)
        cv2.imwrite(str(target / f"{name}.png"), resized)
    return target


def test_a_folder_of_true_masks_scores_one_beside_a_run(folder, attention, tmp_path):
    own = sweep.default_setting(attention)
    theirs = other_marks(attention, index_maps(folder, tmp_path / "masks"), own)
    scored = compare(attention, marks_of(attention, own), theirs)
    assert set(scored) == {"IoU", "precision", "recall", "boundary F"}  # masks have no ranking
    for found in scored.values():
        assert found.b[:3] == (1, 1, 1)
        assert found.a.value < 1
        assert found.difference.high <= 0
        assert found.difference.value == pytest.approx(found.a.value - 1)


def test_a_folder_of_soft_maps_is_scored_as_a_runs_attention(folder, attention, tmp_path):
    """The run's own attention, written as anyone might: the same masks and the same scores."""
    own = sweep.default_setting(attention)
    average, _ = attention.average(own.timestep)
    (tmp_path / "maps").mkdir()
    for number, index in enumerate(attention.known):
        maps = average[attention.sample == number].numpy()
        np.save(tmp_path / "maps" / f"{attention.folder.ids[index]}.npy", maps)
    found = compare(
        attention, marks_of(attention, own), other_marks(attention, tmp_path / "maps", own)
    )
    assert {"AP", "mass inside"} < set(found)
    for one in found.values():
        assert one.values_a == pytest.approx(one.values_b)
    bad = next((tmp_path / "maps").iterdir())
    np.save(bad, -np.ones((12, 4, 8)))
    with pytest.raises(UserError, match=f"{bad.name}.*nowhere negative"):
        other_marks(attention, tmp_path / "maps", own)


def test_layers_are_scored_as_the_registry_scores_them(folder, attention):
    options = Options(masks=attention.masks)
    rows = score_samples(folder, ["attention-AP", "attention-mass", "mask-precision@0.3"], options)
    ap, mass, precision = rows
    frame = by_layer(attention, sweep.default_setting(attention)).set_index(["layers", "timestep"])
    for score, column in ((ap, "AP"), (mass, "mass inside")):
        for layer in ("all", "fine"):
            for timestep in TIMESTEPS:
                expected = score.details["by layer and timestep"][layer][f"{timestep:g}"]
                assert frame.loc[(layer, timestep), column] == pytest.approx(expected, abs=1e-4)
    assert frame.loc[("all", 0.3), "precision"] == pytest.approx(precision.value)


def test_masks_of_another_resolution_are_refused_with_both(folder, attention, tmp_path):
    masks = index_maps(folder, tmp_path / "masks", size=(64, 128))
    with pytest.raises(UserError, match=r"\(64, 128\).*32 x 64"):
        other_marks(attention, masks, sweep.default_setting(attention))


def test_missing_masks_are_refused_with_both_numbers(folder, attention, tmp_path):
    masks = index_maps(folder, tmp_path / "masks", count=5)
    with pytest.raises(UserError, match=f"5 of the {COUNT}"):
        other_marks(attention, masks, sweep.default_setting(attention))


def test_runs_of_other_samples_are_refused(attention, tmp_path):
    fewer = write_folder(tmp_path / "fewer", 5)
    write_attention(fewer, {"fine": noisy_attention(fewer, 0.4)})
    other = Attention(SampleFolder(fewer), MaskConfig())
    with pytest.raises(UserError, match=f"{COUNT} samples and .* 5"):
        other_marks(attention, other, sweep.default_setting(attention))


def values(miou, seqacc, length=None, title="none seed 0", source=None):
    miou = np.asarray(miou, float)
    return relation.Values(
        title=title,
        source=source,
        miou=miou,
        seqacc=np.asarray(seqacc, float),
        ned=miou,
        better=miou,
        best=miou,
        length=np.full(len(miou), 3) if length is None else np.asarray(length),
    )


def test_a_relation_by_way_of_word_length_vanishes_at_one_length():
    """Long words: good masks, seldom read. Within a length there is nothing."""
    rng = np.random.default_rng(0)
    length = np.repeat([3, 6], 200)
    run = values(length / 10 + 0.1 * rng.random(400), rng.random(400) < 0.9 / length, length)
    frame = relation.table([run]).set_index("run")
    low, high = (frame[f"rank correlation with seqacc, {end}"] for end in ("low", "high"))
    assert high["none seed 0"] < 0
    for part in ("none seed 0, words of 3", "none seed 0, words of 6"):
        assert low[part] < 0 < high[part]


def test_a_relation_within_a_run_is_found_and_one_that_is_not_is_not():
    rng = np.random.default_rng(0)
    miou = rng.random(300)
    related = relation.within(values(miou, rng.random(300) < miou))["seqacc"]
    assert related.low > 0.3
    unrelated = relation.within(values(miou, rng.random(300) < 0.5))["seqacc"]
    assert unrelated.low < 0 < unrelated.high
    steep = relation.slope(values(miou, rng.random(300) < miou))
    assert steep.low < 1 < steep.high


def test_seeds_of_a_variant_are_pooled_and_length_makes_no_relation():
    """Long words: good masks, seldom read. Within a length there is nothing, or a little in each
    of three seeds, which no one of them shows and all of them together do."""
    rng = np.random.default_rng(3)
    length = np.repeat([3, 6], 200)

    def runs(strength):
        made = []
        for seed in range(3):
            miou = length / 10 + 0.1 * rng.random(400)
            chance = 0.9 / length + strength * (10 * miou - length - 0.5)
            made.append(values(miou, rng.random(400) < chance, length, f"full seed {seed}"))
        return made

    none = relation.pooled(runs(0), resamples=300)
    assert none.low < 0 < none.high
    little = runs(0.25)
    found = relation.pooled(little, resamples=300)
    assert found.low > 0
    assert 0.05 < found.value < 0.25
    assert found.n == 400
    whole = relation.table(little).set_index("run")["rank correlation with seqacc"]
    name = "full, pooled over 3 seeds at one word length"
    assert whole[name] == pytest.approx(found.value)


def test_photographs_that_decide_widen_a_pooled_relation():
    rng = np.random.default_rng(4)
    source = np.repeat(np.arange(8), 25)
    shared = rng.normal(size=8)[source]
    own = [shared + 0.2 * rng.normal(size=200) for _ in range(2)]
    read = (shared + 0.5 * rng.normal(size=200) > 0).astype(float)
    plain = [values(m, read, title=f"a seed {i}") for i, m in enumerate(own)]
    known = [values(m, read, title=f"a seed {i}", source=source) for i, m in enumerate(own)]
    narrow, wide = (relation.pooled(r, resamples=300) for r in (plain, known))
    assert narrow.value == wide.value
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_runs_of_other_samples_are_not_pooled():
    other = values([0.1, 0.2], [0, 1], [3, 4])
    with pytest.raises(ValueError, match="same samples"):
        relation.pooled([values([0.1, 0.2], [0, 1]), other])


def test_across_variants_a_variant_is_one_point():
    runs = [
        values([0.1 * v], [0.2 * v], title=f"v{v} seed {seed}") for v in range(5) for seed in (0, 1)
    ]
    assert relation.across(runs).n == 5
    assert relation.across(runs[:6]) is None  # three variants, however many runs


def test_what_never_varies_has_no_correlation():
    found = relation.within(values([0.1, 0.2, 0.3], [0, 0, 0]))
    assert set(found) == {"ned"}
    assert relation.slope(values([0.2, 0.2], [0, 1])) is None
    assert relation.across([values([0.1], [0])] * 3) is None


def test_bins_hold_all_samples_in_order():
    groups = relation.binned(values(np.linspace(0, 1, 53), np.arange(53) > 26))
    assert sum(estimate.n for _, estimate in groups) == 53
    assert [x for x, _ in groups] == sorted(x for x, _ in groups)
    assert groups[0][1].value == 0
    assert groups[-1][1].value == 1


def test_confusion_counts_where_masks_lie(attention):
    matrix = figures.confusion(attention, attention.truth)
    places = len(matrix)
    assert np.allclose(matrix[:, :places], np.eye(places))
    assert np.allclose(matrix[:, -1], 0)


def seed_of(folder, tmp_path, number):
    """The same samples, painted by another seed."""
    other = shutil.copytree(folder, tmp_path / f"seed {number}")
    write_attention(other, {"fine": noisy_attention(other, 0.4 + number / 4, seed=number)})
    return Attention(SampleFolder(other), MaskConfig(min_size=8))


def test_a_grid_pools_seeds_and_holds_every_setting_against_the_own(folder, tmp_path):
    runs = [seed_of(folder, tmp_path, number) for number in range(3)]
    found = grid.sweeps(runs, 0.6)
    own = sweep.default_setting(runs[0], 0.6)
    frame = grid.table(found, own)
    assert len(frame) == len(sweep.RULES) * len(sweep.BLURS)
    assert frame.value.is_monotonic_decreasing
    mine = frame[frame.own].iloc[0]
    assert (mine.kernel, mine.sigma, mine.rule) == (3, 1.0, str(own.rule))
    assert (mine.difference, mine.difference_low, mine.difference_high) == (0, 0, 0)
    best = frame.iloc[0]
    setting = next(
        s
        for s in found[0].settings
        if (s.kernel, s.sigma, str(s.rule)) == (best.kernel, best.sigma, best.rule)
    )
    assert best.value == pytest.approx(np.mean([one.column(setting) for one in found]))
    assert best.difference == pytest.approx(best.value - mine.value)
    assert best.difference_low < best.difference < best.difference_high
    alone = grid.table(found[:1], own).set_index(["kernel", "sigma", "rule"])
    place = (best.kernel, best.sigma, best.rule)
    assert alone.loc[place].high - alone.loc[place].low < best.high - best.low  # seeds differ


def test_a_grid_of_other_samples_or_other_masks_is_refused(attention, tmp_path):
    folder = write_folder(tmp_path / "less", COUNT - 1)
    write_attention(folder, {"fine": noisy_attention(folder, 0.4)})
    fewer = Attention(SampleFolder(folder), MaskConfig(min_size=8))
    with pytest.raises(UserError, match="painted different samples"):
        grid.sweeps([attention, fewer], 0.6)
    lower = Attention(attention.folder, MaskConfig(min_size=8, threshold_std=1))
    with pytest.raises(UserError, match="by different settings"):
        grid.sweeps([attention, lower], 0.6)


def test_the_command_line_sweeps_compares_and_relates(folder, tmp_path):
    run = CliRunner().invoke
    out = tmp_path / "out"
    found = run(app, ["sweep", str(folder), "--out", str(out), "--rule", "std:1", "--blur", "3,1"])
    assert found.exit_code == 0, found.output
    names = {"sweep.csv", "summary.md", "settings.png", "characters.png", "best.png", "worst.png"}
    assert names <= {path.name for path in out.iterdir()}
    found = run(app, ["grid", str(folder), str(folder), "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert {"grid.csv", "grid.png"} <= {path.name for path in out.iterdir()}
    assert "| own | blur 3/1, " in (out / "grid.md").read_text()
    masks = index_maps(folder, tmp_path / "masks")
    found = run(app, ["compare", str(folder), str(masks), "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert {"compare.png", "compare.csv", "layers.csv"} <= {path.name for path in out.iterdir()}
    assert "| boundary F |" in (out / "compare.md").read_text()
    for arguments, message in (
        (["sweep", str(tmp_path / "nowhere")], "neither a folder of samples"),
        (["sweep", str(folder), "--blur", "2,1"], "odd kernel"),
        (["sweep", str(folder), "--rule", "median:3"], "no threshold rule"),
        (["sweep", str(folder), "--timestep", "0.5"], "0.3, 0.6"),
        (["compare", str(folder), str(masks), "--timestep", "0.5"], "was not saved"),
    ):
        found = run(app, arguments)
        assert isinstance(found.exception, UserError), arguments
        assert message in str(found.exception)
