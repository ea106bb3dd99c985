"""A runner that errs on demand, and stand-ins of the authors' checkouts, for tests."""

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from baselines.external import DECLARATIONS
from baselines.process import Declaration, External, ProcessSettings
from baselines.request import Request
from baselines.system import Capabilities, ask

BY_NAME = {d.name: d for d in DECLARATIONS}


def request(number=0, word="WORD"):
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


STAND_INS = {
    "textdiffuser": {
        "inference.py": """
            import argparse, os
            from PIL import Image
            p = argparse.ArgumentParser()
            for n in ("mode", "prompt", "original_image", "text_mask", "output_dir", "seed",
                      "vis_num", "pretrained_model_name_or_path", "resume_from_checkpoint",
                      "character_segmenter_path", "sample_steps"):
                p.add_argument("--" + n)
            a = p.parse_args()
            assert a.mode == "text-inpainting" and a.vis_num == "1"
            assert os.path.exists(a.character_segmenter_path)
            mask = Image.open(a.text_mask)
            assert sorted(v for _, v in mask.getcolors()) == [0, 200, 255]
            sub = "%s_[TEXT-INPAINTING]_[SEED-%s]" % (a.prompt, a.seed)
            os.makedirs(os.path.join(a.output_dir, sub))
            Image.new("RGB", (512, 512), (int(a.seed), 0, 0)).save(
                os.path.join(a.output_dir, sub, "0.jpg"), quality=100)
            os.symlink(os.path.abspath(os.path.join(a.output_dir, sub)),
                       os.path.join(a.output_dir, "latest"))
            """,
        "util.py": "",
        "model/text_segmenter/unet.py": "",
    },
    "mostel": {
        "predict.py": """
            import argparse, os
            from PIL import Image
            p = argparse.ArgumentParser()
            for n in ("config", "input_dir", "save_dir", "checkpoint"):
                p.add_argument("--" + n)
            p.add_argument("--slm", action="store_true")
            a = p.parse_args()
            assert a.slm and os.path.exists(a.config) and os.path.exists(a.checkpoint)
            os.makedirs(a.save_dir)
            for line in open(os.path.join(a.input_dir, "../i_t.txt")):
                name, word = line.strip().split()
                crop = Image.open(os.path.join(a.input_dir, name))
                assert crop.size == (256, 64)
                if word != "LOST":
                    Image.new("RGB", crop.size, (100, 0, 0)).save(os.path.join(a.save_dir, name))
            """,
        "configs/mostel-train.py": "",
        "standard_text.py": "",
    },
    "anytext": {
        "modelscope/__init__.py": "",
        "modelscope/pipelines.py": """
            import os
            import numpy as np
            from PIL import Image
            def pipeline(task, model):
                assert task == "my-anytext-task" and os.path.isdir(model)
                def run(asked, mode, image_count, ddim_steps):
                    assert mode == "text-editing" and image_count == 1
                    place = np.array(Image.open(asked["draw_pos"]))
                    assert place.min() == 0 and place.max() == 255
                    if "LOST" in asked["prompt"]:
                        return [], -1, "the word does not fit", None
                    shape = np.array(Image.open(asked["ori_image"])).shape
                    made = np.zeros(shape, np.uint8)
                    made[..., 0] = asked["seed"]
                    return [made], 0, "", None
                return run
            """,
        "inference.py": "",
        "cldm/cldm.py": "",
    },
    "diffste": {
        "generate.py": "",
        "src/__init__.py": "",
        "src/dataset/__init__.py": """
            def prepare_style_chars(char, style):
                assert style == ["", ""]
                return char
            """,
        "src/dataset/utils.py": """
            import numpy as np
            def prepare_npy_image_mask(image, mask):
                assert image.size == mask.size == (256, 256)
                raw = np.array(image, np.float32).transpose(2, 0, 1) / 127.5 - 1
                hole = np.array(mask.convert("L"), np.float32)[None] / 255
                return raw, hole, raw * (hole < 0.5), np.zeros(4, np.int16)
            """,
        "src/trainers/__init__.py": """
            import torch
            class CharInpaintTrainer(torch.nn.Module):
                @classmethod
                def load_from_checkpoint(cls, path):
                    open(path).close()
                    return cls()
                def log_images(self, batch, settings):
                    assert batch["image"].shape == (1, 3, 256, 256)
                    made = torch.zeros(1, 3, 256, 256)
                    made[:, 0] = settings["generator"].initial_seed() / 255
                    return {batch["chars"][0]: made}
            """,
    },
}
_LATENT = {
    "configs/demo.yaml": """
        type: demo
        load_ckpt_path: ./checkpoints/none.ckpt
        H: 512
        W: 512
        seq_len: 12
        batch_size: 1
        scale: [4.0, 0.0]
        steps: 50
        noise_iters: 0
        aae_enabled: false
        detailed: true
        gpu: 3
        """,
    "pytorch_lightning.py": """
        seeds = []
        seed_everything = seeds.append
        """,
    "util.py": """
        import os
        def init_model(cfgs):
            assert os.path.exists(cfgs.load_ckpt_path)
            return "model"
        def init_sampling(cfgs):
            return "sampler"
        """,
}
_PREDICT = """
    import torch
    from pytorch_lightning import seeds
    def predict(cfgs, model, sampler, batch):
        assert (model, sampler, cfgs.noise_iters) == ("model", "sampler", 10)
        assert batch["mask"].shape == (1, 1, 512, 512) and batch["mask"].max() == 1
        assert (batch["masked"] * batch["mask"]).abs().max() == 0
        assert batch["seg_mask"].sum() == len(batch["label"][0])
        made = torch.zeros(1, 3, 512, 512)
        made[:, 0] = seeds[-1] / 255
        return made, None
    """
STAND_INS["udifftext-original"] = {**_LATENT, "test.py": _PREDICT}
STAND_INS["dreamtext-original"] = {**_LATENT, "run_gradio.py": _PREDICT}


def stand_in(tmp_path, name, **settings):
    """A system of that name with a checkout and weights of the right shape, in this environment."""
    for file, text in STAND_INS[name].items():
        path = tmp_path / "checkout" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    for weights in BY_NAME[name].capabilities.weights:
        path = tmp_path / "weights" / weights.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    paths = {what: str(tmp_path / what) for what in ("checkout", "weights")}
    settings = {**paths, "python": sys.executable, "patience_s": 300.0, **settings}
    return External(BY_NAME[name], ProcessSettings(**settings))
