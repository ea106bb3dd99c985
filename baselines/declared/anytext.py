"""AnyText (arXiv 2311.03054)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights
from dreamtext import charset

_HUB = "ModelScope damo/cv_anytext_text_generation_editing, revision v1.1.3"

SYSTEM = Declaration(
    name="anytext",
    summary="AnyText, mode text-editing",
    repository="GitHub tyxsspa/AnyText",
    needed=("inference.py", "cldm/cldm.py", "models_yaml/anytext_sd15.yaml"),
    python="3.10",
    packages={
        "torch": "2.0.1",
        "transformers": "4.30.2",
        "diffusers": "0.10.2",
        "modelscope": "1.10.0",
    },
    compute_capability={"2.0.1": "8.6", "2.0.1+cu118": "9.0"},
    options=("ddim_steps", "cfg_scale"),
    notes=(
        "its wrapper (ms_wrapper.py) lies on the model hub beside the weights: it could not be "
        "read, and is called as the authors' demo.py calls it",
    ),
    capabilities=Capabilities(
        max_length=20,
        characters=charset.CHARACTERS.replace('"', ""),
        native_size=CANONICAL,
        licence="Apache-2.0",
        weights=(
            Weights(file="anytext_v1.1.ckpt", source=_HUB),
            Weights(file="configuration.json", source=_HUB),
            Weights(file="ms_wrapper.py", source=_HUB),
            Weights(file="clip-vit-large-patch14", source=_HUB),
            Weights(file="Arial_Unicode.ttf", source="any copy of the font Arial Unicode MS"),
        ),
    ),
    version=2,
)
