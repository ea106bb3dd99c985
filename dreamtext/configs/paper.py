"""The paper's scale (arXiv 2405.14701, section 4)."""

from dreamtext.configs.sections import (
    AutoencoderConfig,
    Config,
    DataConfig,
    DatasetName,
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

STEPS: dict[DatasetName, int] = {
    "laion_ocr": 200_000,
    "synthtext": 150_000,
    "textseg": 50_000,
    "icdar13": 10_000,
}
SUPERVISED_STEPS = 25_000
UNLABELLED = ("icdar13",)  # no character masks, so nothing can be supervised


def paper(dataset: DatasetName = "laion_ocr") -> Config:
    """DreamText as published: Stable Diffusion 2 inpainting at 512 x 512, trained whole.

    Args:
        dataset: decides the number of steps, and whether there is anything to supervise: a key
            of `STEPS`.
    """
    steps = STEPS[dataset]
    return Config(
        data=DataConfig(
            name=dataset,
            height=512,
            width=512,
            max_length=12,
            alphabet="printable",
            min_word_length=3,
            max_word_length=4,
            fonts=12,
            train_size=40_000,
            seed=0,
        ),
        model=ModelConfig(
            text=TextEncoderConfig(
                width=2048,
                layers=12,
                heads=8,
                feedforward=2048,
                dropout=0.1,
                null_token=False,
                mask_padding=False,
                trainable_layers=-1,
            ),
            glyph=GlyphEncoderConfig(
                kind="vitstr", height=224, width=224, features=768, pretrain_steps=0
            ),
            autoencoder=AutoencoderConfig(
                kind="kl", channels=4, downscale=8, scaling_factor=0.18215
            ),
            unet=UNetConfig(
                widths=(320, 640, 1280, 1280),
                layers_per_block=2,
                heads=(5, 10, 20, 20),
                attention=(True, True, True, False),
                norm_groups=32,
                linear_projection=True,
                trainable="all",
                coordinates=False,
                coordinate_octaves=0,
                text_attention="zero_output",
            ),
        ),
        diffusion=DiffusionConfig(
            schedule="scaled_linear",
            prediction="epsilon",
            zero_terminal_snr=False,
            shift=1,
            timesteps=1000,
        ),
        masks=MaskConfig(
            blur_kernel=3,
            blur_sigma=1,
            threshold_std=2,
            height=64,
            width=64,
            min_size=16,
            resize="bilinear",
            border="symmetric",
        ),
        objective=ObjectiveConfig(
            mask_form="union",
            mask_norm="mean",
            dropped_in_mask="no_masks",
            attention_form="l2",
            # As the formula is written; with a mean alpha would do nothing (`ObjectiveConfig`).
            attention_norm="sum",
            attention_start="after_supervision",
            alignment_form="cosine",
            gamma=1,
            alpha=0.01,
            beta=0.001,
            identity_weight=1,
            position_weight=0,
            outside_weight=1,
            supervision=SupervisionConfig(
                mode="none" if dataset in UNLABELLED else "balanced",
                warmup=min(1, SUPERVISED_STEPS / steps),
                form="tokens",
                weight=0.1,
                background_weight=0.5,
            ),
        ),
        training=TrainingConfig(
            steps=steps,
            batch_size=16,
            optimizer="adamw",
            lr=5e-5,
            muon_lr=0.02,
            weight_decay=0.01,
            lr_warmup=0,
            lr_schedule="constant",
            lr_epoch_decay=0.95,
            accumulate=1,
            mixed_precision="no",
            clip_norm=0,
            ema=0,
            text_dropout=0.1,
            dropped_in_attention=False,
            gradient_checkpointing=True,
            checkpoint_every=1000,
            validate_every=5000,
        ),
        sampling=SamplingConfig(
            solver="euler", steps=50, guidance=5, ema=False, attention_timesteps=(0.3, 0.6, 0.9)
        ),
        seed=0,
    )
