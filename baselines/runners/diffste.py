"""DiffSTE (arXiv 2304.05568): the authors' trainer class, loaded once, at its 256 x 256.

Weights: `diffste.ckpt` and `stable-diffusion-inpainting/`, a diffusers folder with vae, scheduler,
tokenizer and text_encoder. Options: num_inference_steps, guidance_scale.
"""

import os

import numpy as np
from contract import Unsupported, enter, one_by_one, option, serve, to_size
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
    checkpoint = os.path.join(args.weights, "diffste.ckpt")
    # The trainer fetches its frozen parts by the hub name that the checkpoint's configuration
    # holds. That repository is gone: they come from the user's folder.
    config = torch.load(checkpoint, map_location="cpu")["hyper_parameters"]["config"]
    config.pretrained_model_path = os.path.join(args.weights, "stable-diffusion-inpainting")
    model = CharInpaintTrainer.load_from_checkpoint(checkpoint, config=config).to(device)
    settings = {
        "num_inference_steps": option(args, "num_inference_steps", 30),
        "num_sample_per_image": 1,
        "guidance_scale": option(args, "guidance_scale", 7.5),
    }

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
        torch.manual_seed(request.seed)  # the masked image's latent is drawn from this one
        generator = torch.Generator(device).manual_seed(request.seed)
        with torch.no_grad():
            pictures = model.log_images(batch, {**settings, "generator": generator})
        (picture,) = next(iter(pictures.values()))
        pixels = picture.float().clamp(0, 1).permute(1, 2, 0).cpu().numpy() * 255
        return to_size(pixels.round().astype(np.uint8), request)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
