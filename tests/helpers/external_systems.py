"""A request, and a runner that errs on demand."""

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baselines.declaration import Declaration
from baselines.process import External, ProcessSettings
from baselines.request import Request
from baselines.system import Capabilities, ask


def request(number=0, word="WORD"):
    """A request of 64 x 96 pixels; its seed is 100 and its number."""
    rng = np.random.default_rng(number)
    image = rng.integers(60, 200, (64, 96, 3), np.uint8)
    region = np.zeros((64, 96), bool)
    region[16:48, 8:88] = True
    quad = np.array([[12, 20], [84, 20], [84, 44], [12, 44]], np.float32)
    return Request(
        id=f"sample/{number} ü",  # never used as a file's name
        image=image,
        region=region,
        quad=quad,
        source_word="OLD",
        word=word,
        seed=100 + number,
    )


@dataclass(frozen=True, kw_only=True)
class OwnRunner(Declaration):
    file: Path

    @property
    def runner(self):
        return self.file


def run(tmp_path, body, count=3, **settings):
    """Ask a runner that answers by the contract, but for what `body` does with line and number."""
    file = tmp_path / "runner.py"
    file.write_text(
        textwrap.dedent(
            """
            import argparse, json, os, signal, sys, time
            from PIL import Image
            p = argparse.ArgumentParser()
            for n in ("manifest", "out", "weights", "checkout", "seed"):
                p.add_argument("--" + n)
            p.add_argument("--option", action="append", default=[])
            a = p.parse_args()
            def write(text):
                with open(os.path.join(a.out, "answers.jsonl"), "a") as f:
                    f.write(text + "\\n")
            print("starting", a.option)
            for number, text in enumerate(open(a.manifest)):
                asked = json.loads(text)
                source = os.path.join(os.path.dirname(a.manifest), asked["image"])
                line = {"id": asked["id"], "status": "ok", "image": "%d.png" % number,
                        "seconds": 0.25, "peak_memory_mib": 12, "meta": {"seed": asked["seed"]}}
                Image.eval(Image.open(source), lambda v: 255 - v).save(
                    os.path.join(a.out, line["image"]))
            """
        )
        + textwrap.indent(textwrap.dedent(body), "    ")
        + "\n    write(json.dumps(line))\n"
    )
    declaration = OwnRunner(
        name="own", summary="", capabilities=Capabilities(), repository="", python="", file=file
    )
    paths = {"checkout": str(tmp_path), "weights": str(tmp_path), "python": sys.executable}
    system = External(declaration, ProcessSettings(**paths, **settings))
    return ask(system, [request(i) for i in range(count)])
