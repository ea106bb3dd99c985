"""Systems in this process on diffusers: small random models, saved and loaded from disk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.tiny_diffusion import SIZE, write_inpainting

from baselines.catalogue import configured
from baselines.doctor import examine
from baselines.ours import OurModel
from baselines.request import Request
from baselines.system import ask
from baselines.udifftext import Refinement, weakest_character
from benchmarks.launch.stages import execute
from benchmarks.report.record import collect
from benchmarks.runs.manifest import Benchmark
from benchmarks.study import load_study
from benchmarks.study.identities import system_run
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash
from dreamtext.networks.model import DreamText
from dreamtext.sampling.solve import noise_for
from dreamtext.weights.checkpoints import load_model, save_model

torch.set_num_threads(1)
PUBLISHED = (  # the noise schedule of every published checkpoint
    "diffusion.schedule=scaled_linear",
    "diffusion.shift=1",
    "diffusion.prediction=epsilon",
    "diffusion.zero_terminal_snr=false",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_inpainting(tmp_path_factory.mktemp("sd2") / "model")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Folder of a small model of our own, as importing a checkpoint leaves one."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("imported") / "model"
    save_model(DreamText(override(preset("smoke"), PUBLISHED)), path)
    return path


def build(name, **settings):
    return configured(name, [f"{key}={value}" for key, value in settings.items()])


def requests(count=2, word="WORD", width=SIZE):
    rng = np.random.default_rng(0)
    region = np.zeros((SIZE, width), bool)
    region[8:24, 4 : width - 4] = True
    quad = np.array([[4, 8], [width - 4, 8], [width - 4, 24], [4, 24]], np.float32)
    return [
        Request(
            id=str(number),
            image=rng.integers(0, 256, (SIZE, width, 3), np.uint8),
            region=region,
            quad=quad,
            source_word="OLD",
            word=word,
            seed=number,
        )
        for number in range(count)
    ]


def inpainting(folder, **values):
    return build("sd2-inpainting", **{"weights": folder, "size": SIZE, "steps": 2} | values)


def pictures(made, asked):
    answers = ask(made, asked)
    assert [a.status for a in answers] == ["ok"] * len(asked)
    return [a.image for a in answers]


def near(first, second):
    pairs = zip(first, second, strict=True)
    return all(np.abs(a.astype(int) - b).max() <= 2 for a, b in pairs)


# --- Stable Diffusion 2 inpainting --------------------------------------------------------------


def test_it_paints_by_word_and_seed_alone(folder):
    first = pictures(inpainting(folder), requests())
    assert all(p.shape == (SIZE, SIZE, 3) and p.dtype == np.uint8 for p in first)
    assert near(first, pictures(inpainting(folder, batch_size=1), requests()))
    assert (first[0] != first[1]).any()
    other = pictures(inpainting(folder), requests(word="ELSE"))
    assert (other[0] != first[0]).any()


def test_a_picture_of_another_size_comes_back_in_its_own(folder):
    (painted,) = pictures(inpainting(folder), requests(1, width=2 * SIZE))
    assert painted.shape == (SIZE, 2 * SIZE, 3)


def test_a_missing_or_broken_folder_is_named(folder, tmp_path):
    with pytest.raises(RunError, match="lacks model_index"):
        ask(inpainting(tmp_path), requests(1))
    (tmp_path / "model_index.json").write_text((folder / "model_index.json").read_text())
    with pytest.raises(RunError, match="lacks unet, vae, text_encoder"):
        ask(inpainting(tmp_path), requests(1))
    for part in ("unet", "vae", "text_encoder"):
        (tmp_path / part).mkdir()
    with pytest.raises(RunError, match="no whole inpainting pipeline"):
        ask(inpainting(tmp_path), requests(1))


def test_the_prompt_must_name_the_word():
    with pytest.raises(UserError, match="must contain"):
        build("sd2-inpainting", prompt="a sign")


def test_where_weights_lie_is_no_part_of_identity(folder):
    assert inpainting(folder).identity() == inpainting("elsewhere").identity()
    assert inpainting(folder).identity() != inpainting(folder, guidance=7.5).identity()


def test_the_doctor_sees_the_folder_and_its_hashes(folder):
    assert not examine("sd2-inpainting").ready
    settings = [f"weights={folder}", f"size={SIZE}", "steps=1"]
    found = examine("sd2-inpainting", settings, smoke=True, hashes=True)
    assert found.ready, found.missing
    digest = file_hash(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert any(digest[:12] in f.detail and "unpinned" in f.detail for f in found.findings)
    assert "unet" in found.unpinned


# --- published checkpoints, imported ------------------------------------------------------------


def test_an_imported_checkpoint_runs_as_our_own_model_does(model):
    ours = {"region": "max", "latents": "mean", "noise_scale": "sigma"}
    made = build("released", folder=model, steps=2, **ours)
    assert near(pictures(made, requests()), pictures(OurModel(model, made.settings), requests()))
    for name in ours:  # and otherwise, by default, as its authors' code does
        assert made.identity() != build("released", folder=model, steps=2, **without(ours, name))
    assert examine("released", [f"folder={model}"]).ready
    with pytest.raises(RunError, match="import-checkpoint"):
        ask(build("udifftext"), requests())


def without(values, name):
    return {key: value for key, value in values.items() if key != name}


@pytest.fixture(scope="module")
def autoencoding(tmp_path_factory):
    """Folder of a small model whose autoencoder's latents have a spread."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("autoencoding") / "model"
    sizes = ("kind=kl", "channels=4", "downscale=4", "widths=[32,32,32]", "layers_per_block=1")
    kl = tuple(f"model.autoencoder.{size}" for size in sizes)
    save_model(DreamText(override(preset("smoke"), PUBLISHED + kl)), path)
    return path


def test_the_authors_region_is_interpolated_between_pixels(model):
    made = build("released", folder=model)
    batch = made.batch(requests(1, width=2 * SIZE))
    batch.region[:] = 0
    batch.region[0, 0, 10:23, 5:58] = 1  # across the borders of cells
    condition = made.condition(batch, [0])
    # Four pixels a cell: the two nearest to its centre, each way, count.
    cells = batch.region[0, 0].unfold(0, 4, 4).unfold(1, 4, 4)[:, :, 1:3, 1:3]
    assert torch.allclose(condition.region[0, 0], cells.mean(dim=(-2, -1)))
    hard = build("released", folder=model, region="max").condition(batch, [0]).region
    assert set(hard.unique().tolist()) == {0, 1}


def test_the_authors_latents_are_drawn_anew_for_every_seed(autoencoding):
    made = build("released", folder=autoencoding)
    batch = made.batch(requests(2, width=2 * SIZE))
    drawn = [made.condition(batch, [seed, seed + 1]).masked for seed in range(200)]
    assert (drawn[0] == made.condition(batch, [0, 1]).masked).all()
    assert (drawn[0][1] != drawn[1][1]).any()  # another request
    distribution = made.model.autoencoder.encode(batch.masked_image).latent_dist
    scale = made.config.model.autoencoder.scaling_factor
    standard = (torch.stack(drawn)[:, 0] / scale - distribution.mean[0]) / distribution.std[0]
    assert standard.mean().abs() < 0.02
    assert standard.std() == pytest.approx(1, abs=0.02)
    start = torch.cat([noise_for(made.config, [seed]) for seed in range(200)])
    assert (standard * start).mean().abs() < 0.02  # not the noise that sampling starts from
    mean = build("released", folder=autoencoding, latents="mean")
    assert torch.allclose(mean.condition(batch, [0, 1]).masked, distribution.mean * scale)


def test_the_authors_first_latent_has_the_variance_of_a_noised_one(model):
    made = build("released", folder=model)
    plain = build("released", folder=model, noise_scale="sigma")
    sigma = 14.6146  # of Stable Diffusion's last timestep
    ratio = made.noise([3]) / plain.noise([3])
    assert ratio.mean() == pytest.approx((1 + sigma**2) ** 0.5 / sigma, rel=1e-6)
    assert (plain.noise([3]) == noise_for(made.config, [3])).all()


def test_pictures_that_are_no_numbers_are_an_error_and_never_black(model, tmp_path):
    broken = load_model(model)
    with torch.no_grad():
        broken.unet.conv_out.bias.fill_(float("nan"))
    save_model(broken, tmp_path / "model")
    with pytest.raises(RunError, match="no numbers"):
        ask(build("released", folder=tmp_path / "model", solver="ddim", steps=2), requests())


def test_euler_paints_on_the_scale_models_schedule_too(tmp_path):
    torch.manual_seed(0)
    save_model(DreamText(preset("smoke")), tmp_path / "model")
    made = build("released", folder=tmp_path / "model", solver="euler", steps=2)
    assert all(0 < p.mean() < 255 for p in pictures(made, requests()))


def off_the_grid(request):
    """The request with a region across the borders of latent cells."""
    region = np.zeros_like(request.region)
    region[9:23, 5:26] = True
    return replace(request, region=region)


@pytest.mark.parametrize("setting", [{"region": "max"}, {"latents": "mean"}])
def test_each_way_of_the_authors_changes_the_picture(autoencoding, setting):
    asked = [off_the_grid(r) for r in requests(1)]
    first = pictures(build("released", folder=autoencoding, steps=2), asked)
    other = pictures(build("released", folder=autoencoding, steps=2, **setting), asked)
    assert (first[0] != other[0]).any()


@pytest.mark.parametrize("option", [{"refinement": "attention"}, {"noises": 6}])
def test_the_blur_of_its_loss_is_as_set(model, option):
    asked = requests(4)
    wide = pictures(udifftext(model, **option), asked)
    narrow = pictures(udifftext(model, blur_sigma=0.3, **option), asked)
    assert any((a != b).any() for a, b in zip(wide, narrow, strict=True))


def udifftext(model, **values):
    return build("udifftext", **{"folder": model, "solver": "euler", "steps": 2} | values)


def test_udifftext_without_its_options_is_the_plain_checkpoint(model):
    plain = build("released", folder=model, solver="euler", steps=2)
    assert near(pictures(udifftext(model), requests()), pictures(plain, requests()))


@pytest.mark.parametrize("option", [{"refinement": "attention"}, {"noises": 4}])
def test_each_option_of_udifftext_is_a_row_of_its_own(model, option):
    plain, other = udifftext(model), udifftext(model, **option)
    assert plain.identity() != other.identity()
    first = pictures(other, requests())
    assert any((a != b).any() for a, b in zip(first, pictures(plain, requests()), strict=True))
    assert near(first, pictures(udifftext(model, batch_size=1, **option), requests()))


@pytest.fixture(scope="module")
def network(model):
    return load_model(model).eval()


@pytest.fixture(scope="module")
def batch(network, model):
    made = build("udifftext", folder=model)
    return made.batch(requests(2, width=2 * SIZE))


def test_the_loss_is_the_weakest_characters_attention_in_the_region(network, batch):
    count, length = batch.tokens.shape
    maps = torch.zeros(count, length + 1, 8, 16)
    maps[:, :4, 4, 8] = torch.tensor([0.5, 0.25, 0.75, 1.0])
    maps[:, 4:] = 1  # padding and the null token have no say
    (spread,) = {float(v) for v in -weakest_character(network, {"one": maps}, batch) / 0.25}
    assert spread == pytest.approx(0.2042, abs=1e-4)  # what the blur leaves of a single cell
    narrow = -weakest_character(network, {"one": maps}, batch, blur_sigma=0.5) / 0.25
    assert narrow[0] == pytest.approx(0.6193, abs=1e-4)
    moved = maps.clone()
    moved[:, 1] = 0
    moved[:, 1, 0, 0] = 1  # outside the region
    assert weakest_character(network, {"one": moved}, batch).abs().max() == 0
    with pytest.raises(UserError, match="min_size"):
        weakest_character(network, {"one": maps[..., :2, :4]}, batch)


def test_a_refinement_follows_the_gradient_and_stops_at_its_goal(network, batch):
    condition, text = network.condition(batch), network.text_encoder(batch.tokens).detach()
    latents, times = noise_for(network.config, [1, 2]), torch.tensor([500, 500])

    def loss(given):
        with torch.no_grad():
            _, maps = network.denoise_recorded(given, times, condition, text, batch.tokens)
        return weakest_character(network, maps, batch)

    refine = Refinement(network, batch, steps=50)
    once = refine(0, latents, times, condition, text)
    assert (loss(once) < loss(latents)).all()
    last = refine(49, latents, times, condition, text)
    assert (last - latents).norm() < 0.2 * (once - latents).norm()  # it fades
    insisted = refine(5, latents, times, condition, text)
    assert (loss(insisted) < loss(once)).all()  # again and again, as -0.5 is far
    assert not insisted.requires_grad


def test_more_noises_to_choose_from_never_make_the_loss_higher(model, network, batch):
    def chosen(count):
        made = udifftext(model, noises=count)
        return made.best_noise(batch, [1, 2], made.condition(batch, [1, 2]))

    assert (chosen(1) == udifftext(model).noise([1, 2])).all()
    assert (chosen(2) == chosen(2)).all()
    assert (chosen(6) != chosen(1)).any()


# --- the same path through the harness as every other system ------------------------------------


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("sd2-inpainting", (f"size={SIZE}", "steps=1")),
        ("udifftext", ("steps=2", "solver=ddim", "refinement=attention", "noises=2")),
    ],
)
def test_a_sample_run_records_the_weights_it_was_painted_with(
    name, overrides, folder, model, tmp_path
):
    where = {"sd2-inpainting": f"weights={folder}", "udifftext": f"folder={model}"}
    benchmark, settings = Benchmark(task="editing", n=2), (where[name], *overrides)
    run = system_run(preset("smoke"), benchmark, name, settings, 0, tmp_path)
    assert execute(run)
    lines = [json.loads(s) for s in (run.folder / "samples.jsonl").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["ok", "ok"]
    about = json.loads((run.folder / "provenance.json").read_text())["system"]
    main = {
        "sd2-inpainting": (folder, "unet/diffusion_pytorch_model.safetensors"),
        "udifftext": (model, "model.safetensors"),
    }
    home, file = main[name]
    assert about["weights"][file] == file_hash(home / file)
    assert file.split("/")[0] in about["unpinned"]


def test_the_main_table_has_a_row_for_each_way_of_sampling_and_one_for_what_is_missing(
    model, tmp_path, monkeypatch
):
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path / "systems"))
    (tmp_path / "systems" / "udifftext").mkdir(parents=True)
    (tmp_path / "systems" / "udifftext" / "model").symlink_to(model)
    rows = "udifftext|udifftext-refined|mostel"
    study = load_study("main").narrowed(
        preset="smoke", n=2, seeds=[0], where={"variant": rows, "task": "editing"}
    )
    cells = study.cells(tmp_path / "runs")
    for cell in cells:
        if cell.variant.name == "mostel":
            with pytest.raises(RunError, match="needs its checkout"):
                execute(cell.sample)
        else:
            assert all(execute(run) for run in cell.runs)
    table = collect(cells).runs
    assert set(table[table.metric == "NED/raw"].variant) == {"udifftext", "udifftext-refined"}
