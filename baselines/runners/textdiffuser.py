"""TextDiffuser (arXiv 2305.10855): the authors' inference.py in the mode text-inpainting.

Weights: `stable-diffusion-v1-5/` (diffusers folder), `textdiffuser-ckpt/diffusion_backbone/` (with
`unet/`) and `textdiffuser-ckpt/text_segmenter.pth`. Options: classifier_free_scale, sample_steps.
The script loads its weights anew for every image, so seconds include that.
"""

import os
import runpy
import shutil
import sys
import tempfile

import numpy as np
from contract import enter, one_by_one, serve, to_size
from PIL import Image

GREY = 200  # between the segmenter's threshold (128) and that of the region (250)


def text_mask(request):
    """White where the picture stays, grey where it is repainted, black where letters stand."""
    region, glyph = request.open("mask") > 127, request.open("glyph")
    return np.where(region & (glyph < 128), 0, np.where(region, GREY, 255)).astype(np.uint8)


def load(args):
    enter(args.checkout)
    weights = args.weights

    def paint(request):
        folder = tempfile.mkdtemp()
        try:
            mask = os.path.join(folder, "mask.png")
            Image.fromarray(text_mask(request)).save(mask)
            command = ["inference.py", "--mode", "text-inpainting", "--prompt", request.prompt]
            command += ["--original_image", request.path("image"), "--text_mask", mask]
            command += ["--output_dir", os.path.join(folder, "output")]
            command += ["--seed", str(request.seed), "--vis_num", "1"]
            command += [
                "--pretrained_model_name_or_path",
                os.path.join(weights, "stable-diffusion-v1-5"),
                "--resume_from_checkpoint",
                os.path.join(weights, "textdiffuser-ckpt", "diffusion_backbone"),
                "--character_segmenter_path",
                os.path.join(weights, "textdiffuser-ckpt", "text_segmenter.pth"),
            ]
            for key, value in args.options.items():
                command += ["--" + key, value]
            before, sys.argv = sys.argv, command
            try:
                runpy.run_path("inference.py", run_name="__main__")
            finally:
                sys.argv = before
            made = os.path.join(folder, "output", "latest", "0.jpg")
            with Image.open(made) as opened:
                return to_size(np.array(opened.convert("RGB")), request)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
