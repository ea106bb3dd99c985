"""Named configurations. They differ only in values; each spells out what it is."""

from collections.abc import Callable, Sequence

from dreamtext.configs.objectives import with_objective
from dreamtext.configs.paper import STEPS, paper
from dreamtext.configs.schema import override
from dreamtext.configs.sections import (
    AutoencoderConfig,
    Config,
    DataConfig,
    DiffusionConfig,
    GlyphEncoderConfig,
    MaskConfig,
    ModelConfig,
    ObjectiveConfig,
    SamplingConfig,
    SupervisionConfig,
    TextEncoderConfig,
    TrainingConfig,
    UNetConfig,
)
from dreamtext.errors import UserError

# A small inpainting model of the embedded world, trained without character labels and without
# knowing the word, as Stable Diffusion's knows nothing of characters (its provenance.json).
BASE = "results/models/base"


def tiny() -> Config:
    """Words of 3 to 4 capitals, 12 fonts, 32 x 64. All of its runs start from one base model, so
    that 600 steps, a few CPU minutes, are enough to tell ways of guiding characters apart."""
    return Config(
        data=DataConfig(
            name="embedded",
            height=32,
            width=64,
            max_length=12,
            alphabet="upper",
            min_word_length=3,
            max_word_length=4,
            fonts=12,
            train_size=40_000,
            seed=0,
        ),
        model=ModelConfig(
            text=TextEncoderConfig(
                width=96,
                layers=2,
                heads=4,
                feedforward=192,
                dropout=0,
                null_token=True,
                mask_padding=True,
                trainable_layers=-1,
            ),
            glyph=GlyphEncoderConfig(
                kind="conv", height=16, width=48, features=128, pretrain_steps=300
            ),
            autoencoder=AutoencoderConfig(
                kind="block_dct", channels=16, downscale=4, scaling_factor=1.15
            ),
            unet=UNetConfig(
                widths=(96, 64),
                layers_per_block=1,
                heads=(4, 4),
                attention=(True, True),
                norm_groups=8,
                linear_projection=True,
                coordinates=True,
                coordinate_octaves=4,
                trainable="all",
                weights=BASE,
            ),
        ),
        diffusion=DiffusionConfig(
            schedule="cosine", prediction="sample", zero_terminal_snr=True, shift=5, timesteps=1000
        ),
        masks=MaskConfig(
            blur_kernel=3,
            blur_sigma=1,
            threshold_std=2,
            height=8,
            width=16,
            min_size=4,
            resize="bilinear",
            border="symmetric",
        ),
        objective=ObjectiveConfig(
            mask_form="union",
            attention_form="l2",
            alignment_form="cosine",
            gamma=1,
            alpha=0.01,
            beta=0.001,
            identity_weight=1,
            position_weight=0,
            outside_weight=0.1,
            supervision=SupervisionConfig(
                mode="balanced", warmup=0.25, form="tokens", weight=2, background_weight=0.5
            ),
        ),
        training=TrainingConfig(
            steps=600,
            batch_size=32,
            optimizer="muon",
            lr=2e-3,
            muon_lr=0.02,
            weight_decay=0,
            lr_warmup=100,
            lr_schedule="cosine",
            lr_epoch_decay=0.95,
            clip_norm=5,
            ema=0.995,  # an average over the last third of so short a run
            text_dropout=0.1,
            dropped_in_attention=True,
            accumulate=1,
            validate_every=200,
            mixed_precision="bf16",
            self_attention="full",
        ),
        sampling=SamplingConfig(
            solver="ddim", steps=6, guidance=2.5, ema=True, attention_timesteps=(0.3, 0.6, 0.9)
        ),
        seed=0,
    )


def smoke() -> Config:
    """The whole loop, as short as it can be; its numbers are not meant to be good."""
    return override(
        tiny(),
        (
            "data.train_size=1000",
            "model.unet.widths=[32,64]",
            "model.unet.weights=''",
            "model.text.width=64",
            "model.text.feedforward=128",
            "training.steps=40",
            "training.batch_size=8",
            "training.lr_warmup=5",
            "training.ema=0.9",
            "training.mixed_precision='no'",
            "training.self_attention=mixed",
            "training.checkpoint_every=10",
            "training.validate_every=20",
            "training.validate_words=8",
            "sampling.steps=4",
        ),
    )


def demo() -> Config:
    """Three quarters of `tiny`'s steps on a quarter of its samples: enough to see who finds the
    characters and to have short words read. The warm-up has as many steps as `tiny`'s."""
    return override(
        tiny(),
        (
            "data.train_size=10000",
            "training.steps=450",
            "objective.supervision.warmup=0.3333",
            "training.validate_words=32",
            "training.validate_every=150",
        ),
    )


def small() -> Config:
    """Words of 1 to 8 letters and digits, both cases, all training fonts, 32 x 128: the model
    behind `dreamtext edit`.

    It is also told how the word looks when typeset, as TextDiffuser's: with that it spells in
    under half an hour. To compare ways of guiding characters, switch it off
    (`model.segmentation.channels=0`) and train for longer.
    """
    return override(
        tiny(),
        (
            "data.width=128",
            "data.alphabet=alphanumeric",
            "data.min_word_length=1",
            "data.max_word_length=8",
            "data.fonts=0",
            "data.train_size=120000",
            # Twice the characters of `tiny` in a word, so one octave more of places within it.
            "model.unet.coordinate_octaves=5",
            "model.unet.weights=''",
            "model.segmentation.channels=8",
            "masks.width=32",
            "objective.supervision.mode=full",
            "training.steps=900",
            "training.ema=0.998",
        ),
    )


PRESETS: dict[str, Callable[[], Config]] = {
    "smoke": smoke,
    "demo": demo,
    "tiny": tiny,
    "small": small,
    "paper": paper,
}


def preset(name: str) -> Config:
    """The configuration of that name.

    Raises:
        UserError: there is no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset '{name}'; there are {', '.join(PRESETS)}")
    return PRESETS[name]()


def configured(name: str, objective: str | None = None, overrides: Sequence[str] = ()) -> Config:
    """A preset, with another objective if one is named, then overrides `section.key=value`.

    The paper's steps and supervision follow the data set: `paper` with `data.name=synthtext` has
    those of SynthText, unless they are overridden too.

    Raises:
        UserError: there is no such preset or objective, or an override is wrong.
    """
    dataset = [text.split("=", 1)[1] for text in overrides if text.startswith("data.name=")]
    if name == "paper" and dataset and dataset[-1] in STEPS:
        config = paper(dataset[-1])
    else:
        config = preset(name)
    if objective is not None:
        config = with_objective(config, objective)
    return override(config, tuple(overrides))
