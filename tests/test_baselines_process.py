"""External systems through the real process path: stand-in checkouts, and every fault."""

import json
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from baselines.doctor import examine, examine_all
from baselines.external import DECLARATIONS
from baselines.process import Declaration, External, ProcessSettings, write_requests
from baselines.system import Capabilities, Request, ask
from dreamtext.errors import RunError, UserError

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


# --- faults of a runner -------------------------------------------------------------------------


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


def test_answers_come_with_pictures_seconds_and_findings(tmp_path):
    answers = run(tmp_path, "pass")
    assert [a.status for a in answers] == ["ok"] * 3
    for number, answer in enumerate(answers):
        assert (answer.image == 255 - request(number).image).all()
        assert answer.seconds == 0.25
        assert answer.meta == {"peak_memory_mib": 12, "meta": {"seed": 100 + number}}


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("if number == 1: sys.exit('out of luck')", "exit code 1"),
        ("if number == 1: os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
        ("if number == 1: continue", "without an answer"),
        ("if number == 1: write('{not json'); continue", "1 of its lines were no answers"),
        ("if number == 1: write('[1]'); continue", "1 of its lines were no answers"),
        ("if number == 1: line['status'] = 'fine'", "unknown status 'fine'"),
        ("if number == 1: line['image'] = '../in/000001-image.png'", "outside"),
        ("if number == 1: line['image'] = '/etc/hostname'", "outside"),
        ("if number == 1: os.symlink('/etc', a.out + '/l'); line['image'] = 'l/x'", "outside"),
        ("if number == 1: line['image'] = 'nothing.png'", "cannot be read"),
        ("if number == 1: open(a.out + '/1.png', 'w').write('x')", "cannot be read"),
        ("if number == 1: line['image'] = None", "names no image"),
        ("if number == 1: Image.new('RGB', (5, 5)).save(a.out + '/1.png')", "was expected"),
        ("if number == 1: write(json.dumps(line))", "more than one answer"),
        ("if number == 1: line.update(status='error', reason='no luck')", "no luck"),
        ("if number == 1: line.update(seconds='soon')", "1 of its lines were no answers"),
    ],
)
def test_each_fault_is_named_on_its_sample_and_the_rest_is_kept(tmp_path, fault, reason):
    answers = run(tmp_path, fault)
    assert [a.status for a in answers[:2]] == ["ok", "error"]
    assert reason in answers[1].reason
    assert (answers[1].image == request(1).masked_image).all()
    dies = "exit code" in reason or "signal" in reason
    assert answers[2].status == ("error" if dies else "ok")


def test_what_a_dying_runner_said_last_is_told(tmp_path):
    assert "out of luck" in run(tmp_path, "if number == 1: sys.exit('out of luck')")[1].reason


def test_a_hanging_runner_is_ended_with_all_it_started(tmp_path):
    mark = tmp_path / "child"
    child = f"import time; time.sleep(8); open({str(mark)!r}, 'w')"
    body = f"""
    if number == 1:
        import subprocess
        subprocess.Popen([sys.executable, "-c", {child!r}])
        time.sleep(600)
    """
    answers = run(tmp_path, body, patience_s=4)
    assert [a.status for a in answers] == ["ok", "error", "error"]
    assert "hung: no answer for 4 s" in answers[2].reason
    import time

    time.sleep(6)
    assert not mark.exists()


def test_a_runner_without_any_answer_is_an_error_of_the_system(tmp_path):
    with pytest.raises(RunError, match=r"(?s)no answer at all.*ModuleNotFoundError"):
        run(tmp_path, "import not_installed_anywhere")


def test_an_unknown_id_is_an_error_of_the_system(tmp_path):
    with pytest.raises(RunError, match="not asked for"):
        run(tmp_path, "line['id'] = 'another'")


def test_unsupported_is_told_from_error(tmp_path):
    answers = run(tmp_path, "if number == 1: line.update(status='unsupported', reason='too long')")
    assert [a.status for a in answers] == ["ok", "unsupported", "ok"]


def test_options_and_settings_decide_identity_but_paths_do_not():
    plain = External(BY_NAME["mostel"], ProcessSettings())
    moved = External(BY_NAME["mostel"], ProcessSettings(checkout="elsewhere", patience_s=5))
    other = External(BY_NAME["mostel"], ProcessSettings(options=("slm=false",)))
    assert plain.identity() == moved.identity() != other.identity()


def test_the_manifest_holds_the_contract(tmp_path):
    write_requests([request()], tmp_path)
    line = json.loads((tmp_path / "requests.jsonl").read_text())
    assert set(line) == {
        *("id", "image", "mask", "glyph", "quad", "box"),
        *("source_word", "word", "prompt", "seed"),
    }
    assert line["box"] == [8, 16, 88, 48]
    from PIL import Image

    assert (np.array(Image.open(tmp_path / line["mask"])) == request().region * 255).all()
    glyph = np.array(Image.open(tmp_path / line["glyph"]))
    assert glyph.min() < 64
    assert (glyph[~request().region] == 255).all()


# --- the authors' entry points, by stand-ins ----------------------------------------------------

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


@pytest.mark.parametrize("name", sorted(STAND_INS))
def test_every_runner_drives_its_authors_entry_point(tmp_path, name):
    options = ("noise_iters=10",) if name.endswith("-original") else ()
    system = stand_in(tmp_path, name, options=options)
    batch = [request(0), request(1, word="OTHER")]
    answers = ask(system, batch)
    assert [(a.status, a.reason) for a in answers] == [("ok", "")] * 2
    for answer, asked in zip(answers, batch, strict=True):
        x0, y0, x1, y1 = 20, 26, 76, 38  # well inside the quad
        red, green, _ = answer.image[y0:y1, x0:x1].reshape(-1, 3).mean(axis=0)
        assert red == pytest.approx(100 if name == "mostel" else asked.seed, abs=3)
        assert green < 3
        assert answer.meta["peak_memory_mib"] > 1


@pytest.mark.parametrize("name", ["mostel", "anytext"])
def test_a_word_the_authors_code_fails_at_is_an_error_on_its_sample(tmp_path, name):
    answers = ask(stand_in(tmp_path, name), [request(0), request(1, word="LOST")])
    assert [a.status for a in answers] == ["ok", "error"]
    assert answers[1].reason


def test_mostel_leaves_everything_outside_the_quad_as_it_was(tmp_path):
    (answer,) = ask(stand_in(tmp_path, "mostel"), [request(0)])
    given, made = request(0).image.astype(int), answer.image.astype(int)
    assert np.abs(made - given)[:12].mean() < 12  # what resizing there and back costs
    assert np.abs(made - given)[24:40, 20:76].mean() > 40


def test_too_long_a_word_never_starts_a_process(tmp_path):
    system = External(BY_NAME["diffste"], ProcessSettings(checkout=str(tmp_path / "none")))
    (answer,) = ask(system, [request(0, word="A" * 21)])
    assert answer.status == "unsupported"


@pytest.mark.parametrize("lost", ["checkout", "weights", "python"])
def test_what_is_not_there_is_named(tmp_path, lost):
    system = stand_in(tmp_path, "mostel", **{lost: str(tmp_path / "nowhere")})
    with pytest.raises(RunError, match="nowhere"):
        ask(system, [request(0)])


# --- the doctor ---------------------------------------------------------------------------------


def test_the_doctor_knows_every_system_and_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    found = {d.name: d for d in examine_all()}
    assert {*BY_NAME, "truth", "typeset", "sd2-inpainting", "released", "udifftext"} <= set(found)
    assert found["typeset"].ready
    for name in (*BY_NAME, "sd2-inpainting"):
        assert not found[name].ready
        assert all(f.remedy for f in found[name].missing), name


def test_the_doctor_follows_an_installation_step_by_step(monkeypatch, tmp_path):
    home = tmp_path / "mostel"
    monkeypatch.setenv("DREAMTEXT_BASELINES", str(tmp_path))
    assert {f.what for f in examine("mostel").missing} == {"checkout", "weights", "environment"}
    stand_in(home, "mostel")
    assert {f.what for f in examine("mostel").missing} == {"environment"}
    found = examine("mostel", [f"python={sys.executable}"])
    (wrong,) = found.missing
    assert "instead of 3.7" in wrong.detail  # this environment is not the authors'
    assert "instead of 1.7.1" in wrong.detail


def test_the_doctor_checks_hashes_and_revisions(monkeypatch, tmp_path):
    from baselines import doctor

    system = stand_in(tmp_path, "mostel")
    weights = replace(system.capabilities.weights[0], sha256="0" * 64)
    system.capabilities = replace(system.capabilities, weights=(weights,))
    system.declaration = replace(system.declaration, revision="f" * 40)
    found = {f.what: f for f in doctor._needs(system)}
    assert "expected 000000000000" in found["weights"].detail
    assert not found["weights"].ok
    assert not found["revision"].ok
    assert "git checkout ffff" in found["revision"].remedy


def test_the_smoke_sample_finds_out_a_system_that_returns_its_input(tmp_path):
    from baselines.doctor import smoke_test

    assert smoke_test(stand_in(tmp_path, "mostel")).ok
    predict = tmp_path / "checkout" / "predict.py"
    copying = predict.read_text().replace(
        'Image.new("RGB", crop.size, (100, 0, 0)).save', "crop.save"
    )
    predict.write_text(copying)
    found = smoke_test(stand_in_again(tmp_path))
    assert not found.ok
    assert "as it was" in found.detail


def stand_in_again(tmp_path):
    paths = {what: str(tmp_path / what) for what in ("checkout", "weights")}
    return External(BY_NAME["mostel"], ProcessSettings(**paths, python=sys.executable))


def test_the_doctor_does_not_know_unknown_systems():
    with pytest.raises(UserError, match="nearest known one is 'mostel'"):
        examine("mostl")
