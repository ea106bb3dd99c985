"""The systems that run in environments of their own: what each can do and needs."""

from baselines.process import Declaration
from baselines.system import Capabilities, Weights
from dreamtext import charset

_ASCII = charset.CHARACTERS
_CANONICAL = (512, 512)

DECLARATIONS: tuple[Declaration, ...] = (
    Declaration(
        name="textdiffuser",
        summary="TextDiffuser, mode text-inpainting, the word's layout typeset by us",
        repository="GitHub microsoft/unilm, folder textdiffuser",
        python="3.8",
        packages={"transformers": "4.27.4", "accelerate": "0.18.0"},
        needed=("inference.py", "util.py", "model/text_segmenter/unet.py"),
        capabilities=Capabilities(
            max_length=77,
            characters=_ASCII,
            native_size=_CANONICAL,
            licence="MIT",
            weights=(
                Weights(
                    file="textdiffuser-ckpt/text_segmenter.pth",
                    source="TextDiffuser's README, textdiffuser-ckpt",
                ),
                Weights(
                    file="textdiffuser-ckpt/diffusion_backbone/unet",
                    source="TextDiffuser's README, textdiffuser-ckpt",
                ),
                Weights(
                    file="stable-diffusion-v1-5",
                    source="Stable Diffusion 1.5 as a diffusers folder (a mirror: the original "
                    "repository was removed)",
                ),
            ),
        ),
    ),
    Declaration(
        name="diffste",
        summary="DiffSTE, the word without font or colour instruction, at its 256 x 256",
        repository="GitHub UCSB-NLP-Chang/DiffSTE",
        python="3.8",
        packages={"torch": "1.13.1", "transformers": "4.26.0", "pytorch-lightning": "1.9.0"},
        needed=("generate.py", "src/trainers/__init__.py", "src/dataset/utils.py"),
        capabilities=Capabilities(
            max_length=20,
            characters=_ASCII,
            native_size=_CANONICAL,
            licence="MIT",
            weights=(Weights(file="diffste.ckpt", source="DiffSTE's README"),),
        ),
    ),
    Declaration(
        name="mostel",
        summary="MOSTEL: edits the word's straightened crop, and so sees the old word",
        repository="GitHub qqqyd/MOSTEL",
        python="3.7",
        packages={"torch": "1.7.1"},
        needed=("predict.py", "configs/mostel-train.py", "standard_text.py"),
        capabilities=Capabilities(
            max_length=64,
            characters=_ASCII,
            native_size=_CANONICAL,
            licence="none stated: ask the authors before any other use than research",
            weights=(Weights(file="mostel.pth", source="MOSTEL's README, models"),),
        ),
    ),
    Declaration(
        name="anytext",
        summary="AnyText, mode text-editing",
        repository="GitHub tyxsspa/AnyText",
        python="3.10",
        packages={"torch": "2.0.1"},
        needed=("inference.py", "cldm/cldm.py"),
        capabilities=Capabilities(
            max_length=20,
            characters=_ASCII.replace('"', ""),
            native_size=_CANONICAL,
            licence="Apache-2.0",
            weights=(
                Weights(
                    file="anytext_v1.1.ckpt",
                    source="ModelScope damo/cv_anytext_text_generation_editing, revision v1.1.1",
                ),
            ),
        ),
    ),
    Declaration(
        name="udifftext-original",
        summary="UDiffText by its authors' code; options aae_enabled, noise_iters",
        repository="GitHub ZYM-PKU/UDiffText",
        python="3.11",
        packages={"torch": "2.1.0", "pytorch-lightning": "2.0.1"},
        needed=("util.py", "test.py", "configs/demo.yaml"),
        capabilities=Capabilities(
            max_length=12,
            characters=_ASCII,
            native_size=_CANONICAL,
            licence="as the checkout's LICENSE says",
            weights=(Weights(file="model.ckpt", source="UDiffText's README, text design"),),
        ),
    ),
    Declaration(
        name="dreamtext-original",
        summary="DreamText by its authors' code",
        repository="GitHub CodeGoat24/DreamText",
        python="3.11",
        packages={"torch": "2.1.0", "pytorch-lightning": "2.0.1"},
        needed=("util.py", "run_gradio.py", "configs/demo.yaml"),
        capabilities=Capabilities(
            max_length=12,
            characters=_ASCII,
            native_size=_CANONICAL,
            licence="none stated: ask the authors before any other use than research",
            weights=(Weights(file="model.ckpt", source="DreamText's README, pre_trained.ckpt"),),
        ),
    ),
)
