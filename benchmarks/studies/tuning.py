"""Which constants suit each arm? As many trials of as many steps for each, over its own few.

The rates of the optimisers are shared by all arms: they are chosen on the mean of balanced and
full. `study tune` runs this and writes `results/tuning/tiny`; as a study it runs on a cluster.

Trials are shorter than the 600 steps of a study's runs, and balanced ones are supervised for as
many steps as those (150). An arm leaves its first values only for others that read better by more
than seeds alone make runs differ: over three seeds of 600 steps, the NED of balanced had a standard
deviation of .03 and that of full of less, and the difference of two runs has 1.4 times that.
"""

from benchmarks.studies._scale import GUIDED, PLAIN, supervised
from benchmarks.study import Variant
from benchmarks.study.tuning import Arm, Choice, Range, Tuning
from dreamtext.configs.objectives import OBJECTIVES

_L_ATTN: dict[str, Range | Choice] = {
    "objective.alpha": Range(0.1, 10, first=1),
    "objective.gamma": Choice(("0", "0.3", "1")),
    "objective.attention_start": Choice(("start", "after_supervision")),
}
_SUPERVISION: dict[str, Range | Choice] = {"objective.supervision.weight": Range(0.5, 8, first=2)}
_WARMUP = "objective.supervision.warmup=0.375"  # of 400 steps
_BALANCED = Variant(name="balanced", overrides=supervised("balanced", _WARMUP, *GUIDED))
_FULL = Variant(name="full", overrides=supervised("full", *GUIDED))

TUNING = Tuning(
    name="tiny",
    margin=0.06,
    arms=(
        Arm(
            name="shared",
            members=(_BALANCED, _FULL),
            space={
                "training.muon_lr": Range(0.005, 0.05, first=0.02),
                "training.lr": Range(0.0005, 0.006, first=0.002),
            },
        ),
        Arm(name="balanced", members=(_BALANCED,), space=_L_ATTN | _SUPERVISION),
        Arm(name="full", members=(_FULL,), space=_L_ATTN | _SUPERVISION),
        Arm(
            name="none",
            members=(Variant(name="none", overrides=supervised("none", *GUIDED)),),
            space={
                "objective.alpha": Range(0.01, 10, first=1),
                "objective.gamma": Choice(("0", "1")),
                "objective.attention_ramp": Choice(("0", "0.5")),
                "objective.beta": Range(0.0001, 0.1, first=0.001),
            },
        ),
        Arm(
            name="udifftext-objective",
            members=(
                Variant(
                    name="udifftext-objective",
                    overrides=(*OBJECTIVES["udifftext"], "model.text.pretrain_steps=600"),
                ),
            ),
            space={
                "objective.supervision.weight": Range(0.003, 0.3, first=0.01),
                "objective.recogniser_weight": Range(0.0001, 0.03, first=0.001),
            },
        ),
        Arm(
            name="textdiffuser-objective",
            members=(
                Variant(
                    name="textdiffuser-objective",
                    overrides=supervised(
                        "none",
                        *PLAIN,
                        "model.segmentation.channels=8",
                        "model.segmentation.pretrain_steps=1000",
                    ),
                ),
            ),
            space={"objective.character_weight": Range(0.001, 0.3, first=0.01)},
        ),
    ),
)
STUDY = TUNING.study()
