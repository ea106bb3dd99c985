"""TextFlux (arXiv 2505.17778): process_normal_mode of the authors' run_inference.py.

Weights: `textflux/` (the transformer), `FLUX.1-Fill-dev/` (a diffusers folder) and the font
`Arial-Unicode-Regular.ttf`. Options: steps, guidance_scale.
"""

import os
import shutil
import tempfile

import numpy as np
from contract import enter, one_by_one, option, serve, to_size

FONT = "Arial-Unicode-Regular.ttf"


def load(args):
    enter(args.checkout)
    import run_inference
    import torch
    from diffusers import FluxFillPipeline, FluxTransformer2DModel

    # What load_flux_pipeline would fetch by its names on the hub, from the user's folder.
    transformer = FluxTransformer2DModel.from_pretrained(
        os.path.join(args.weights, "textflux"), torch_dtype=torch.bfloat16
    )
    run_inference.PIPE = FluxFillPipeline.from_pretrained(
        os.path.join(args.weights, "FLUX.1-Fill-dev"),
        transformer=transformer,
        torch_dtype=torch.bfloat16,
    ).to("cuda")
    steps = option(args, "steps", 30)
    guidance_scale = option(args, "guidance_scale", 30.0)

    def paint(request):
        folder = tempfile.mkdtemp()
        before = os.getcwd()
        try:
            # It reads its font from, and writes its results below, the working folder.
            os.makedirs(os.path.join(folder, "resource", "font"))
            font = os.path.join(folder, "resource", "font", FONT)
            os.symlink(os.path.join(args.weights, FONT), font)
            words = os.path.join(folder, "words.txt")
            with open(words, "w", encoding="utf-8") as file:
                file.write(request.word + "\n")
            image, mask = request.path("image"), request.path("mask")
            os.chdir(folder)
            painted = run_inference.process_normal_mode(
                image, mask, words, steps, guidance_scale, request.seed
            )
            return to_size(np.asarray(painted.convert("RGB")), request)
        finally:
            os.chdir(before)
            shutil.rmtree(folder, ignore_errors=True)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
