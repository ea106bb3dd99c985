"""The runner's side of the contract (see baselines/exchange.py), for any Python from 3.7 on.

Needs the standard library, numpy and Pillow only; it is imported by the runner beside it, never by
the harness. A runner defines `load(args)`, which returns `paint(requests, answer)`; `paint` calls
`answer(request, image)` or `answer(request, error)` once for every request, with the seconds it
took where several were painted in one go.
"""

import argparse
import json
import os
import resource
import runpy
import sys
import time
import traceback

import numpy as np
from PIL import Image


class Unsupported(Exception):
    """The system cannot do this request; the message says why."""


class Request:
    """One line of the manifest, its images opened on demand."""

    def __init__(self, values, folder):
        self.values, self.folder = values, folder
        self.id, self.word, self.source_word = values["id"], values["word"], values["source_word"]
        self.prompt, self.seed = values["prompt"], int(values["seed"])
        self.quad = np.array(values["quad"], np.float32)
        self.box = values["box"]

    def path(self, what):
        """The file of `image`, `mask` or `glyph`."""
        return os.path.join(self.folder, self.values[what])

    def open(self, what):
        """(H, W, 3) uint8 of `image`; (H, W) uint8 of `mask` or `glyph`."""
        with Image.open(self.path(what)) as opened:
            return np.array(opened.convert("RGB" if what == "image" else "L"))


def arguments():
    """What `baselines.process` tells a runner, parsed; `options` is a dict of strings."""
    parser = argparse.ArgumentParser()
    for name in ("manifest", "out", "weights", "checkout"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE")
    args = parser.parse_args()
    args.options = dict(text.split("=", 1) for text in args.option)
    return args


def enter(checkout):
    """Make the authors' checkout the working folder and the first place of imports."""
    os.chdir(checkout)
    sys.path.insert(0, checkout)


def option(args, name, default):
    """The value of an option, of its default's type; the default where it was not set."""
    text = args.options.get(name)
    if text is None:
        return default
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        return type(default)(text)
    except (KeyError, ValueError):
        sys.exit(f"the option {name} must be {type(default).__name__}, not '{text}'")


def run_script(script, *command):
    """Run a script of the checkout as `python SCRIPT COMMAND...` would, in this process."""
    before, sys.argv = sys.argv, [script, *command]
    try:
        return runpy.run_path(script, run_name="__main__")
    finally:
        sys.argv = before


def one_by_one(paint_one):
    """`paint(requests, answer)` from a function of one request that returns its image."""

    def paint(requests, answer):
        for request in requests:
            try:
                result = paint_one(request)
            except Exception as error:
                result = error
            answer(request, result)

    return paint


def to_size(image, request):
    """(h, w, 3) uint8 resized to the size of the request's image."""
    with Image.open(request.path("image")) as opened:
        size = opened.size
    return np.array(Image.fromarray(image).resize(size, Image.BICUBIC))


def serve(load):
    """Run a runner: load once, paint everything, write each answer as soon as it is there."""
    args = arguments()
    with open(args.manifest) as file:
        folder = os.path.dirname(os.path.abspath(args.manifest))
        requests = [Request(json.loads(line), folder) for line in file if line.strip()]
    out = os.path.abspath(args.out)
    written = {"count": 0, "since": 0.0}

    def answer(request, result, seconds=None):
        if seconds is None:
            seconds = time.time() - written["since"]
        line = {"id": request.id, "seconds": seconds, "peak_memory_mib": memory()}
        if isinstance(result, Unsupported):
            line.update(status="unsupported", reason=str(result))
        elif isinstance(result, BaseException):
            reason = "".join(traceback.format_exception_only(type(result), result)).strip()
            line.update(status="error", reason=reason)
        else:
            name = "{:06d}.png".format(written["count"])
            Image.fromarray(np.asarray(result, np.uint8)).convert("RGB").save(
                os.path.join(out, name)
            )
            line.update(status="ok", image=name)
        with open(os.path.join(out, "answers.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\n")
        written["count"] += 1
        written["since"] = time.time()

    paint = load(args)
    written["since"] = time.time()
    paint(requests, answer)


def memory():
    """Peak memory in MiB: of the GPU where torch has one, else of this process or, if one of them
    needed more, of its children."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(user).ru_maxrss for user in users) / 2**10
