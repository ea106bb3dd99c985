"""DreamText: predict of run_gradio.py, which knows neither noises to choose from nor refinement."""

from helpers.stand_ins import TORCH, StandIn
from helpers.stand_ins.latent import CHECKOUT, PACKAGES, PREDICT

_PREDICT = f"""
    import cv2
    import torch
    import os, glob
    import numpy as np
    import gradio as gr
    from PIL import Image, ImageFilter
    from omegaconf import OmegaConf
    from pytorch_lightning import seed_everything
    from util import *

    def predict(cfgs, model, sampler, batch):
        assert "noise_iters" not in cfgs and "aae_enabled" not in cfgs
{PREDICT}
"""

STAND_IN = StandIn(
    real=TORCH,
    checkout={
        **CHECKOUT,
        "run_gradio.py": _PREDICT,
        "configs/demo.yaml": """
            type: "demo"
            load_ckpt_path: "./checkpoints/pre_trained.ckpt"
            model_cfg_path: "./configs/test/textdesign_sd_2.yaml"
            H: 512
            W: 512
            seq_len: 12
            batch_size: 1
            channel: 4
            factor: 8
            scale: [4.0, 0.0]
            force_uc_zero_embeddings: ["ref", "label"]
            detailed: True
            steps: 50
            init_step: 0
            num_workers: 0
            gpu: 3
            """,
    },
    packages=PACKAGES,
)
