"""Feeds the annotation parsers damaged files: they may refuse or count them, never crash.

    PYTHONPATH=. python -m tests.helpers.fuzz_data --cases 10000 --seed 0

Each case takes small sets written in each layout, damages one file (bytes flipped, cut out,
repeated or replaced, numbers and text swapped for awkward ones) and prepares the set. Anything
but a report or a `UserError` is a failure; so is a report that does not account for every word.
"""

import argparse
import collections
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from dreamtext.data.annotation import Mark
from dreamtext.data.prepare import prepare
from dreamtext.data.writers import WRITERS, Scene, write
from dreamtext.errors import UserError

_AWKWARD = [
    b"nan", b"-inf", b"1e309", b"-1", b"999999999999999999999", b"", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\0", b'"', b",", b"{", b"]", b"null", b"[[[[[[[[", b"\n", b"\r", b"../../../etc/passwd",
    b"#", "\u0661\u0662".encode(), "\u2028".encode(), b"\x80", b"0x10", b"true", b"9" * 400,
]  # fmt: skip


def scenes() -> list[Scene]:
    """Two small pictures with two words each."""
    out = []
    for k in range(2):
        image = np.full((96, 128, 3), 90 + k, np.uint8)
        marks, characters = [], []
        for row, word in enumerate(("Abba", "o1")):
            x, y, w, h = 8, 6 + 44 * row, 24 * len(word), 36
            quad = np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]], np.float32)
            known = np.zeros((96, 128), np.uint8)
            for i in range(len(word)):
                known[y + 4 : y + h - 4, x + 24 * i + 4 : x + 24 * i + 20] = i + 1
            marks.append(Mark(word, quad))
            characters.append(known)
        out.append(Scene("train", image, tuple(marks), tuple(characters)))
    return out


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """The same bytes with one to four things wrong."""
    buffer = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(len(buffer) + 1))
        length = int(rng.integers(1, 40))
        kind = int(rng.integers(7))
        if kind == 0 and buffer:
            buffer[min(at, len(buffer) - 1)] = int(rng.integers(256))
        elif kind == 1:
            del buffer[at : at + length]
        elif kind == 2:
            buffer[at:at] = buffer[at : at + length]
        elif kind == 3:
            buffer[at : at + length] = rng.bytes(length)
        elif kind == 4:
            buffer[at : at + int(rng.integers(4))] = _AWKWARD[int(rng.integers(len(_AWKWARD)))]
        elif kind == 5:
            del buffer[at:]
        elif buffer:  # tags and headers are at the start
            buffer[int(rng.integers(min(200, len(buffer))))] = int(rng.integers(256))
    return bytes(buffer)


def run(cases: int, seed: int) -> Counter[str]:
    """How the cases ended, by layout; raises on the first one that crashed."""
    ends: Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        roots = {name: Path(folder) / name for name in WRITERS}
        for name, root in roots.items():
            write(name, root, scenes())
        targets = [
            (name, path)
            for name, root in roots.items()
            for path in sorted(p for p in root.rglob("*") if p.is_file())
            if path.name != "caption.txt" and "maskeff" not in path.name
        ]
        for case in range(cases):
            rng = np.random.default_rng([seed, case])
            name, path = targets[int(rng.integers(len(targets)))]
            ends[f"{name}: {_one(name, roots[name], path, rng, (seed, case))}"] += 1
    return ends


def _one(name: str, root: Path, path: Path, rng: np.random.Generator, case: tuple[int, int]) -> str:
    original = path.read_bytes()
    index = root.parent / "index"
    path.write_bytes(damage(original, rng))
    try:
        report = prepare(name, root, index, min_region=0.0005, progress=False)
    except UserError:
        return "refused"
    except BaseException as error:
        error.add_note(f"case {case}: {name}, {path.name}")
        raise
    finally:
        path.write_bytes(original)
        shutil.rmtree(index, ignore_errors=True)
    lost = sum(report["dropped_words"].values())
    if report["words"] + lost != report["seen"]["words"]:
        raise AssertionError(f"case {case}: words do not add up in {report}")
    return "indexed, something dropped" if lost or report["dropped_images"] else "indexed whole"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.process_time()
    ends = run(options.cases, options.seed)
    for end, count in sorted(ends.items()):
        print(f"{count:7d}  {end}")
    print(f"{options.cases} cases, none crashed; {time.process_time() - start:.0f} CPU seconds")


if __name__ == "__main__":
    main()
