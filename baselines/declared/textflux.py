"""TextFlux (arXiv 2505.17778)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="textflux",
    summary="TextFlux, the word's glyphs above the picture in FLUX.1 Fill",
    repository="GitHub yyyyyxie/textflux",
    needed=("run_inference.py",),
    python="3.11",
    packages={"diffusers": "0.32.1", "transformers": "4.43.3"},
    options=("steps", "guidance_scale"),
    notes=(
        "torch is not pinned by its authors; they install it for CUDA 11.8",
        "without its font it would draw in another one and say nothing: it is declared here",
    ),
    capabilities=Capabilities(
        max_length=64,
        native_size=CANONICAL,
        licence="FLUX.1 [dev] Non-Commercial License (its LICENSE-MODEL)",
        weights=(
            Weights(
                file="textflux",
                source="Hugging Face, yyyyyxie/textflux (the transformer, 24 GB); "
                "yyyyyxie/textflux-beta fits here too",
            ),
            Weights(
                file="FLUX.1-Fill-dev",
                source="Hugging Face, black-forest-labs/FLUX.1-Fill-dev (58 GB; its terms have to "
                "be accepted there)",
            ),
            Weights(
                file="Arial-Unicode-Regular.ttf",
                source="TextFlux's repository, resource/font, or a copy of Arial Unicode MS",
            ),
        ),
    ),
)
