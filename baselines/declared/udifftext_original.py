"""UDiffText (arXiv 2312.04884) by its authors' code."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="udifftext-original",
    summary="UDiffText by its authors' code, set as their test configuration",
    repository="GitHub ZYM-PKU/UDiffText",
    needed=("util.py", "test.py", "configs/demo.yaml", "configs/test/textdesign_sd_2.yaml"),
    python="3.11",
    packages={"torch": "2.1.0", "pytorch-lightning": "2.0.1", "transformers": "4.30.2"},
    compute_capability={"2.1.0": "9.0"},
    options=("steps", "scale", "noise_iters", "aae_enabled"),
    capabilities=Capabilities(
        max_length=12,
        native_size=CANONICAL,
        licence="MIT",
        weights=(
            Weights(file="model.ckpt", source="UDiffText's README, text design"),
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
