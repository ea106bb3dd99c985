"""What a large run needs: memory for time, half precision, several processes, plans, inventory."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.noise_words import batch_of, build
from helpers.paths import ROOT
from torch.utils.flop_counter import FlopCounterMode
from typer.testing import CliRunner

from dreamtext.configs.presets import configured, preset
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError
from dreamtext.networks.latent_cache import LatentCache
from dreamtext.networks.model import DreamText
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.training import memory
from dreamtext.training.batches import draw_step
from dreamtext.training.loop import accelerate
from dreamtext.weights import inventory

SMOKE = override(preset("smoke"), ["training.batch_size=4"])


def gradients(model) -> dict[str, torch.Tensor]:
    step = TrainingStep(model.train())
    step(batch_of(), draw_step(SMOKE, 0), weights_at(SMOKE, 0))["total"].backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


def test_gradient_checkpointing_changes_no_gradient():
    """Also through the recorded attention, which is computed twice."""
    expected = gradients(build(SMOKE))
    model = build(SMOKE)
    model.unet.enable_gradient_checkpointing()
    found = gradients(model)
    assert found.keys() == expected.keys()
    assert any(".attn2.to_k." in name for name in found)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7, msg=name)


def test_losses_stay_in_full_precision_under_autocast():
    plain = TrainingStep(build(SMOKE))(batch_of(), draw_step(SMOKE, 0), weights_at(SMOKE, 0))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = TrainingStep(build(SMOKE))(batch_of(), draw_step(SMOKE, 0), weights_at(SMOKE, 0))
    for name, value in mixed.items():
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(plain[name].item(), rel=0.1), name


def test_a_precision_the_device_lacks_is_refused(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this device computes in fp16")
    with pytest.raises(UserError, match="mixed_precision=fp16"):
        accelerate(override(SMOKE, ["training.mixed_precision=fp16"]), tmp_path)


def test_latents_are_encoded_once_and_kept(tmp_path):
    model, images, asked = build(SMOKE), batch_of().image, []

    def encode(some):
        asked.append(len(some))
        return model.encode(some)

    first = LatentCache(tmp_path, model.autoencoder).encode(images[:2], encode)
    cache = LatentCache(tmp_path, model.autoencoder)
    again = cache.encode(images, encode)
    assert asked == [2, 2]  # the second time, only the two that were not kept
    torch.testing.assert_close(again, model.encode(images), rtol=0, atol=1e-6)
    assert torch.equal(again[:2], first)
    damaged = next(tmp_path.rglob("*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:20])
    assert torch.equal(cache.encode(images, encode), again)
    assert asked == [2, 2, 1]
    model.latent_cache = cache
    assert torch.equal(model.condition(batch_of()).latents, again)


# --- memory -------------------------------------------------------------------------------------


def peak_bytes(config: Config) -> int:
    """What a process grows by at most while it takes a step, as the system counts it."""
    pages, page = Path("/proc/self/statm"), os.sysconf("SC_PAGE_SIZE")

    def resident() -> int:
        return int(pages.read_text().split()[1]) * page

    before, peak, done = resident(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], resident())

    watcher = threading.Thread(target=watch)
    watcher.start()
    step = memory.Step(DreamText(config))
    step.optimise_without_gradient()
    step(config.training.batch_size)
    done.set()
    watcher.join()
    return peak[0] - before


PLAIN = ("training.mixed_precision=no", "training.self_attention=mixed")
SIZES = {
    "tiny": PLAIN,
    "larger": (*PLAIN, "data.width=128", "data.height=64", "training.batch_size=16"),
}
CHECKPOINTED = "training.gradient_checkpointing=true"
SIZES |= {f"{name}, checkpointed": (*texts, CHECKPOINTED) for name, texts in SIZES.items()}


def measured(name: str, answers: Any) -> None:
    torch.set_num_threads(1)
    peak_bytes(override(SMOKE, [*PLAIN, "training.batch_size=2"]))  # libraries load
    answers.put(peak_bytes(override(preset("tiny"), SIZES[name])))


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_the_plan_is_within_15_percent_of_a_measured_peak(name: str, monkeypatch) -> None:
    # What is given back goes back to the system, so that what is resident is what is alive.
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "65536")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "0")
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=measured, args=(name, answers))
    process.start()
    planned = memory.plan(override(preset("tiny"), SIZES[name]))
    assert planned.total == pytest.approx(answers.get(), rel=0.15)
    process.join()


def test_checkpointing_and_a_shared_batch_need_less() -> None:
    plain = override(SMOKE, ["training.mixed_precision=no", "training.batch_size=64"])
    whole = memory.plan(plain)
    spared = memory.plan(override(plain, ["training.gradient_checkpointing=true"]))
    assert whole.weights == sum(whole.parameters.values()) * 4 + buffers(plain)
    assert spared.activations < whole.activations
    assert spared.operations > whole.operations, "what is spared is computed twice"
    # With a batch this small the optimisers' step is the peak: nothing else is left by then.
    least = memory.plan(override(plain, ["training.batch_size=1", CHECKPOINTED]))
    assert least.total == pytest.approx(least.optimising, rel=0.02)
    shared = memory.plan(plain, processes=2)
    assert shared.activations < 0.6 * whole.activations
    assert shared.operations == pytest.approx(whole.operations / 2, rel=0.1)


def buffers(config: Config) -> int:
    return sum(b.numel() * b.element_size() for b in DreamText(config).buffers())


def test_operations_are_counted() -> None:
    layer = torch.nn.Linear(8, 4, bias=False)
    with FlopCounterMode(display=False) as counted:
        layer(torch.ones(3, 8)).sum().backward()
    # Forward, and the weight's gradient; of the input none is asked for.
    assert counted.get_total_flops() == 2 * 2 * 3 * 8 * 4
    config = override(SMOKE, ["training.optimizer=adamw", "training.batch_size=2"])
    step = memory.Step(DreamText(config))
    with FlopCounterMode(display=False) as counted:
        step(2)
    assert memory.plan(config).operations == counted.get_total_flops()
    hours = memory.gpu_hours(override(SMOKE, ["training.steps=1000"]), 100, 0.5)
    one = memory.plan(override(SMOKE, ["training.steps=1000"])).operations
    assert hours == pytest.approx(one * 1000 / 50e12 / 3600)


def test_the_command_tells_memory_operations_and_hours() -> None:
    from benchmarks.cli import app

    done = CliRunner().invoke(app, ["plan-memory", "--preset", "smoke", "--tflops", "0.001"])
    assert done.exit_code == 0, done.output
    config = preset("smoke")
    text = f" in {config.training.steps:,} steps "
    line = next(x for x in done.output.splitlines() if text in x)
    hours = memory.gpu_hours(config, 0.001, 1.0)
    assert line.endswith(f" steps on each process: {hours:.3g} hours")
    assert "optimizer" in done.output


@pytest.mark.slow
def test_full_size_is_planned_without_allocating_it() -> None:
    planned = memory.plan(configured("paper", "released", ["training.batch_size=1"]))
    assert planned.parameters["unet"] == pytest.approx(891e6, rel=0.01)
    assert planned.trained < 0.2 * sum(planned.parameters.values())
    assert planned.total > planned.weights > 4e9


# --- inventory ----------------------------------------------------------------------------------


def test_doctor_names_what_is_absent_wrong_and_found(tmp_path):
    (tmp_path / "alexnet-owt-7be5be79.pth").write_bytes(b"not AlexNet")
    (tmp_path / "inception-2015-12-05.pt").write_bytes(b"anything")
    (tmp_path / "synthtext").mkdir()
    own = tmp_path / "unet"
    own.mkdir()
    config = override(preset("paper"), [f"model.unet.weights={own}"])
    found = {f.asset.name: f for f in inventory.look(config, tmp_path)}
    assert found["AlexNet"].status == "wrong hash"
    assert found["Inception-v3 (2015-12-05)"].status == "found"
    assert len(found["Inception-v3 (2015-12-05)"].sha256) == 64
    assert found["SynthText"].status == "not prepared"
    assert found["Stable Diffusion 2.0 inpainting, U-Net"].looked == own
    assert found["ViTSTR base"].status == "missing"
    assert all(f.asset.blocks and f.asset.source for f in found.values())


def test_doctor_prints_every_asset(tmp_path, monkeypatch):
    from benchmarks.cli import app

    monkeypatch.setenv("COLUMNS", "300")
    result = CliRunner().invoke(app, ["doctor", "--files", str(tmp_path), "--no-hashes"])
    assert result.exit_code == 0, result.output
    assert all(asset.name in result.output for asset in inventory.ASSETS)
    assert f"{len(inventory.ASSETS)} of {len(inventory.ASSETS)} are not there" in result.output


def test_doctor_refuses_a_folder_that_is_none_and_lists_nothing_where_nothing_is_needed(tmp_path):
    from benchmarks.cli import app

    command = ["doctor", "--files", str(tmp_path / "nowhere")]
    with pytest.raises(UserError, match="nowhere is no folder"):
        CliRunner().invoke(app, command, catch_exceptions=False, standalone_mode=False)
    said = CliRunner().invoke(app, ["doctor", "--preset", "smoke"]).output
    assert "needs no files but those that come along" in said
    assert "mostel" not in said


# --- several processes --------------------------------------------------------------------------

_RUN = """
    import sys
    from pathlib import Path
    import torch
    torch.set_num_threads(1)
    from dreamtext.data import open_dataset
    from dreamtext.errors import Interrupted
    from dreamtext.configs.presets import configured, preset
    from dreamtext.configs.schema import override
    from dreamtext.training.loop import train

    folder, stop_after = Path(sys.argv[1]), int(sys.argv[2])
    config = override(preset("smoke"), [
        "training.steps=4", "training.batch_size=4", "training.log_every=1",
        "training.checkpoint_every=2", "training.validate_every=100", "data.train_size=32",
        "data.min_word_length=3", "data.max_word_length=3", "model.glyph.pretrain_steps=2",
        "objective.supervision.mode=full",
    ])
    data = open_dataset(config.data, "train")
    asked = [0]
    def stop():
        asked[0] += 1
        return asked[0] == stop_after
    try:
        train(config, folder, data, data, should_stop=stop)
    except Interrupted:
        print("interrupted")
"""


def run(folder: Path, processes: int, stop_after: int = 0) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    code = textwrap.dedent(_RUN)
    started = []
    for rank in range(processes):
        place = (
            {}
            if processes == 1
            else {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(processes),
                "LOCAL_WORLD_SIZE": str(processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            }
        )
        # Only the first process is asked to stop: the others must agree.
        arguments = [sys.executable, "-c", code, str(folder), str(stop_after if rank == 0 else 0)]
        environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"} | place
        started.append(
            subprocess.Popen(
                arguments, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
            )
        )
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-3000:]


def logged(folder: Path) -> list[dict]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "total" in line]


def test_two_processes_train_what_one_does_with_twice_the_batch(tmp_path):
    from safetensors.torch import load_file

    run(tmp_path / "one", 1)
    run(tmp_path / "two", 2)
    one, two = logged(tmp_path / "one"), logged(tmp_path / "two")
    assert [line["step"] for line in two] == [1, 2, 3, 4]  # the first process alone writes
    for mine, other in zip(one, two, strict=True):
        for term in ("total", "denoising", "attention", "supervision", "identity"):
            assert other[term] == pytest.approx(mine[term], rel=2e-3, abs=2e-6), (term, mine)
    run(tmp_path / "stopped", 2, stop_after=3)
    assert [line["step"] for line in logged(tmp_path / "stopped")] == [1, 2, 3]
    run(tmp_path / "stopped", 2)
    whole = load_file(tmp_path / "two" / "model" / "model.safetensors")
    resumed = load_file(tmp_path / "stopped" / "model" / "model.safetensors")
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


_LAUNCHERS = {
    "torchrun": ("torch.distributed.run", "--nproc-per-node", "2", "--master-port"),
    "accelerate": (
        "accelerate.commands.launch",
        *("--multi_gpu", "--num_processes", "2", "--num_machines", "1"),
        *("--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", _LAUNCHERS)
def test_the_train_command_is_started_twice_by(launcher, tmp_path):
    """Without a GPU the two processes join by Gloo; one of them holds and ends the run."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", *_LAUNCHERS[launcher], port, "-m", "benchmarks.cli", "train"]
    settings = ["training.steps=3", "training.batch_size=4", "training.mixed_precision=no"]
    settings += ["training.log_every=1", "model.glyph.pretrain_steps=2", "data.train_size=64"]
    runs = tmp_path / "runs"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("SLURM_")}
    environment |= {"OMP_NUM_THREADS": "1", "DREAMTEXT_CACHE": str(tmp_path / "cache")}
    environment |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--preset", "smoke", "--runs", str(runs), *settings],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (folder,) = runs.iterdir()
    assert done.stdout.split() == [str(folder)]
    assert (folder / "DONE.json").exists()
    assert [line["step"] for line in logged(folder)] == [1, 2, 3]
