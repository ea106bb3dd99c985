"""MOSTEL (arXiv 2212.01982): the authors' predict.py on straightened 64 x 256 crops of the words.

Weights: `mostel.pth` and the font it draws words in, `arial.ttf`. Option: slm=false leaves out the
authors' post-processing. predict.py paints all crops in one go; each comes back through its quad,
which is our part.
"""

import importlib
import os
import shutil
import tempfile
import time

import numpy as np
from contract import Unsupported, enter, option, run_script, serve
from PIL import Image
from straight import pasted_back, straightened

HEIGHT, WIDTH = 64, 256
CONFIG = "configs/mostel-train.py"


def load(args):
    enter(args.checkout)
    font = os.path.join(args.weights, "arial.ttf")
    writer = importlib.import_module("standard_text").Std_Text(font)
    slm = ["--slm"] if option(args, "slm", True) else []

    def paint(requests, answer):
        fitting = []
        for request in requests:
            needed = drawn_width(writer, request.word)
            if needed <= writer.max_width:
                fitting.append(request)
            else:
                reason = f"MOSTEL draws words up to {writer.max_width} px wide, this is {needed}"
                answer(request, Unsupported(reason))
        if fitting:
            paint_together(fitting, answer)

    def paint_together(requests, answer):
        folder = tempfile.mkdtemp()
        began = time.time()
        try:
            crops, results = os.path.join(folder, "data", "i_s"), os.path.join(folder, "results")
            os.makedirs(crops)
            with open(os.path.join(folder, "data", "i_t.txt"), "w") as targets:
                for number, request in enumerate(requests):
                    name = f"{number:06d}.png"
                    crop = straightened(request, WIDTH, HEIGHT)
                    Image.fromarray(crop).save(os.path.join(crops, name))
                    targets.write(f"{name} {request.word}\n")
            config = os.path.join(folder, "config.py")  # theirs, but for where the font lies
            with open(config, "w") as file:
                file.write(f"_base_ = [{os.path.abspath(CONFIG)!r}]\nfont_path = {font!r}\n")
            command = ["--config", config, "--input_dir", crops, "--save_dir", results]
            command += ["--checkpoint", os.path.join(args.weights, "mostel.pth")]
            run_script("predict.py", *command, *slm)
            seconds = (time.time() - began) / len(requests)
            for number, request in enumerate(requests):
                try:
                    with Image.open(os.path.join(results, f"{number:06d}.png")) as opened:
                        result = pasted_back(request, np.array(opened.convert("RGB")))
                except Exception as error:
                    result = error
                answer(request, result, seconds)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return paint


def drawn_width(writer, word):
    """Where standard_text.py's last letter ends, in pixels; it cuts off what is further right."""
    return writer.border_width + sum(writer.font.getsize(letter)[0] for letter in word)


if __name__ == "__main__":
    serve(load)
