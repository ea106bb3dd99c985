"""MOSTEL (arXiv 2212.01982)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="mostel",
    summary="MOSTEL: edits the word's straightened crop, and so sees the old word",
    repository="GitHub qqqyd/MOSTEL",
    needed=("predict.py", "model.py", "datagen.py", "standard_text.py", "configs/mostel-train.py"),
    python="3.7",
    packages={"torch": "1.7.1", "mmcv": "1.6.0"},
    newer={"torch": "1.12.1"},  # predict.py calls .next() of a loader's iterator, gone in 1.13
    compute_capability={"1.7.1+cu101": "7.5", "1.12.1+cu116": "8.6"},
    options=("slm",),
    notes=(
        "of mmcv only Config is used: mmcv 1.6.0 without compiled operators is enough",
        "how long a word may be is measured in its own font: 960 pixels at a height of 64",
    ),
    capabilities=Capabilities(
        max_length=96,  # of the narrowest letters; the runner measures
        native_size=CANONICAL,
        licence="none stated: ask the authors before any other use than research",
        weights=(
            Weights(file="mostel.pth", source="MOSTEL's README, models"),
            Weights(file="arial.ttf", source="any copy of the font Arial, as its training drew in"),
        ),
    ),
    version=2,
)
