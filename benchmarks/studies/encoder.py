"""Should the character encoder be pre-trained, as UDiffText's, and if so trained on or frozen?"""

from benchmarks.studies._scale import GUIDED, supervised
from benchmarks.study import Contrast, Study, Variant

_PRETRAINED = "model.text.pretrain_steps=600"
_STARTS = {
    "from scratch": (),
    "pre-trained": (_PRETRAINED,),
    "pre-trained, frozen": (_PRETRAINED, "model.text.trainable_layers=0"),
}

STUDY = Study(
    name="encoder",
    question="Character encoder: from scratch, or pre-trained by contrast with word crops.",
    variants=tuple(
        Variant(name=name, overrides=supervised("balanced", *GUIDED, *start))
        for name, start in _STARTS.items()
    ),
    reference="from scratch",
    paper="trains the character encoder together with the U-Net.",
    not_shown=(
        "What an encoder brings that was pre-trained on many words and fonts: this one had 600 "
        "steps."
    ),
    primary=Contrast(variant="pre-trained", against="from scratch"),
    secondary=(Contrast(variant="pre-trained, frozen", against="pre-trained"),),
)
