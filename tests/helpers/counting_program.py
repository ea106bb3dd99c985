"""A task program that keeps its side of the contract, and fails on demand.

python counting_program.py FOLDER [--steps N] [--pause S] [--fault NAME [--once]]

It counts to N, a random walk of which every step depends on all before it, saves after each
step, and ends with DONE.json. Saved state is rounded nowhere: interrupted and not interrupted
runs must end equal bit for bit.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from slurm.lease import Lease
from slurm.stopping import StopFlag


def save(path: Path, values: object) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(values))
    os.replace(draft, path)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--fault", default="")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--wait-for", type=Path, help="goes on past step 3 when this is there")
    arguments = parser.parse_args()
    folder = arguments.folder
    if (folder / "DONE.json").exists():
        return 0
    if os.environ.get("RANK", "0") != "0":
        return other_rank(folder, arguments.fault)
    with StopFlag() as stop, Lease(folder) as lease:
        state_path = folder / "state.json"
        state = json.loads(state_path.read_text()) if state_path.exists() else {"step": 0, "x": 0.5}
        with open(folder / "starts", "a") as file:
            file.write(f"{os.getpid()} from {state['step']}\n")
        while state["step"] < arguments.steps:
            if stop() or not lease.confirm():
                return 1
            if arguments.fault and state["step"] >= 2:
                fired = folder / "fired"
                if not (arguments.once and fired.exists()):
                    fired.touch()
                    if code := fault(arguments.fault, folder):
                        return code
            if arguments.wait_for and state["step"] >= 3 and not arguments.wait_for.exists():
                time.sleep(0.2)
                continue
            # Deterministic chaos: one lost or doubled step changes every later digit.
            x = state["x"] + random.Random(state["step"]).random()
            state = {"step": state["step"] + 1, "x": 3.99 * (x % 1) * (1 - x % 1)}
            save(state_path, state)
            with open(folder / "log.jsonl", "a") as file:
                line = {"step": state["step"], "steps": arguments.steps, "loss": state["x"]}
                file.write(json.dumps({**line, "time": time.time()}) + "\n")
            time.sleep(arguments.pause)
        if not lease.confirm():
            return 1
        save(folder / "DONE.json", state)
    return 0


def other_rank(folder: Path, name: str) -> int:
    """A rank that does nothing but fail, if it is to, once the first one is at work."""
    with StopFlag() as stop:
        while not (folder / "DONE.json").exists() and not stop():
            time.sleep(0.05)
            if name == "rank" and (folder / "fired").exists():
                raise ValueError("bad luck on another node")
    return 0


def fault(name: str, folder: Path) -> int:
    if name == "exception":
        print("Traceback (most recent call last): ValueError: bad luck", file=sys.stderr)
        save(
            folder / "FAILED.json",
            {"error": "ValueError", "message": "bad luck", "traceback": "Traceback ..."},
        )
        return 1
    if name == "misuse":
        save(folder / "FAILED.json", {"error": "ValueError", "message": "no such", "final": True})
        return 2
    if name == "full-disk":
        (folder / "big").write_bytes(bytes(1 << 24))
    if name == "rank":  # waits for the other, as collective operations do
        with StopFlag() as stop:
            while not stop():
                time.sleep(0.05)
        return 1
    if name == "exit":
        return 3
    if name == "silent":
        os._exit(0)
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "kill-all":  # the watching process too: the whole step is gone
        os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "memory":
        hog = []
        while True:
            hog.append(bytearray(os.urandom(1 << 20) * 16))
            time.sleep(0.05)
    if name == "hang":
        time.sleep(600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
