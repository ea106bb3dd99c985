"""How are attention maps turned into masks in training? One step each way from the paper's 3 x 3,
sigma 1, mean + 2 std, where L_attn pulls the attention towards the masks. The full grid is read off
trained models by the laboratory (`dreamtext masks sweep`), without training."""

from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant

_RULES = {
    "sigma=1 k=2": (),
    "no blur": ("masks.blur_kernel=1",),
    "sigma=2": ("masks.blur_sigma=2", "masks.blur_kernel=5"),
    "k=1": ("masks.threshold_std=1",),
    "k=3": ("masks.threshold_std=3",),
}

STUDY = Study(
    name="masks",
    question="Latent character masks in training: blur (sigma) and threshold (mean + k std).",
    variants=tuple(
        Variant(name=name, overrides=supervised("balanced", *GUIDED, *rule))
        for name, rule in _RULES.items()
    ),
    reference="sigma=1 k=2",
    paper="blurs by 3 x 3 with sigma 1 and takes what is above mean + 2 std.",
    not_shown=(
        "What suits larger maps: the blur reaches over three of these maps' eight rows, and over "
        "three of the paper's sixty-four."
    ),
    primary=Contrast(variant="no blur", against="sigma=1 k=2"),
    secondary=tuple(
        Contrast(variant=name, against="sigma=1 k=2") for name in _RULES if name.startswith("k=")
    ),
)
