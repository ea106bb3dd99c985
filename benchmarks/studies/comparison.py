"""DreamText's objective beside others in the same network, and beside references.

Every trained row is the same network with the same data, training steps and sampling, trained with
the objective another system is known for; none of them is that system. What differs:

- plain: no character guidance at all: the denoising loss alone.
- unsupervised: DreamText's terms, without ground-truth character masks (study `supervision`, none).
- supervised-frozen-encoder: the character encoder is pre-trained by contrast with word crops and
  then frozen; the attention is supervised by ground truth throughout. UDiffText does so too, but
  with another loss, and trains attention alone: its own objective (`--objective udifftext`) makes
  sense from a base model only, which this study does not start from.
- textdiffuser-objective: a character segmentation beside the noisy latent (the real one in
  training, the word typeset in its region in sampling) and the character-aware loss.
- dreamtext-objective: balanced supervision (study `supervision`, balanced).
"""

from benchmarks.study import Contrast, Study, Variant

_NO_GUIDANCE = ("objective.gamma=0", "objective.alpha=0", "objective.beta=0")

STUDY = Study(
    name="comparison",
    question=(
        "What do DreamText's character masks add to other ways of guiding characters, with the "
        "same network, data and steps? The steps some objectives practise before training come "
        "on top: the frozen encoder's 600, the segmenter's 1000 of TextDiffuser's objective."
    ),
    variants=(
        Variant(name="truth", system="truth"),
        Variant(name="masked", system="masked"),
        Variant(name="opencv", system="opencv"),
        Variant(name="typeset", system="typeset"),
        Variant(name="plain", overrides=("objective.supervision.mode=none", *_NO_GUIDANCE)),
        Variant(name="unsupervised", overrides=("objective.supervision.mode=none",)),
        Variant(
            name="supervised-frozen-encoder",
            overrides=(
                "objective.supervision.mode=full",
                *_NO_GUIDANCE,
                "model.text.pretrain_steps=600",
                "model.text.trainable_layers=0",
            ),
        ),
        Variant(
            name="textdiffuser-objective",
            overrides=(
                "objective.supervision.mode=none",
                *_NO_GUIDANCE,
                "model.segmentation.channels=8",
                "model.segmentation.pretrain_steps=1000",
                "objective.character_weight=0.01",
            ),
        ),
        Variant(name="dreamtext-objective", overrides=("objective.supervision.mode=balanced",)),
    ),
    reference="dreamtext-objective",
    primary=Contrast(variant="dreamtext-objective", against="supervised-frozen-encoder"),
    secondary=(
        Contrast(variant="dreamtext-objective", against="plain"),
        Contrast(variant="dreamtext-objective", against="unsupervised"),
        Contrast(
            variant="dreamtext-objective", against="supervised-frozen-encoder", task="editing"
        ),
    ),
)
