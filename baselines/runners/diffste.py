"""DiffSTE (arXiv 2304.05568): the authors' trainer class, loaded once, at its 256 x 256.

Weights: `diffste.ckpt`. Options: num_inference_steps, guidance_scale.
"""

import os

import numpy as np
from contract import Unsupported, enter, one_by_one, serve, to_size
from PIL import Image

SIZE = 256
LONGEST = 20


def load(args):
    enter(args.checkout)
    import torch
    from src.dataset import prepare_style_chars
    from src.dataset.utils import prepare_npy_image_mask
    from src.trainers import CharInpaintTrainer

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = CharInpaintTrainer.load_from_checkpoint(os.path.join(args.weights, "diffste.ckpt"))
    model = model.to(device)

    def paint(request):
        if len(request.word) > LONGEST:
            raise Unsupported(f"DiffSTE writes at most {LONGEST} characters")
        image = Image.fromarray(request.open("image")).resize((SIZE, SIZE), Image.BICUBIC)
        mask = Image.fromarray(request.open("mask")).resize((SIZE, SIZE), Image.NEAREST)
        raw, hole, masked, place = prepare_npy_image_mask(image, mask.convert("1"))

        def one(values):
            return torch.from_numpy(values).unsqueeze(0).to(device)

        batch = {
            "image": one(raw),
            "mask": one(hole),
            "masked_image": one(masked),
            "coordinate": [place],
            "chars": [request.word],
            "style": [prepare_style_chars(request.word, ["", ""])],
        }
        settings = {
            "num_inference_steps": int(args.options.get("num_inference_steps", 30)),
            "num_sample_per_image": 1,
            "guidance_scale": float(args.options.get("guidance_scale", 7.5)),
            "generator": torch.Generator(device).manual_seed(request.seed),
        }
        with torch.no_grad():
            made = next(iter(model.log_images(batch, settings).values()))[0]
        pixels = made.float().clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255
        return to_size(pixels.round().astype(np.uint8), request)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
