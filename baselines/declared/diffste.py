"""DiffSTE (arXiv 2304.05568)."""

from baselines.declaration import CANONICAL, Declaration
from baselines.system import Capabilities, Weights

SYSTEM = Declaration(
    name="diffste",
    summary="DiffSTE, the word without font or colour instruction, at its 256 x 256",
    repository="GitHub UCSB-NLP-Chang/DiffSTE",
    needed=(
        "generate.py",
        "src/trainers/inpaint_trainer.py",
        "src/dataset/utils.py",
        "checkpoints/chartokenizer/char_vocab.json",
        "diffusers/pipeline_utils.py",
    ),
    python="3.8",
    packages={"torch": "1.13.1", "transformers": "4.26.0", "pytorch-lightning": "1.9.0"},
    newer={"torch": "2.0.1"},
    compute_capability={"1.13.1": "8.6", "2.0.1": "8.6", "2.0.1+cu118": "9.0"},
    options=("num_inference_steps", "guidance_scale"),
    notes=("its changed diffusers lies in the checkout and is the one that is imported",),
    capabilities=Capabilities(
        max_length=20,
        native_size=CANONICAL,
        licence="MIT",
        weights=(
            Weights(file="diffste.ckpt", source="DiffSTE's README"),
            Weights(
                file="stable-diffusion-inpainting",
                source="Stable Diffusion 1.5 inpainting as a diffusers folder with vae, "
                "scheduler, tokenizer and text_encoder: Hugging Face, "
                "stable-diffusion-v1-5/stable-diffusion-inpainting (a mirror: runwayml's "
                "repository, which the checkpoint names, was removed)",
            ),
        ),
    ),
    version=2,
)
