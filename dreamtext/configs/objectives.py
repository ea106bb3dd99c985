"""Whole objectives by name, as overrides: the one source of what each of them means.

`paper` is DreamText as written (arXiv 2405.14701), `released` its code. Of `released`, each group
of `RELEASED` is one difference from the paper that can be studied alone; `scope` (attention and two
encoder layers alone are trained) needs a base model and a pre-trained encoder to start from.
`udifftext` is the objective of UDiffText (arXiv 2312.04884), which needs them too.

Batch size, steps, learning rate and its warm-up stay as they are: the released run accumulates to
a batch of 128 (training.accumulate=4 with training.batch_size=32).
"""

from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError

# The paper's squared norms are not said to be sums or means. Its denoising error is taken as the
# mean that every latent diffusion code has, and L_attn as the sum over cells that it is written
# as: only so does alpha = 0.01 do anything (`ObjectiveConfig`).
PAPER = (
    "objective.mask_form=union",
    "objective.mask_norm=mean",
    "objective.gamma=1",
    "objective.dropped_in_mask=no_masks",
    "objective.attention_form=l2",
    "objective.attention_norm=sum",
    "objective.attention_start=after_supervision",
    "objective.alpha=0.01",
    "objective.alignment_form=cosine",
    "objective.head_norm=none",
    "objective.classified=letters",
    "objective.beta=0.001",
    "objective.identity_weight=1",
    "objective.position_weight=0",
    "objective.outside_weight=1",
    "training.dropped_in_attention=false",
)

RELEASED: dict[str, tuple[str, ...]] = {
    # A term beside the denoising error, without a union, over the full area.
    "mask": (
        "objective.mask_form=separate",
        "objective.gamma=0.01",
        "objective.dropped_in_mask=own_masks",
        "objective.outside_weight=1",
    ),
    "maps": ("masks.resize=nearest", "masks.border=zero"),
    "attention": (
        "objective.attention_form=max",
        "objective.attention_start=start",
        "objective.alpha=0.01",
        "training.dropped_in_attention=true",
    ),
    "alignment": (
        "objective.alignment_form=infonce",
        "objective.head_norm=token",
        "objective.classified=all",
        "objective.beta=0.001",
        "objective.identity_weight=0.1",
        "objective.position_weight=0.1",
    ),
    # Switched on by hand there; it is a number to watch, without a gradient.
    "supervision": (
        "objective.supervision.mode=full",
        "objective.supervision.form=released",
        "objective.supervision.weight=0.001",
    ),
    "inputs": (
        "model.autoencoder.posterior=sample",
        "model.unet.region=bilinear",
        "model.glyph.crop=box",
        "model.text.position_dropout=0.1",
    ),
    "optimiser": (
        "training.optimizer=adamw",
        "training.lr_schedule=epoch_decay",
        "training.lr_epoch_decay=0.95",
        "training.lr_epoch_samples=100000",
        "training.ema=0",
        "training.text_dropout=0.1",
    ),
    "scope": (
        "model.unet.trainable=text_attention",
        "model.text.trainable_layers=2",
        "model.text.trainable_heads=visual",
    ),
}

UDIFFTEXT = (
    "objective.gamma=0",
    "objective.alpha=0",
    "objective.beta=0",
    "objective.outside_weight=1",
    "objective.supervision.mode=full",
    "objective.supervision.form=max",
    "objective.supervision.layers=each",
    "objective.supervision.weight=0.01",
    "objective.recogniser_weight=0.001",
    "model.unet.trainable=text_attention",
    "model.text.trainable_layers=0",
)

OBJECTIVES: dict[str, tuple[str, ...]] = {
    "paper": PAPER,
    "released": tuple(text for part in RELEASED.values() for text in part),
    "udifftext": UDIFFTEXT,
}


def with_objective(config: Config, name: str) -> Config:
    """The configuration with another objective, all else as it is.

    Raises:
        UserError: there is no such objective.
    """
    if name not in OBJECTIVES:
        raise UserError(f"unknown objective '{name}'; there are {', '.join(OBJECTIVES)}")
    return override(config, OBJECTIVES[name])
