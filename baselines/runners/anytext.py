"""AnyText (arXiv 2311.03054): the authors' ModelScope pipeline in the mode text-editing.

Weights: the folder of damo/cv_anytext_text_generation_editing, and the font `Arial_Unicode.ttf`.
Options: ddim_steps, cfg_scale.
"""

import os
import shutil
import tempfile

import numpy as np
from contract import Unsupported, enter, one_by_one, option, serve, to_size
from PIL import Image

LONGEST = 20


def load(args):
    enter(args.checkout)
    from modelscope.pipelines import pipeline

    pipe = pipeline(
        "my-anytext-task",
        model=args.weights,
        use_fp16=True,
        use_translator=False,  # from Chinese; it would load 4 GB more
        font_path=os.path.join(args.weights, "Arial_Unicode.ttf"),
    )
    settings = {"image_count": 1, "ddim_steps": option(args, "ddim_steps", 20)}
    if "cfg_scale" in args.options:
        settings["cfg_scale"] = option(args, "cfg_scale", 9.0)

    def paint(request):
        if len(request.word) > LONGEST:
            raise Unsupported(f"AnyText writes at most {LONGEST} characters a line")
        if '"' in request.word:
            raise Unsupported("AnyText finds its words between quotation marks")
        folder = tempfile.mkdtemp()
        try:
            place = os.path.join(folder, "position.png")  # black where the word goes
            Image.fromarray(255 - request.open("mask")).convert("RGB").save(place)
            asked = {
                "prompt": request.prompt,
                "seed": request.seed,
                "draw_pos": place,
                "ori_image": request.path("image"),
            }
            images, code, warning, _ = pipe(asked, mode="text-editing", **settings)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if code < 0 or not images:
            raise RuntimeError(warning or f"AnyText returned the code {code}")
        return to_size(np.asarray(images[0], np.uint8), request)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
