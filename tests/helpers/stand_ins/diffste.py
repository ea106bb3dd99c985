"""DiffSTE: the trainer, which fetches its frozen parts by the name in the checkpoint."""

from pathlib import Path

from helpers.stand_ins import TORCH, StandIn


def checkpoint(weights: Path) -> None:
    import torch
    from omegaconf import OmegaConf

    config = OmegaConf.create(
        {
            "pretrained_model_path": "runwayml/stable-diffusion-inpainting",
            "char_tokenizer": {"pretrained_path": "checkpoints/chartokenizer"},
            "tokenizer": {"model_max_length": 20},
        }
    )
    torch.save({"hyper_parameters": {"config": config}}, weights / "diffste.ckpt")


STAND_IN = StandIn(
    real=TORCH,
    prepare=checkpoint,
    checkout={
        "generate.py": "",
        "diffusers/__init__.py": """
            from inert import Inert
            AutoencoderKL = UNet2DConditionModel = ConfigMixin = DDIMScheduler = Inert
            """,
        "diffusers/pipeline_utils.py": "",
        "checkpoints/chartokenizer/char_vocab.json": "[]",
        "src/dataset/__init__.py": """
            import torch
            from datasets import load_dataset
            from scipy.spatial import ConvexHull

            def prepare_style_chars(chars, style):
                assert style == ["", ""]
                return f'Write "{chars}"'
            """,
        "src/dataset/utils.py": """
            import numpy as np

            def prepare_npy_image_mask(image, mask):
                assert image.size == mask.size == (256, 256) and mask.mode == "1"
                pixels = np.array(image, np.float32).transpose(2, 0, 1) / 127.5 - 1
                hole = np.array(mask.convert("L"), np.float32)[None] / 255
                return pixels, hole, pixels * (hole < 0.5), np.zeros(4, np.int16)
            """,
        "src/trainers/__init__.py": """
            import pytorch_lightning as pl
            from .inpaint_trainer import CharInpaintTrainer
            import editdistance
            import pandas as pd
            """,
        "src/trainers/inpaint_trainer.py": """
            import os
            import torch
            from omegaconf import OmegaConf
            import torchvision
            from einops import rearrange
            import pytorch_lightning as pl
            from pytorch_lightning.loggers import WandbLogger, TensorBoardLogger
            from diffusers import AutoencoderKL, UNet2DConditionModel, ConfigMixin, DDIMScheduler
            from transformers import CLIPTextModel, CLIPTokenizer, CanineModel, T5EncoderModel

            class CharInpaintTrainer(torch.nn.Module):
                def __init__(self, config):
                    super().__init__()
                    path = config.pretrained_model_path
                    AutoencoderKL.from_pretrained(path, subfolder="vae")
                    DDIMScheduler.from_config(path, subfolder="scheduler")
                    CLIPTokenizer.from_pretrained(path, subfolder="tokenizer", **config.tokenizer)
                    CLIPTextModel.from_pretrained(path, subfolder="text_encoder")
                    folder = config.char_tokenizer.pretrained_path
                    open(os.path.join(folder, "char_vocab.json")).close()

                @classmethod
                def load_from_checkpoint(cls, path, **changed):
                    parameters = torch.load(path, map_location="cpu")["hyper_parameters"]
                    return cls(**{**parameters, **changed})

                def log_images(self, batch, settings):
                    assert batch["image"].shape == (1, 3, 256, 256)
                    assert settings["num_inference_steps"] == 30
                    assert settings["guidance_scale"] == 7.5
                    picture = torch.zeros(1, 3, 256, 256)
                    picture[:, 0] = settings["generator"].initial_seed() / 255
                    picture[:, 2] = torch.rand(())  # as the VAE, from the global generator
                    return {"0-" + batch["chars"][0]: picture}
            """,
    },
    weights={
        "stable-diffusion-inpainting/vae/config.json": "",
        "stable-diffusion-inpainting/scheduler/scheduler_config.json": "",
        "stable-diffusion-inpainting/tokenizer/vocab.json": "",
        "stable-diffusion-inpainting/text_encoder/config.json": "",
    },
)
