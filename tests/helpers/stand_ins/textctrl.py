"""TextCtrl: the model of configs/inference.yaml and its GaMuSA pipeline."""

from helpers.stand_ins import TORCH, StandIn

STAND_IN = StandIn(
    real=TORCH,
    checkout={
        "inference.py": "",
        "configs/inference.yaml": """
            model:
              target: "src.trainer.CtrlBase.ControlBase"
              params:
                base_config:
                  scheduler_config: "weights/sd/scheduler/scheduler_config.json"
                  vae:
                    pretrained: "weights/sd/vae/"
                  text_encoder:
                    params:
                      ckpt_path: "weights/text_encoder.pth"
                  unet_pretrained: "weights/sd/unet/diffusion_pytorch_model.bin"
                  font_path: "weights/arial.ttf"
                  ocr_model:
                    pretrained: weights/ocr_model.pth
            """,
        "utils.py": """
            import os
            import torch
            from omegaconf import OmegaConf
            from src.trainer.utils import instantiate_from_config

            def load_state_dict(path, location="cpu"):
                open(path).close()
                return {}

            def create_model(config_path):
                return instantiate_from_config(OmegaConf.load(config_path).model)
            """,
        "src/trainer/utils.py": """
            import importlib
            import pytorch_lightning as pl

            def instantiate_from_config(config):
                module, name = config.target.rsplit(".", 1)
                return getattr(importlib.import_module(module), name)(**config.params)
            """,
        "src/trainer/CtrlBase.py": """
            import sys, os
            import einops
            import torch
            import torchvision
            from diffusers import UNet2DConditionModel, AutoencoderKL
            from diffusers.models.resnet import ResnetBlock2D
            from timm.models.layers import drop_path, to_2tuple, trunc_normal_

            class ControlBase(torch.nn.Module):
                def __init__(self, base_config):
                    super().__init__()
                    if not os.path.exists(base_config.vae.pretrained):
                        print("Initialize vae failed!")
                        sys.exit()
                    open(base_config.scheduler_config).close()
                    open(base_config.text_encoder.params.ckpt_path).close()
                    open(base_config.unet_pretrained).close()
            """,
        "src/MuSA/GaMuSA.py": """
            import torch
            from tqdm import tqdm
            import torchvision.transforms as T
            from omegaconf import OmegaConf

            class GaMuSA:
                def __init__(self, model, monitor_cfg):
                    monitor = OmegaConf.create(monitor_cfg)
                    open(monitor.checkpoint).close()
                    open(monitor.charset_path).close()
            """,
        "src/MuSA/GaMuSA_app.py": """
            import torch

            def text_editing(model, source_image, style_image, style_text, target_text,
                             starting_layer=10, ddim_steps=50, scale=2):
                assert source_image.shape == (1, 3, 256, 256)
                assert 0 <= source_image.min() and 0.5 < source_image.max() <= 1
                assert (starting_layer, ddim_steps, scale) == (10, 50, 2)
                if target_text == "LOST":
                    raise KeyError("LOST")
                picture = torch.zeros(256, 256, 3)
                picture[..., 0] = 100 / 255
                picture[..., 2] = torch.rand(())  # as the VAE, from the global generator
                return [source_image[0].permute(1, 2, 0).numpy(), picture.numpy()]
            """,
        "src/module/abinet/data/charset_36.txt": "",
        "diffusers/__init__.py": """
            from inert import Inert
            UNet2DConditionModel = AutoencoderKL = Inert
            """,
        "diffusers/models/__init__.py": "",
        "diffusers/models/resnet.py": "ResnetBlock2D = None\n",
    },
    weights={"sd/vae/config.json": ""},
)
