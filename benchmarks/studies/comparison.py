"""DreamText's objective beside others in the same network, and beside references.

Every trained row is the same network with the same data, training steps and sampling, trained with
the objective another system is known for; none of them is that system. What differs:

- plain: no character guidance at all: the denoising loss alone.
- unsupervised: DreamText's terms, without ground-truth character masks (study `supervision`, none).
- udifftext-objective: the base model and the character encoder, pre-trained by contrast with word
  crops, stay as they are; the text attention alone is trained, and supervised by ground truth
  throughout with UDiffText's own losses.
- supervised-frozen-encoder: the same encoder, but all of the U-Net is trained, and the attention
  supervised with the loss of the other rows.
- textdiffuser-objective: a character segmentation beside the noisy latent (the real one in
  training, the word typeset in its region in sampling) and the character-aware loss.
- dreamtext-objective: balanced supervision (study `supervision`, balanced): without the weighting
  of L_mask, alpha 1, a warm-up of a quarter of the steps.
"""

from benchmarks.studies._scale import GUIDED, PLAIN, supervised
from benchmarks.study import Contrast, Study, Variant
from dreamtext.configs.objectives import OBJECTIVES

STUDY = Study(
    name="comparison",
    question=(
        "What do DreamText's character masks add to other ways of guiding characters, with the "
        "same network, data and steps? The steps some objectives practise before training come "
        "on top: the pre-trained encoder's 600, the segmenter's 1000 of TextDiffuser's objective, "
        "which alone is also told how the word looks typeset, and so need not learn to spell."
    ),
    variants=(
        Variant(name="truth", system="truth"),
        Variant(name="masked", system="masked"),
        Variant(name="opencv", system="opencv"),
        Variant(name="typeset", system="typeset"),
        Variant(name="plain", overrides=supervised("none", *PLAIN)),
        Variant(name="unsupervised", overrides=supervised("none", *GUIDED)),
        Variant(
            name="udifftext-objective",
            overrides=(*OBJECTIVES["udifftext"], "model.text.pretrain_steps=600"),
        ),
        Variant(
            name="supervised-frozen-encoder",
            overrides=supervised(
                "full", *PLAIN, "model.text.pretrain_steps=600", "model.text.trainable_layers=0"
            ),
        ),
        Variant(
            name="textdiffuser-objective",
            overrides=supervised(
                "none",
                *PLAIN,
                "model.segmentation.channels=8",
                "model.segmentation.pretrain_steps=1000",
                "objective.character_weight=0.01",
            ),
        ),
        Variant(name="dreamtext-objective", overrides=supervised("balanced", *GUIDED)),
    ),
    reference="dreamtext-objective",
    paper=(
        "has, as a summary of it says, DreamText and UDiffText read alike in reconstruction, and "
        "DreamText better in editing."
    ),
    not_shown=(
        "Which published system is better: these are objectives in one small network, and the "
        "base model under them has never painted a word."
    ),
    primary=Contrast(variant="dreamtext-objective", against="udifftext-objective"),
    secondary=(
        Contrast(variant="dreamtext-objective", against="supervised-frozen-encoder"),
        Contrast(variant="dreamtext-objective", against="plain"),
        Contrast(variant="dreamtext-objective", against="unsupervised"),
        Contrast(
            variant="dreamtext-objective", against="supervised-frozen-encoder", task="editing"
        ),
    ),
)
