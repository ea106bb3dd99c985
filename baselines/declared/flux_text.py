"""FLUX-Text (arXiv 2505.03329)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

_HUB = "Hugging Face, GD-ML/FLUX-Text, folder model_512"

SYSTEM = Declaration(
    name="flux-text",
    summary="FLUX-Text, its 512 x 512 model: glyphs injected into FLUX.1 Fill by a LoRA",
    repository="GitHub AMAP-ML/FluxText",
    needed=(
        "app.py",
        "eval/t3_dataset.py",
        "src/flux/condition.py",
        "src/flux/generate_fill.py",
        "src/train/model.py",
    ),
    python="3.10",
    packages={
        "torch": "2.4.0",
        "diffusers": "0.32.2",
        "transformers": "4.46.3",
        "lightning": "2.2.4",
        "Pillow": "9.5.0",
    },
    compute_capability={"2.4.0": "9.0"},
    options=("num_inference_steps", "guidance_scale"),
    notes=(
        "its requirements.txt was read in copies of the repository, not in its own",
        "34 GB of GPU memory at 512 x 512, by its README",
        "its own licence could not be read: look into the checkout and the model's page",
        "its captions come from BLIP-2 in the authors' demo; here each is 'a sign'",
    ),
    capabilities=Capabilities(
        max_length=64,
        native_size=CANONICAL,
        licence="FLUX.1 [dev] Non-Commercial License (the base weights)",
        weights=(
            Weights(file="pytorch_lora_weights.safetensors", source=f"{_HUB} (1.9 GB)"),
            Weights(file="config.yaml", source=_HUB),
            Weights(
                file="FLUX.1-Fill-dev",
                source="Hugging Face, black-forest-labs/FLUX.1-Fill-dev (58 GB; its terms have to "
                "be accepted there)",
            ),
            Weights(file="Arial_Unicode.ttf", source="any copy of the font Arial Unicode MS"),
        ),
    ),
)
