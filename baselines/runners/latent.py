"""What the original code of UDiffText and DreamText has in common: one batch, one `predict`."""

import importlib
import os
import tempfile

import numpy as np
from contract import Unsupported, enter, one_by_one, option, serve, to_size
from PIL import Image
from relocated import relocated

LONGEST = 12


def run(predict_from, settings):
    """Serve the authors' model.

    Args:
        predict_from: the module that has `predict`.
        settings: the configuration's keys that options may change, with their defaults. They are
            those of configs/test.yaml, set over configs/demo.yaml, which says how large pictures
            are and whose guidance is another one. `scale` is that guidance.
    """
    serve(lambda args: prepare(args, predict_from, settings))


def prepare(args, predict_from, settings):
    """Load the model; returns `paint(requests, answer)`."""
    enter(args.checkout)
    import torch
    from omegaconf import OmegaConf
    from pytorch_lightning import seed_everything

    configuration = OmegaConf.load("configs/demo.yaml")
    configuration.load_ckpt_path = os.path.join(args.weights, "model.ckpt")
    configuration.batch_size, configuration.detailed, configuration.gpu = 1, False, 0
    for key, default in settings.items():
        value = option(args, key, default)
        if key == "scale":
            configuration.scale[0] = value
        else:
            configuration[key] = value
    for folder in ("attn_map", "seg_map", "inters"):  # written to while they refine
        os.makedirs(os.path.join("temp", folder), exist_ok=True)
    util = importlib.import_module("util")
    predict = importlib.import_module(predict_from).predict
    with tempfile.TemporaryDirectory() as folder:
        configuration.model_cfg_path = relocated(
            configuration.model_cfg_path, "./checkpoints/", args.weights, folder
        )
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
        pictures, _ = predict(configuration, model, util.init_sampling(configuration), batch)
        painted = pictures[0].detach().float().clamp(0, 1).cpu().numpy().transpose(1, 2, 0) * 255
        return to_size(painted.round().astype(np.uint8), request)

    return one_by_one(paint)
