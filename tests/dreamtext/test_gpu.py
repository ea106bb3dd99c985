"""Everything runs on a GPU, and never waits for it where it need not: shown on one that is not
there (`helpers.fake_gpu`)."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import engine, small
from helpers.fake_gpu import GPU, OVERFLOW, OneGpu, fake_gpu, nowhere

from dreamtext import devices
from dreamtext.configs.presets import preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.data.sample import HostBatch, Sample, host_batch
from dreamtext.errors import UserError
from dreamtext.networks.diffusion import Draw
from dreamtext.networks.model import DreamText
from dreamtext.objective.schedule import weights_at
from dreamtext.sampling import pipeline, solve
from dreamtext.training import loop, memory, pretraining, validation
from dreamtext.training.batches import collator

FAST = ("textdiffuser", "recogniser", "fp16", "checkpointing")
OBJECTIVES = ("paper", "released", "udifftext")
VARIANTS = {
    "textdiffuser": ("model.segmentation.channels=8", "objective.character_weight=0.01"),
    "recogniser": (
        "objective.recogniser_weight=0.001",
        "diffusion.prediction=epsilon",
        "diffusion.zero_terminal_snr=false",
    ),
    "bf16": ("training.mixed_precision=bf16",),
    "fp16": ("training.mixed_precision=fp16",),
    "full": ("training.mixed_precision=bf16", "training.self_attention=full"),
    "checkpointing": ("training.gradient_checkpointing=true",),
    "accumulated": ("training.accumulate=2", "training.optimizer=adamw"),
    "pixels": ("objective.supervision.form=pixels",),
    "released supervision": ("objective.supervision.form=released",),
    "separate mask": ("objective.mask_form=separate", "masks.resize=nearest"),
}


def samples(config: Config, count: int = 2) -> list[Sample]:
    """Samples of a configuration's size, with one word in the middle."""
    height, width = config.data.height, config.data.width
    region = np.zeros((height, width), bool)
    region[height // 4 : height // 2, width // 4 : width // 2] = True
    x0, x1, y0, y1 = width / 4, width / 2, height / 4, height / 2
    return [
        Sample(
            id=str(i),
            image=np.full((height, width, 3), 7 * i, np.uint8),
            region=region,
            word="ABC",
            characters=region.astype(np.uint8),
            has_characters=True,
            quad=np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32),
        )
        for i in range(count)
    ]


class Words(list):
    """A data set of a few samples."""

    has_characters = True


def train_a_step(config: Config) -> None:
    size = config.training.batch_size
    host = collator(config)(samples(config, size))
    large = config.model.unet.widths[0] > 200  # too large to be made on the host first
    with torch.device(GPU) if large else nullcontext():
        trainer = loop.Trainer(config, nowhere(), OneGpu(config.training.mixed_precision))
    trainer.model.train()
    before = {n: p._version for n, p in trainer.average.live.items()}
    terms = trainer.optimise(iter([host] * config.training.accumulate), 0, 1.0)
    assert all(value.device == GPU for value in terms.values())
    stepped = [n for n, p in trainer.average.live.items() if p._version > before[n]]
    # The heads of L_align and L_id are read where those terms weigh something.
    trained = [n for n in before if config.objective.beta or not n.startswith("heads.")]
    assert len(stepped) > 0.9 * len(trained), "backward reached what is trained"


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name", ["tiny", *(pytest.param(n, marks=SLOW) for n in ("smoke", "demo", "small"))]
)
def test_a_training_step_of_every_preset(gpu, name: str) -> None:
    train_a_step(override(preset(name), ["training.batch_size=2"]))
    assert not gpu, "nothing in a step waits"


@pytest.mark.slow
def test_a_training_step_of_the_paper_s_sizes(gpu) -> None:
    train_a_step(override(preset("paper"), ["training.batch_size=2"]))
    assert not gpu


@pytest.mark.parametrize(
    "name",
    [*OBJECTIVES, *FAST, *(pytest.param(n, marks=SLOW) for n in VARIANTS if n not in FAST)],
)
def test_a_training_step_of_every_objective(gpu, name: str) -> None:
    config = small.config("training.batch_size=2", *VARIANTS.get(name, ()))
    if name in OBJECTIVES:
        from dreamtext.configs.objectives import with_objective

        config = with_objective(config, name)
    train_a_step(config)
    waits = {OVERFLOW} if config.training.mixed_precision == "fp16" else set()
    assert gpu == waits, "nothing else in a step waits"


def test_a_training_step_on_latents_that_are_kept(gpu, tmp_path: Path) -> None:
    train_a_step(small.config("training.batch_size=2", f"training.latents={tmp_path}"))
    assert {place.rpartition(".")[0] for place in gpu} == {"dreamtext.networks.latent_cache"}
    assert list(tmp_path.rglob("*.safetensors"))


def on_gpu(*overrides: str) -> DreamText:
    return DreamText(small.config(*overrides)).to(GPU).eval()


def test_words_as_text(gpu) -> None:
    assert on_gpu().text_encoder(["ABC", "DE"]).device == GPU


def test_pretraining(gpu) -> None:
    config = small.config(
        "model.text.pretrain_steps=2",
        "model.segmentation.pretrain_steps=2",
        "objective.character_weight=0.01",
    )
    model = DreamText(config).to(GPU)
    patched = pytest.MonkeyPatch()
    patched.setattr(pretraining, "_BATCH", 2)
    scores = pretraining.pretrain(model, Words(samples(config, 4)))
    patched.undo()
    assert set(scores) == {"pretrained_segmenter", "pretrained_text_encoder"}


def test_validation(gpu, tmp_path: Path) -> None:
    model = on_gpu()
    validation.validate(model, Words(samples(model.config, 3)), tmp_path, 1)
    assert gpu >= {"dreamtext.training.validation._mean"}


def host(model: DreamText) -> tuple[HostBatch, torch.Tensor]:
    return collator(model.config)(samples(model.config)), solve.noise_for(model.config, [1, 2])


@pytest.mark.parametrize(
    ("solver", "precision", "layout"),
    [
        ("ddim", "no", ()),
        ("euler", "bf16", ()),
        ("ddim", "fp16", ("model.segmentation.channels=8",)),
    ],
)
def test_both_solvers(gpu, solver: str, precision: str, layout: tuple[str, ...]) -> None:
    model = on_gpu(f"sampling.solver={solver}", f"sampling.precision={precision}", *layout)
    batch, noise = host(model)
    latents = solve.sample_latents(model, batch, noise, model.config.sampling)
    assert latents.device == GPU
    assert latents.dtype == torch.float32
    assert not gpu, "nothing waits between the first step and the last"
    painted = solve.repaint(model, batch, noise, model.config.sampling)
    assert solve.composite(painted, batch).device == GPU


@pytest.mark.parametrize("layout", [(), ("model.segmentation.channels=8",)])
def test_attention_on_real_pictures(gpu, layout: tuple[str, ...]) -> None:
    model = on_gpu(*layout)
    maps = solve.attention_at(model, *host(model), 0.6)
    assert all(values.device == GPU for values in maps.values())
    assert not gpu


def test_painting_fetches_once_all_is_asked_for(gpu) -> None:
    from benchmarks.runs.manifest import Entry
    from benchmarks.samples.painting import ModelPainter

    model = on_gpu()
    some = samples(model.config, 3)
    entries = [Entry(i, "ABC", i) for i in range(3)]
    painter = ModelPainter(model, model.config.sampling, (0.3, 0.6))
    arrays = painter.paint(some, entries, some)
    assert arrays["raw"].shape == (3, 32, 64, 3)
    assert arrays["raw"].dtype == np.uint8
    maps = [values for name, values in arrays.items() if name.startswith("attention/")]
    assert maps
    assert all(values.dtype == np.float16 and len(values) == 3 for values in maps)


def test_the_pipeline(gpu) -> None:
    pipe = pipeline.DreamTextPipeline.from_model(on_gpu())
    pipe.set_progress_bar_config(disable=True)
    one = samples(pipe.net.config, 1)[0]
    answer = pipe(one.image, one.region, "ABC", output_type="np", output_attention=True)
    assert answer.images.shape == (1, 32, 64, 3)
    assert answer.attention


# --- the suite sees what it is to see -----------------------------------------------------------


def stay(self: HostBatch | Draw, device: object) -> object:
    """`to` that forgets to move."""
    if isinstance(self, HostBatch):
        return HOST_TO(self, "cpu")
    return self


HOST_TO = HostBatch.to
FORGOTTEN: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "batch": lambda patch: patch.setattr(HostBatch, "to", stay),
    "draw": lambda patch: patch.setattr(Draw, "to", stay),
    "model": lambda patch: patch.setattr(DreamText, "to", lambda self, device: self),
}


@pytest.mark.parametrize("forgotten", FORGOTTEN)
def test_a_forgotten_move_is_noticed(forgotten: str) -> None:
    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch):
        FORGOTTEN[forgotten](patch)
        with pytest.raises(Exception, match=r"[Dd]evice|assert"):
            train_a_step(small.config("training.batch_size=2"))


class Elsewhere(torch.autograd.Function):
    """Forgets where it is, backward."""

    @staticmethod
    def forward(context, values):
        return values * 2

    @staticmethod
    def backward(context, gradient):
        return gradient * torch.full((3,), 2.0)


class Waiting(Elsewhere):
    """Looks at what it computes, backward."""

    @staticmethod
    def backward(context, gradient):
        return gradient * 2 if (gradient > 0).any() else gradient


@pytest.mark.parametrize(
    ("function", "named"), [(Elsewhere, "device"), (Waiting, "_local_scalar_dense")]
)
def test_backward_is_run_and_watched(function: type[Elsewhere], named: str) -> None:
    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch):
        values = torch.ones(3).to(GPU).requires_grad_()
        with pytest.raises(Exception, match=named):
            function.apply(values).sum().backward()


@pytest.mark.parametrize("checkpointing", ["true", "false"])
def test_backward_by_hand_gives_what_torch_gives(checkpointing: str) -> None:
    """Of a whole training step, on the host."""
    config = small.config(
        "training.batch_size=2",
        "training.mixed_precision=no",
        f"training.gradient_checkpointing={checkpointing}",
    )
    step = memory.Step(DreamText(config))
    batch, draw = memory.zeros(config, 2)
    generator = torch.Generator().manual_seed(0)
    batch = replace(batch, image=torch.rand(batch.image.shape, generator=generator))
    batch.tokens[:, :3] = torch.tensor([[1, 2, 3], [4, 5, 6]])
    with devices.autocast(torch.device("cpu"), config.training.mixed_precision):
        loss = step.step(batch, draw, weights_at(config, 0))["total"]
    loss.backward(retain_graph=True)
    expected = {p: p.grad for p in step.trained if p.grad is not None}
    found = engine.gradients(loss)
    assert len(expected) > 50
    assert found.keys() == expected.keys()
    for parameter, gradient in expected.items():  # where several meet, torch adds in its own order
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    "wait",
    [
        lambda values: values.sum().item(),
        lambda values: bool((values > 0).any()),
        lambda values: values[values > 0],
        lambda values: values.tolist(),
        lambda values: values.detach().numpy(),
    ],
)
def test_a_hidden_wait_is_noticed(wait: Callable[[torch.Tensor], object]) -> None:
    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch):
        values = torch.ones(3).to(GPU)
        with pytest.raises(Exception):  # noqa: B017, PT011  # each in torch's own words
            wait(values)


def test_a_plain_copy_is_noticed() -> None:
    with pytest.MonkeyPatch.context() as patch, fake_gpu(patch) as waits:
        torch.ones(3).to(GPU).cpu()
    assert waits == {"elsewhere"}


# --- what is asked for and is not there ---------------------------------------------------------


@pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator")
@pytest.mark.parametrize(
    ("asked", "named"), [("cuda", "sees no accelerator"), ("gpu", "is no device")]
)
def test_a_device_that_is_not_there(asked: str, named: str, monkeypatch) -> None:
    with pytest.raises(UserError, match=named):
        devices.device(asked)
    monkeypatch.setenv(devices.VARIABLE, asked)
    with pytest.raises(UserError, match=named):
        devices.device()


def test_more_processes_than_gpus(monkeypatch) -> None:
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda check_available: GPU)
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert devices.device() == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(UserError, match="process 2 of this machine"):
        devices.device()
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert devices.device().type == "cpu"


def test_a_precision_that_is_not_there() -> None:
    with pytest.raises(UserError, match=r"sampling.precision=fp16 needs a GPU"):
        devices.refuse_precision("fp16", torch.device("cpu"), "sampling.precision")


def test_bytes_become_the_same_floats() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)
    batch = host_batch(
        image=image,
        region=rng.integers(0, 2, (2, 8, 8)).astype(bool),
        tokens=np.zeros((2, 12)),
        characters=np.zeros((2, 8, 8), np.uint8),
        has_characters=np.ones(2, bool),
        crop=rng.integers(0, 256, (2, 4, 4), np.uint8),
    ).to("cpu")
    assert batch.image.min() >= -1
    assert batch.image.max() <= 1
    back = ((batch.image + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
    assert back.equal(torch.from_numpy(image))


def test_a_gpu_is_fed_by_processes_of_its_own() -> None:
    assert devices.loading(torch.device("cpu")) == {"num_workers": 0, "pin_memory": False}
    fed = devices.loading(GPU)
    assert fed["pin_memory"]
    assert fed["persistent_workers"]
    assert fed["num_workers"] >= 1
    assert devices.loading(GPU, 3)["num_workers"] == 3


@pytest.mark.parametrize(
    ("cores", "runs", "processes", "expected"),
    [(16, 1, 1, 8), (16, 4, 1, 3), (16, 16, 1, 1), (16, 2, 2, 3), (2, 1, 1, 1)],
)
def test_runs_side_by_side_share_the_cores_that_read(
    cores, runs, processes, expected, monkeypatch
) -> None:
    monkeypatch.setattr(devices.os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv(devices.RUNS_HERE, str(runs))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert devices.loading(GPU)["num_workers"] == expected
