"""TextCtrl (arXiv 2410.10133): the authors' GaMuSA pipeline on straightened 256 x 256 crops.

Weights: as in the authors' folder weights. Options: num_inference_steps, guidance_scale,
starting_layer.
"""

import os
import string
import tempfile

import numpy as np
from contract import Unsupported, enter, one_by_one, option, serve
from relocated import relocated
from straight import pasted_back, straightened

SIZE = 256
LONGEST = 24
KNOWN = set(string.ascii_letters + string.digits)  # to the monitor of its sampling


def load(args):
    enter(args.checkout)
    import torch
    from src.MuSA.GaMuSA import GaMuSA
    from src.MuSA.GaMuSA_app import text_editing
    from utils import create_model, load_state_dict

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory() as folder:
        model = create_model(relocated("configs/inference.yaml", "weights/", args.weights, folder))
    model = model.to(device)
    weights = load_state_dict(os.path.join(args.weights, "model.pth"))
    model.load_state_dict(weights, strict=False)
    model.eval()
    monitor = {
        "max_length": 25,
        "loss_weight": 1.0,
        "attention": "position",
        "backbone": "transformer",
        "backbone_ln": 3,
        "checkpoint": os.path.join(args.weights, "vision_model.pth"),
        "charset_path": "src/module/abinet/data/charset_36.txt",
    }
    pipeline = GaMuSA(model, monitor)
    settings = {
        "starting_layer": option(args, "starting_layer", 10),
        "ddim_steps": option(args, "num_inference_steps", 50),
        "scale": option(args, "guidance_scale", 2.0),
    }

    def paint(request):
        for word in (request.source_word, request.word):
            if len(word) > LONGEST or not set(word) <= KNOWN:
                raise Unsupported(
                    f"TextCtrl reads and writes up to {LONGEST} letters and digits, not '{word}'"
                )
        torch.manual_seed(request.seed)  # the crop's latent is drawn
        crop = straightened(request, SIZE, SIZE)
        image = torch.from_numpy(crop.transpose(2, 0, 1).copy()).float()[None] / 255
        image = image.to(device)
        words = (request.source_word, request.word)
        _, edited = text_editing(pipeline, image, image, *words, **settings)
        return pasted_back(request, (np.asarray(edited) * 255).round().astype(np.uint8))

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
