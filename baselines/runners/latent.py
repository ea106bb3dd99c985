"""What the original code of UDiffText and DreamText has in common: one batch, one `predict`."""

import contextlib
import os

import numpy as np
from contract import Unsupported, enter, one_by_one, to_size
from PIL import Image

LONGEST = 12


def prepare(args, predict_from):
    """Load the authors' model by their configs/demo.yaml; returns `paint(requests, answer)`.

    `predict_from` names the module that has `predict`. Options override keys of the
    configuration, as steps=50, scale=5 or noise_iters=10.
    """
    enter(args.checkout)
    import importlib

    import torch
    from omegaconf import OmegaConf
    from pytorch_lightning import seed_everything

    configuration = OmegaConf.load("configs/demo.yaml")
    configuration.load_ckpt_path = os.path.join(args.weights, "model.ckpt")
    configuration.batch_size, configuration.detailed, configuration.gpu = 1, False, 0
    for key, value in args.options.items():
        if key == "scale":
            configuration.scale[0] = float(value)
        else:
            OmegaConf.update(configuration, key, OmegaConf.create("v: " + value).v)
    for folder in ("temp/attn_map", "temp/seg_map"):
        with contextlib.suppress(OSError):
            os.makedirs(folder)
    util = importlib.import_module("util")
    predict = importlib.import_module(predict_from).predict
    model = util.init_model(configuration)
    size = (configuration.W, configuration.H)

    def paint(request):
        if len(request.word) > min(LONGEST, configuration.seq_len):
            raise Unsupported(f"at most {configuration.seq_len} characters")
        seed_everything(request.seed)
        image = np.array(Image.fromarray(request.open("image")).resize(size, Image.BICUBIC))
        region = np.array(Image.fromarray(request.open("mask")).resize(size, Image.NEAREST)) > 127
        pixels = torch.from_numpy(image.transpose(2, 0, 1).copy()).float() / 127.5 - 1
        hole = torch.from_numpy(region)[None].float()
        length, shape = len(request.word), torch.tensor((size[1], size[0]))
        letters = torch.cat((torch.ones(length), torch.zeros(configuration.seq_len - length)))
        batch = {
            "image": pixels[None],
            "mask": hole[None],
            "masked": (pixels * (1 - hole))[None],
            "seg_mask": letters[None],
            "label": [request.word],
            "txt": [f'"{request.word}"'],
            "original_size_as_tuple": shape[None],
            "crop_coords_top_left": torch.tensor((0, 0))[None],
            "target_size_as_tuple": shape[None],
            "name": ["sample"],
        }
        made, _ = predict(configuration, model, util.init_sampling(configuration), batch)
        painted = made[0].detach().float().clamp(0, 1).cpu().numpy().transpose(1, 2, 0) * 255
        return to_size(painted.round().astype(np.uint8), request)

    return one_by_one(paint)
