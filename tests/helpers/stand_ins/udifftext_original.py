"""UDiffText: predict of test.py, with its choice of noises and its refinement."""

from helpers.stand_ins import TORCH, StandIn
from helpers.stand_ins.latent import CHECKOUT, PACKAGES, PREDICT

_PREDICT = f"""
    import torch
    import numpy as np
    import os
    from PIL import Image
    from tqdm import tqdm
    from torchvision.utils import save_image
    from omegaconf import OmegaConf
    from pytorch_lightning import seed_everything
    from dataset.dataloader import get_dataloader
    from util import *
    from metrics import calc_fid, calc_lpips

    def predict(cfgs, model, sampler, batch):
        assert cfgs.noise_iters == 10
        if cfgs.aae_enabled:
            open(f"./temp/inters/{{batch['name'][0]}}.gif", "w").close()
{PREDICT}
"""

STAND_IN = StandIn(
    real=TORCH,
    checkout={
        **CHECKOUT,
        "test.py": _PREDICT,
        "metrics.py": "import lpips\ncalc_fid = calc_lpips = None\n",
        "dataset/dataloader.py": "import cv2\nimport scipy\nget_dataloader = None\n",
        "configs/demo.yaml": """
            type: "demo"
            load_ckpt_path: "./checkpoints/{your checkpoint path}.ckpt"
            model_cfg_path: "./configs/test/textdesign_sd_2.yaml"
            H: 512
            W: 512
            seq_len: 12
            batch_size: 1
            channel: 4
            factor: 8
            scale: [4.0, 0.0]
            noise_iters: 10
            force_uc_zero_embeddings: ["ref", "label"]
            aae_enabled: False
            detailed: False
            steps: 50
            init_step: 0
            num_workers: 0
            gpu: 0
            """,
    },
    packages=PACKAGES,
)
