"""MOSTEL (arXiv 2212.01982): the authors' predict.py on straightened 64 x 256 crops of the words.

Weights: `mostel.pth`. Option: slm=false leaves out the authors' post-processing. predict.py paints
all crops in one go; each comes back through its quad, which is our part.
"""

import os
import shutil
import subprocess
import sys
import tempfile

import cv2
import numpy as np
from contract import enter, serve
from PIL import Image

HEIGHT, WIDTH = 64, 256
CORNERS = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float32)


def load(args):
    enter(args.checkout)

    def paint(requests, answer):
        folder = tempfile.mkdtemp()
        try:
            crops, made = os.path.join(folder, "data", "i_s"), os.path.join(folder, "made")
            os.makedirs(crops)
            with open(os.path.join(folder, "data", "i_t.txt"), "w") as targets:
                for number, request in enumerate(requests):
                    name = f"{number:06d}.png"
                    straight = cv2.getPerspectiveTransform(request.quad, CORNERS)
                    crop = cv2.warpPerspective(
                        request.open("image"),
                        straight,
                        (WIDTH, HEIGHT),
                        flags=cv2.INTER_CUBIC,
                        borderMode=cv2.BORDER_REPLICATE,
                    )
                    Image.fromarray(crop).save(os.path.join(crops, name))
                    targets.write(f"{name} {request.word}\n")
            command = [sys.executable, "predict.py", "--config", "configs/mostel-train.py"]
            command += ["--input_dir", crops, "--save_dir", made]
            command += ["--checkpoint", os.path.join(args.weights, "mostel.pth")]
            if args.options.get("slm", "true").lower() != "false":
                command.append("--slm")
            subprocess.run(command, check=True)
            for number, request in enumerate(requests):
                try:
                    with Image.open(os.path.join(made, f"{number:06d}.png")) as opened:
                        result = paste_back(request, np.array(opened.convert("RGB")))
                except Exception as error:
                    result = error
                answer(request, result)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return paint


def paste_back(request, crop):
    """The painted crop back in its quad of the whole picture."""
    image = request.open("image")
    size = (image.shape[1], image.shape[0])
    back = cv2.getPerspectiveTransform(CORNERS, request.quad)
    crop = cv2.resize(crop, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpPerspective(
        crop, back, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpPerspective(np.ones((HEIGHT, WIDTH), np.float32), back, size)[..., None]
    return (image + alpha * (moved.astype(np.float32) - image)).round().clip(0, 255)


if __name__ == "__main__":
    serve(load)
