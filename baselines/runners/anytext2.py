"""AnyText2 (arXiv 2411.15245): the authors' AnyText2Model in the mode edit, as demo.py calls it.

Weights: the folder of iic/cv_anytext2, and the font `Arial_Unicode.ttf`. Options: ddim_steps,
cfg_scale. Font and colour are left to the system, as with "No Font" and no colour in the demo.
"""

import os

import numpy as np
from contract import Unsupported, enter, one_by_one, option, serve, to_size

LINES = 5  # the demo's slots for lines of text; one is used
LONGEST = 20


def load(args):
    enter(args.checkout)
    from ms_wrapper import AnyText2Model

    model = AnyText2Model(
        model_dir=args.weights,
        use_fp16=True,
        use_translator=False,  # from Chinese; it would load 4 GB more
        font_path=os.path.join(args.weights, "Arial_Unicode.ttf"),
        model_path=os.path.join(args.weights, "anytext_v2.0.ckpt"),
    ).cuda(0)
    settings = {
        "mode": "edit",
        "image_count": 1,
        "ddim_steps": option(args, "ddim_steps", 20),
        "cfg_scale": option(args, "cfg_scale", 7.5),
        "font_hollow": True,
        "glyline_font_path": ["None"] * LINES,
        "font_hint_image": [None] * LINES,
        "font_hint_mask": [None] * LINES,
        "text_colors": " ".join(["500,500,500"] * LINES),  # its code for any colour
    }

    def paint(request):
        if len(request.word) > LONGEST:
            raise Unsupported(f"AnyText2 writes at most {LONGEST} characters a line")
        if '"' in request.word:
            raise Unsupported("AnyText2 finds its words between quotation marks")
        place = np.repeat(request.open("mask")[..., None], 3, axis=2)  # white where the word goes
        asked = {
            "img_prompt": "a sign",
            "text_prompt": f'that reads "{request.word}"',
            "seed": request.seed,
            "draw_pos": place,
            "ori_image": request.open("image"),
        }
        images, code, warning, _ = model(asked, **settings)
        if code < 0 or not images:
            raise RuntimeError(warning or f"AnyText2 returned the code {code}")
        return to_size(np.asarray(images[0], np.uint8), request)

    return one_by_one(paint)


if __name__ == "__main__":
    serve(load)
