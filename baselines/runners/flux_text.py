"""FLUX-Text (arXiv 2505.03329): the authors' generate_fill, as their README and app.py call it.

Weights: `pytorch_lora_weights.safetensors` and `config.yaml` of the 512 x 512 model,
`FLUX.1-Fill-dev/` (a diffusers folder) and the font `Arial_Unicode.ttf`. Options:
num_inference_steps, guidance_scale; without them generate_fill's own, 28 and 3.5.
"""

import os
import sys

import cv2
import numpy as np
from contract import enter, one_by_one, option, serve, to_size
from PIL import Image, ImageFont

SIZE = 512
FONT_SIZE = 60  # what draw_glyph2 measures its letters at


def load(args):
    enter(args.checkout)
    sys.path.append(os.path.join(args.checkout, "eval"))
    import torch
    import yaml
    from eval.t3_dataset import draw_glyph2
    from safetensors.torch import load_file
    from src.flux.condition import Condition
    from src.flux.generate_fill import generate_fill
    from src.train.model import OminiModelFIll

    with open(os.path.join(args.weights, "config.yaml")) as file:
        config = yaml.safe_load(file)
    training, model_config = config["train"], config.get("model", {})
    model = OminiModelFIll(
        flux_pipe_id=os.path.join(args.weights, "FLUX.1-Fill-dev"),
        lora_config=training["lora_config"],
        device="cuda",
        dtype=getattr(torch, config["dtype"]),
        optimizer_config=training["optimizer"],
        model_config=model_config,
        gradient_checkpointing=training.get("gradient_checkpointing", False),
        byt5_encoder_config=training.get("byt5_encoder"),
    )
    lora = load_file(os.path.join(args.weights, "pytorch_lora_weights.safetensors"))
    model.transformer.load_state_dict({adapter_name(k): v for k, v in lora.items()}, strict=False)
    font = ImageFont.truetype(os.path.join(args.weights, "Arial_Unicode.ttf"), size=FONT_SIZE)
    settings = {}
    if "num_inference_steps" in args.options:
        settings["num_inference_steps"] = option(args, "num_inference_steps", 0)
    if "guidance_scale" in args.options:
        settings["guidance_scale"] = option(args, "guidance_scale", 0.0)

    def paint(request):
        image = Image.fromarray(request.open("image")).resize((SIZE, SIZE), Image.BICUBIC)
        region = Image.fromarray(request.open("mask")).resize((SIZE, SIZE), Image.NEAREST)
        mask = np.asarray(region)
        contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        place = max(contours, key=cv2.contourArea)
        glyphs = draw_glyph2(
            font, request.word, place, scale=1, width=SIZE, height=SIZE, add_space=False
        )
        parts = [np.repeat(plane.reshape(SIZE, SIZE, 1), 3, 2) for plane in (glyphs, mask / 255)]
        condition = Condition(
            condition_type="word_fill", condition=[*parts, image], position_delta=[0, 0]
        )
        torch.manual_seed(request.seed)  # the masked image's latent is drawn from this one
        painted = generate_fill(
            model.flux_pipe,
            prompt=f'a sign, that reads "{request.word}"',
            conditions=[condition],
            height=SIZE,
            width=SIZE,
            generator=torch.Generator(device="cuda").manual_seed(request.seed),
            model_config=model_config,
            default_lora=True,
            **settings,
        ).images[0]
        return to_size(np.asarray(painted.convert("RGB")), request)

    return one_by_one(paint)


def adapter_name(key):
    """A LoRA weight's name in the file as it is named in the transformer."""
    for half in ("lora_A", "lora_B"):
        key = key.replace(half, half + ".default")
    return key.replace("transformer.", "")


if __name__ == "__main__":
    serve(load)
