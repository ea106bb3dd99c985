"""AnyText2 (arXiv 2411.15245)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights
from dreamtext import charset

_HUB = "ModelScope iic/cv_anytext2"

SYSTEM = Declaration(
    name="anytext2",
    summary="AnyText2, mode edit, font and colour left to it",
    repository="GitHub tyxsspa/AnyText2",
    needed=(
        "ms_wrapper.py",
        "cldm/model.py",
        "t3_dataset.py",
        "models_yaml/anytext2_sd15.yaml",
        "font/bg_noise.png",
    ),
    python="3.10",
    packages={
        "torch": "2.1.0",
        "transformers": "4.38.0",
        "diffusers": "0.10.2",
        "modelscope": "1.23.0",
    },
    compute_capability={"2.1.0": "9.0"},
    options=("ddim_steps", "cfg_scale"),
    notes=("its own licence could not be read: look into the checkout",),
    capabilities=Capabilities(
        max_length=20,
        characters=charset.CHARACTERS.replace('"', ""),
        native_size=CANONICAL,
        licence="as the checkout says",
        weights=(
            Weights(file="anytext_v2.0.ckpt", source=f"{_HUB} (5.6 GB)"),
            Weights(file="clip-vit-large-patch14", source=_HUB),
            Weights(file="Arial_Unicode.ttf", source="any copy of the font Arial Unicode MS"),
        ),
    ),
)
