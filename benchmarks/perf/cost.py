"""What a picture costs: seconds, peak memory, parameters and steps, by system and resolution.

    python -m benchmarks.perf.cost --out results/cost                 the systems that are ready
    python -m benchmarks.perf.cost typeset ours --sizes 32x64 64x128

Every measurement has a process of its own: it paints once to warm up, then several times, and
keeps the medians. CPU seconds are those of one thread and hardly depend on what else runs; wall
seconds do. `ours` is the tiny preset with fresh weights: what it costs does not depend on them.
"""

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from baselines.system import System

SIZES = ("32x64", "64x128", "128x256")
COLUMNS = (
    *("system", "height", "width", "seconds", "cpu_seconds", "peak_memory_mib"),
    *("parameters", "steps", "n", "device"),
)


def measure(name: str, height: int, width: int, repeats: int, settings: Sequence[str]) -> dict:
    """One system at one resolution, in this process; medians over single pictures."""
    from baselines.system import ask

    system = make(name, height, width, settings)
    wall, cpu, reported = [], [], []
    for number in range(repeats + 1):
        request = a_request(height, width, number)
        began, used = time.perf_counter(), time.process_time()
        (answer,) = ask(system, [request])
        if answer.status != "ok":
            raise SystemExit(f"{name} at {height} x {width}: {answer.status}, {answer.reason}")
        if number:  # the first one loads and warms up
            wall.append(time.perf_counter() - began)
            cpu.append(time.process_time() - used)
            reported.append(answer.meta.get("peak_memory_mib"))
    return {
        "system": name,
        "height": height,
        "width": width,
        "seconds": statistics.median(wall),
        "cpu_seconds": statistics.median(cpu),
        "peak_memory_mib": reported[-1] or peak_memory(),
        "parameters": parameters(system),
        "steps": getattr(system.settings, "steps", None),
        "n": repeats,
        "device": device(),
    }


def make(name: str, height: int, width: int, settings: Sequence[str]) -> "System":
    """A system by name; `ours` with fresh weights at that resolution."""
    from baselines.catalogue import configured

    if name != "ours":
        return configured(name, settings)
    import torch

    from baselines.ours import OurModel
    from dreamtext.configs.presets import preset
    from dreamtext.configs.schema import override
    from dreamtext.networks.model import DreamText

    size = (f"data.height={height}", f"data.width={width}")
    torch.manual_seed(0)
    system = OurModel(Path("fresh"))
    system.model = DreamText(override(preset("tiny"), [*size, *settings])).eval()
    return system


def a_request(height: int, width: int, number: int) -> Any:
    """A word on noise, its region two thirds of the picture each way."""
    from baselines.request import Request

    top, left = height // 6, width // 6
    region = np.zeros((height, width), bool)
    region[top : height - top, left : width - left] = True
    right, bottom = width - left, height - top
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    pixels = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    return Request(
        id=str(number),
        image=pixels,
        region=region,
        quad=np.array(corners, np.float32),
        source_word="HELLO",
        word="WORLD",
        seed=number,
    )


def parameters(system: Any) -> int | None:
    """Parameters of all networks a picture passes through; None where they are not known."""
    from baselines.ours import OurModel
    from baselines.process import External
    from baselines.sd_inpainting import DiffusionInpainting

    if isinstance(system, External):
        return None
    parts: list[Any] = []
    if isinstance(system, OurModel):
        parts = [system.model.unet, system.model.text_encoder, system.model.autoencoder]
    elif isinstance(system, DiffusionInpainting):
        parts = [system.pipeline.unet, system.pipeline.text_encoder, system.pipeline.vae]
    return sum(p.numel() for part in parts for p in part.parameters())


def peak_memory() -> float:
    """MiB: of the GPU where there is one, else of this process."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def device() -> str:
    """The device's name as it is printed beside every figure."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"{model}, 1 thread"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("systems", nargs="*", help="default: ours and all that are ready")
    parser.add_argument("--sizes", nargs="+", default=list(SIZES), metavar="HxW")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, help="folder for cost.csv and cost.md")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        height, width = map(int, args.sizes[0].split("x"))
        print(json.dumps(measure(args.systems[0], height, width, args.repeats, args.set)))
        return
    from baselines.doctor import examine_all

    # "truth" paints nothing: it has no cost.
    ready = [d.name for d in examine_all() if d.ready and d.name != "truth"]
    names = args.systems or ["ours", *ready]
    rows = []
    for name in names:
        for size in args.sizes:
            command = [sys.executable, "-m", "benchmarks.perf.cost", name, "--one"]
            command += ["--sizes", size, "--repeats", str(args.repeats)]
            command += [part for text in args.set for part in ("--set", text)]
            answer = subprocess.run(command, capture_output=True, text=True, env=one_thread())
            if answer.returncode:
                print(f"{name} at {size}: {answer.stderr.strip().splitlines()[-1:]}")
                continue
            rows.append(json.loads(answer.stdout.splitlines()[-1]))
            print(line(rows[-1], rows), flush=True)
    if args.out and rows:
        write(rows, args.out)


def one_thread() -> dict[str, str]:
    import os

    return {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def line(row: dict, rows: Sequence[dict]) -> str:
    """One measurement and its cost relative to the system's smallest resolution."""
    first = next(r for r in rows if r["system"] == row["system"])
    ratio = row["cpu_seconds"] / max(first["cpu_seconds"], 1e-6)
    return (
        f"{row['system']:16} {row['height']:>4} x {row['width']:<4} "
        f"{row['cpu_seconds']:.4f} CPU s ({ratio:.1f} x its smallest), "
        f"{row['peak_memory_mib']:.0f} MiB"
    )


def write(rows: Sequence[dict], folder: Path) -> None:
    """`cost.csv` and `cost.md`."""
    import pandas as pd

    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)[list(COLUMNS)]
    table.to_csv(folder / "cost.csv", index=False, float_format="%.5g")
    heads = ["system", "size", "CPU s", "wall s", "peak MiB", "parameters", "steps"]
    cells = [
        [
            r["system"],
            f"{r['height']} x {r['width']}",
            f"{r['cpu_seconds']:.4f}",
            f"{r['seconds']:.4f}",
            f"{r['peak_memory_mib']:.0f}",
            "" if r["parameters"] is None else f"{r['parameters']:,}",
            "" if r["steps"] is None else str(r["steps"]),
        ]
        for r in rows
    ]
    text = "\n".join("| " + " | ".join(c) + " |" for c in [heads, ["---"] * len(heads), *cells])
    devices = ", ".join(sorted({r["device"] for r in rows}))
    (folder / "cost.md").write_text(
        f"# Cost of one picture\n\n{text}\n\nMedians of {rows[0]['n']} pictures, one at a time, "
        f"warm. Device: {devices}. Peak memory is the whole process's on a CPU, the "
        "tensors' on a GPU. CPU seconds are the steadier figure where other work runs beside.\n"
    )


if __name__ == "__main__":
    main()
