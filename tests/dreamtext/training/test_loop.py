"""Training: resuming is exact, damage is survived, what is trained is what was asked for."""

import json
from itertools import chain
from pathlib import Path

import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from helpers import small
from safetensors.torch import load_file

from dreamtext.configs.sections import Config
from dreamtext.data import open_dataset
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.networks.attention import text_attention
from dreamtext.networks.model import DreamText, coordinates, fourier_features
from dreamtext.training import loop as training
from dreamtext.training import optimizer, validation
from dreamtext.training.batches import StepOrder, draw_step
from dreamtext.training.log import read_log
from dreamtext.training.optimizer import orthogonalise
from dreamtext.weights import checkpoints


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("DREAMTEXT_CACHE", str(tmp_path_factory.mktemp("cache")))
    torch.set_num_threads(1)
    yield
    patch.undo()


def run(config: Config, folder: Path, stop_after: int | None = None) -> dict[str, torch.Tensor]:
    calls = []

    def should_stop() -> bool:
        calls.append(1)
        return stop_after is not None and len(calls) >= stop_after

    data = (open_dataset(config.data, split) for split in ("train", "validation"))
    training.train(config, folder, *data, should_stop=should_stop)
    return load_file(folder / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    run(small.config(), folder)
    return folder


def test_resuming_ends_with_the_same_weights_and_log(undisturbed: Path, tmp_path: Path) -> None:
    for stop_after in (1, 3, 4):
        with pytest.raises(Interrupted, match="same command goes on"):
            run(small.config(), tmp_path, stop_after)
    resumed = run(small.config(), tmp_path)
    expected = load_file(undisturbed / "model" / "model.safetensors")
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)
    losses = [
        [
            (line["step"], line["total"])
            for line in read_log(folder / "log.jsonl")
            if "total" in line
        ]
        for folder in (undisturbed, tmp_path)
    ]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 12


def test_a_damaged_newest_checkpoint_falls_back(undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        run(small.config(), tmp_path, 7)
    kept = sorted((tmp_path / "checkpoints").iterdir())
    assert len(kept) == 2
    whole = (kept[-1] / "model.safetensors").read_bytes()
    (kept[-1] / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.warns(UserWarning, match="damaged"):
        resumed = run(small.config(), tmp_path)
    expected = load_file(undisturbed / "model" / "model.safetensors")
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)


def test_all_checkpoints_damaged_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "step-00000002"
    folder.mkdir()
    (folder / "state.json").write_text("{")
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(RunError, match="all 1"):
        checkpoints.load_checkpoint(tmp_path)


def test_validation_leaves_a_score_and_a_sheet(undisturbed: Path) -> None:
    scores = [line for line in read_log(undisturbed / "log.jsonl") if "validation_miou" in line]
    assert [line["step"] for line in scores] == [6, 12]
    assert all(0 <= line["validation_miou"] <= 1 for line in scores)
    assert (undisturbed / "validation" / "step-00000012.png").stat().st_size > 1000


def test_validation_tells_what_each_layer_remembers(undisturbed: Path) -> None:
    *_, last = (line for line in read_log(undisturbed / "log.jsonl") if "layers" in line)
    model = checkpoints.load_model(undisturbed / "model")
    assert set(last["layers"]) == {n.removesuffix(".attn2") for n in text_attention(model.unet)}
    for layer in last["layers"].values():
        assert 0 <= layer["miou"] <= 1
        assert 0 < layer["inside"] < 1
    assert 0 <= last["retrieval"] <= 1
    losses = [line for line in read_log(undisturbed / "log.jsonl") if "align" in line]
    assert all(0 <= line["retrieval"] <= 1 for line in losses)


def test_validation_is_done_in_chunks_and_says_the_same(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = checkpoints.load_model(undisturbed / "model")
    data = open_dataset(model.config.data, "validation")
    encoded = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda x: encoded.append(len(x)) or encode(x))
    found = validation.validate(model, data, tmp_path, 1)
    assert max(encoded) <= 2 * validation.CHUNK
    monkeypatch.setattr(validation, "CHUNK", 5)
    again = validation.validate(model, data, tmp_path, 1)
    for name in ("validation_miou", "inside", "retrieval"):
        assert found[name] == pytest.approx(again[name], abs=2e-3)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["model.text.trainable_heads=visual"], "text.trainable_heads=visual"),
        (["model.text.trainable_layers=1"], "text.trainable_layers=1"),
        (["model.unet.trainable=text_attention"], "unet.trainable=text_attention"),
    ],
)
def test_nothing_is_frozen_as_it_is_drawn_at_random(
    change: list[str], named: str, tmp_path: Path
) -> None:
    config = small.config(*change)
    data = open_dataset(config.data, "train")
    with pytest.raises(UserError, match=f"{named}.*at random"):
        training.train(config, tmp_path, data, data)


def test_latents_drawn_anew_are_not_kept_on_disk(tmp_path: Path) -> None:
    config = small.config(
        "model.autoencoder.posterior=sample", f"training.latents={tmp_path / 'latents'}"
    )
    data = open_dataset(config.data, "train")
    with pytest.raises(UserError, match=r"training\.latents keeps one"):
        training.train(config, tmp_path, data, data)


def test_latents_can_be_drawn_from_the_autoencoder() -> None:
    config = small.config("model.autoencoder.posterior=sample")
    draw = draw_step(config, 3)
    assert draw.latent_noise is not None
    assert draw.latent_noise.shape == (4, 2, 16, 8, 16)
    assert torch.equal(draw.noise, draw_step(small.config(), 3).noise)
    halves = [draw_step(config, 3, rank, 2).latent_noise for rank in range(2)]
    assert torch.equal(torch.cat(halves), draw.latent_noise)
    model = DreamText(config)
    images = torch.rand(2, 3, 32, 64) * 2 - 1
    posterior = model.autoencoder.encode(images).latent_dist
    wide = DiagonalGaussianDistribution(
        torch.cat([posterior.mean, torch.zeros_like(posterior.mean)], dim=1)
    )
    model.autoencoder.encode = lambda _: AutoencoderKLOutput(latent_dist=wide)
    noise = torch.randn(2, 16, 8, 16)
    scale = config.model.autoencoder.scaling_factor
    torch.testing.assert_close(model.encode(images, noise), (wide.mean + noise) * scale)
    torch.testing.assert_close(model.encode(images), wide.mean * scale)


def test_the_rate_can_decay_by_draws_instead_of_passes(tmp_path: Path) -> None:
    config = small.config(
        "training.lr_schedule=epoch_decay",
        "training.lr_epoch_samples=8",  # two steps of four
        "training.lr_warmup=1",
        "training.steps=5",
    )
    seen = []
    rate = optimizer.rate

    def watch(step, config, epoch_steps):
        seen.append(rate(step, config, epoch_steps))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optimizer, "rate", watch)
        run(config, tmp_path)
    assert seen == pytest.approx([1, 1, 0.95, 0.95, 0.95**2])


def test_a_saved_model_is_read_back(undisturbed: Path, tmp_path: Path) -> None:
    model = checkpoints.load_model(undisturbed / "model")
    assert model.config == small.config()
    checkpoints.save_model(model, tmp_path / "half", torch.float16)
    assert (tmp_path / "half" / "config.json").exists()
    half = checkpoints.load_model(tmp_path / "half")
    for name, value in model.unet.named_parameters():
        torch.testing.assert_close(half.unet.get_parameter(name), value, rtol=2e-3, atol=2e-3)


def test_a_model_of_another_size_is_refused_with_the_list(
    undisturbed: Path, tmp_path: Path
) -> None:
    model = checkpoints.load_model(undisturbed / "model")
    checkpoints.save_model(model, tmp_path / "other")
    path = tmp_path / "other" / "config.json"
    values = json.loads(path.read_text())
    values["model"]["text"]["feedforward"] = 48
    path.write_text(json.dumps(values))
    with pytest.raises(RunError, match=r"misshapen: text_encoder.*linear1"):
        checkpoints.load_model(tmp_path / "other")
    with pytest.raises(RunError, match="no trained model"):
        checkpoints.load_model(tmp_path / "nowhere")


@pytest.mark.parametrize("ranks", [2, 4])
def test_processes_share_one_order_and_one_draw(ranks: int) -> None:
    config = small.config()
    data = open_dataset(config.data, "train")
    whole = list(StepOrder(config, data, 0, 0, 1))
    parts = [list(StepOrder(config, data, 0, rank, ranks)) for rank in range(ranks)]
    assert [[*chain(*step)] for step in zip(*parts, strict=True)] == whole
    noise = torch.cat([draw_step(config, 5, rank, ranks).noise for rank in range(ranks)])
    assert torch.equal(noise, draw_step(config, 5).noise)


def test_every_epoch_shows_every_sample_once_and_resumes_anywhere() -> None:
    config = small.config("training.steps=30")
    data = open_dataset(config.data, "train")
    whole = list(StepOrder(config, data, 0, 0, 1))
    for epoch in range(2):
        seen = sorted(chain(*whole[epoch * 15 : (epoch + 1) * 15]))
        assert seen == list(range(60))
    assert list(StepOrder(config, data, 17, 0, 1)) == whole[17:]


def test_released_scope_trains_only_text_attention() -> None:
    config = small.config("model.unet.trainable=text_attention", "model.text.trainable_layers=1")
    model = DreamText(config)
    training.select_trainable(model)
    trained = {n for n, p in model.named_parameters() if p.requires_grad}
    unet = {n for n in trained if n.startswith("unet.")}
    assert unet
    assert all(".attn2." in n or ".norm2." in n for n in unet)
    text = {n for n in trained if n.startswith("text_encoder.")}
    assert all(n.startswith("text_encoder.encoder.layers.1.") for n in text)


def test_coordinates_are_relative_to_the_region() -> None:
    region = torch.zeros(1, 1, 32, 64)
    region[0, 0, 8:24, 16:48] = 1
    x, y, width, height = coordinates(region, (8, 16))[0]
    assert x[0, 4].item() == pytest.approx(-1 + 2 * 0.5 / 8)
    assert x[0, 11].item() == pytest.approx(1 - 2 * 0.5 / 8)
    assert y[2, 0].item() == pytest.approx(-1 + 2 * 0.5 / 4)
    assert width.unique().item() == height.unique().item() == 0.5


def test_fourier_features_double_in_frequency() -> None:
    places = torch.linspace(-1, 1, 9).view(1, 1, 1, 9)
    sine, faster, cosine, _ = fourier_features(places, 2)[0]
    assert torch.allclose(sine.square() + cosine.square(), torch.ones(1, 9))
    assert torch.allclose(faster, 2 * sine * cosine, atol=1e-6)  # the double angle
    assert sine[0, -1].item() == pytest.approx(1)  # a quarter turn from the middle to the edge
    assert fourier_features(places, 0).shape == (1, 0, 1, 9)


def test_muon_makes_updates_nearly_orthogonal() -> None:
    random = torch.Generator().manual_seed(0)
    for shape in ((2, 24, 96), (2, 96, 24), (1, 32, 32)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(*shape, generator=random)))
        assert values.max() < 1.3
        assert values.min() > 0.3 or shape[1] == shape[2]


def test_numbers_of_the_log_stand_in_tensorboard_too(undisturbed: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(undisturbed / "tensorboard"))
    events.Reload()
    lines = [line for line in read_log(undisturbed / "log.jsonl") if "total" in line]
    found = events.Scalars("total")
    assert [event.step for event in found] == [line["step"] for line in lines]
    assert [event.value for event in found] == pytest.approx([line["total"] for line in lines])


def test_tracker_that_is_not_installed_is_named_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs the package trackio: pip install trackio"):
        run(small.config("training.tracker=trackio"), tmp_path)
    assert not list(tmp_path.iterdir())
