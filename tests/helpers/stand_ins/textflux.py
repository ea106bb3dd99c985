"""TextFlux: run_inference.py, with its names on the hub and the font it does without in silence."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "run_inference.py": """
            import argparse
            import os
            import cv2
            import numpy as np
            import torch
            from diffusers import FluxFillPipeline, FluxTransformer2DModel
            from diffusers.utils import check_min_version, load_image
            from PIL import Image, ImageDraw, ImageFont
            from torchvision import transforms

            PIPE = None

            def load_flux_pipeline():
                global PIPE
                if PIPE is None:
                    transformer = FluxTransformer2DModel.from_pretrained("yyyyyxie/textflux")
                    PIPE = FluxFillPipeline.from_pretrained(
                        "black-forest-labs/FLUX.1-Fill-dev", transformer=transformer)
                return PIPE

            def process_normal_mode(image_path, mask_path, words_path, steps, guidance_scale, seed):
                image = Image.open(image_path).convert("RGB")
                mask = np.array(Image.open(mask_path).convert("RGB"))
                assert mask.min() == 0 and mask.max() == 255
                word = open(words_path, encoding="utf-8").read().strip()
                try:
                    ImageFont.truetype("resource/font/Arial-Unicode-Regular.ttf", 40)
                    wrong_font = 0
                except OSError:
                    wrong_font = 255
                load_flux_pipeline()
                assert (steps, guidance_scale) == (30, 30)
                if word == "LOST":
                    raise ValueError("LOST")
                os.makedirs("outputs_my", exist_ok=True)
                result = Image.new("RGB", image.size, (seed, wrong_font, 0))
                result.save("outputs_my/result_0001.png")
                return result
            """
    },
    weights={
        "textflux/config.json": "",
        "FLUX.1-Fill-dev/model_index.json": "",
    },
    fonts=("Arial-Unicode-Regular.ttf",),
)
