"""TextDiffuser (arXiv 2305.10855)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

_README = "TextDiffuser's README, textdiffuser-ckpt (9 GB)"

SYSTEM = Declaration(
    name="textdiffuser",
    summary="TextDiffuser, mode text-inpainting, the word's layout typeset by us",
    repository="GitHub microsoft/unilm, folder textdiffuser",
    needed=("inference.py", "util.py", "model/text_segmenter/unet.py"),
    python="3.8",
    packages={
        "torch": "1.13.1",
        "transformers": "4.27.4",
        "accelerate": "0.18.0",
        "Pillow": "9.5.0",
    },
    newer={"torch": "2.0.1"},
    compute_capability={"1.13.1": "8.6", "2.0.1": "8.6", "2.0.1+cu118": "9.0"},
    options=("classifier_free_scale", "sample_steps"),
    notes=(
        "its diffusers is a changed one: the files of assets/files replace those of a checkout "
        "of diffusers 0.15.0.dev0, as its README says",
        "its picture is the photograph with the region replaced, as its script composites it",
        "the font is drawn in a preview alone: any copy of Arial, or of a font like it, will do",
    ),
    capabilities=Capabilities(
        max_length=77,
        native_size=CANONICAL,
        licence="MIT (the repository's); its README allows academic and research purposes only",
        weights=(
            Weights(file="textdiffuser-ckpt/text_segmenter.pth", source=_README),
            Weights(file="textdiffuser-ckpt/diffusion_backbone/unet", source=_README),
            Weights(
                file="stable-diffusion-v1-5",
                source="Hugging Face, stable-diffusion-v1-5/stable-diffusion-v1-5 (a mirror: "
                "runwayml's repository was removed), as a diffusers folder",
            ),
            Weights(file="Arial.ttf", source="any copy of the font Arial"),
        ),
    ),
    version=2,
)
