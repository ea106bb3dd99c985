"""TextDiffuser (arXiv 2305.10855): the authors' inference.py in the mode text-inpainting.

Weights: `stable-diffusion-v1-5/` (diffusers folder), `textdiffuser-ckpt/diffusion_backbone/` (with
`unet/`), `textdiffuser-ckpt/text_segmenter.pth` and a font, `Arial.ttf`. Options:
classifier_free_scale, sample_steps. The script loads its weights anew for every image, so seconds
include that.
"""

import importlib
import os
import shutil
import sys
import tempfile
import types

import numpy as np
from contract import enter, one_by_one, run_script, serve, to_size
from PIL import Image

GREY = 200  # between the segmenter's threshold (128) and that of the region (250)


def text_mask(request):
    """White where the picture stays, grey where it is repainted, black where letters stand."""
    region, glyph = request.open("mask") > 127, request.open("glyph")
    return np.where(region & (glyph < 128), 0, np.where(region, GREY, 255)).astype(np.uint8)


def leave_out_the_layout_generator():
    """Put an empty module in the place of model/layout_generator.py.

    As it is imported it loads its own weights and CLIP from the hub; text-inpainting uses neither.
    """
    layout = types.ModuleType("model.layout_generator")
    layout.get_layout_from_prompt = None
    sys.modules["model.layout_generator"] = layout


def keep_pictures():
    """A list that util.combine_image puts its pictures into, instead of writing them as JPEG."""
    kept = []

    def combine_image(args, folder, pictures, *previews):
        kept.append(pictures[0])

    importlib.import_module("util").combine_image = combine_image
    return kept


def load(args):
    enter(args.checkout)
    leave_out_the_layout_generator()
    kept = keep_pictures()

    def weights(name):
        return os.path.join(args.weights, name)

    def paint(request):
        folder = tempfile.mkdtemp()
        try:
            mask = os.path.join(folder, "mask.png")
            Image.fromarray(text_mask(request)).save(mask)
            command = ["--mode", "text-inpainting", "--prompt", request.prompt]
            command += ["--original_image", request.path("image"), "--text_mask", mask]
            command += ["--output_dir", os.path.join(folder, "output")]
            command += ["--seed", str(request.seed), "--vis_num", "1"]
            command += ["--pretrained_model_name_or_path", weights("stable-diffusion-v1-5")]
            command += ["--resume_from_checkpoint", weights("textdiffuser-ckpt/diffusion_backbone")]
            command += [
                "--character_segmenter_path",
                weights("textdiffuser-ckpt/text_segmenter.pth"),
            ]
            command += ["--font_path", weights("Arial.ttf")]
            for key, value in args.options.items():
                command += ["--" + key, value]
            kept.clear()
            run_script("inference.py", *command)
            return to_size(np.asarray(kept[0].convert("RGB")), request)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
