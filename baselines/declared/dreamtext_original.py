"""DreamText (arXiv 2405.14701) by its authors' code."""

from baselines.declaration import CANONICAL, Declaration
from baselines.imported import LICENCES
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="dreamtext-original",
    summary="DreamText by its authors' code, set as their test configuration",
    repository="GitHub CodeGoat24/DreamText",
    needed=("util.py", "run_gradio.py", "configs/demo.yaml", "configs/test/textdesign_sd_2.yaml"),
    python="3.11",
    packages={"torch": "2.1.0", "pytorch-lightning": "2.0.1", "transformers": "4.30.2"},
    compute_capability={"2.1.0": "9.0"},
    options=("steps", "scale"),
    notes=("it has neither UDiffText's choice of noises nor its refinement: both are refused",),
    capabilities=Capabilities(
        max_length=12,
        native_size=CANONICAL,
        licence=LICENCES["released"],
        weights=(
            Weights(file="model.ckpt", source="DreamText's README, pre_trained.ckpt"),
            Weights(
                file="encoders/LabelEncoder/epoch=19-step=7820.ckpt",
                source="UDiffText's README, checkpoints/encoders",
            ),
            Weights(
                file="AEs/AE_inpainting_2.safetensors",
                source="UDiffText's README, checkpoints/AEs",
            ),
        ),
    ),
    version=2,
)
