"""TextCtrl (arXiv 2410.10133)."""

import string

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

_README = "TextCtrl's README, Link_1"
_BASE = "Hugging Face, stable-diffusion-v1-5/stable-diffusion-v1-5"

SYSTEM = Declaration(
    name="textctrl",
    summary="TextCtrl: edits the word's straightened crop at 256 x 256, and so sees the old word",
    repository="GitHub weichaozeng/TextCtrl",
    needed=(
        "inference.py",
        "utils.py",
        "configs/inference.yaml",
        "src/MuSA/GaMuSA.py",
        "src/MuSA/GaMuSA_app.py",
        "src/module/abinet/data/charset_36.txt",
        "diffusers/models/__init__.py",
    ),
    python="3.8",
    packages={"torch": "1.13.1", "transformers": "4.41.0", "pytorch-lightning": "1.9.1"},
    newer={"torch": "2.0.1"},
    compute_capability={
        "1.13.1+cu116": "8.6",
        "1.13.1": "8.6",
        "2.0.1": "8.6",
        "2.0.1+cu118": "9.0",
    },
    options=("num_inference_steps", "guidance_scale", "starting_layer"),
    notes=(
        "its changed diffusers lies in the checkout and is the one that is imported",
        "its monitor knows letters and digits alone, of the old word as of the new one",
        "written against text_editing(...) of src/MuSA/GaMuSA_app.py; an earlier commit calls it "
        "text_editing_benchmark",
    ),
    capabilities=Capabilities(
        max_length=24,
        characters=string.ascii_letters + string.digits,
        native_size=CANONICAL,
        licence="none stated: ask the authors before any other use than research",
        weights=(
            Weights(file="model.pth", source=_README),
            Weights(file="text_encoder.pth", source=_README),
            Weights(file="vision_model.pth", source=_README),
            Weights(file="sd/vae", source=_BASE),
            Weights(file="sd/unet/diffusion_pytorch_model.bin", source=_BASE),
            Weights(file="sd/scheduler/scheduler_config.json", source=_BASE),
        ),
    ),
)
