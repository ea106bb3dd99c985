"""The contract of files between the harness and a system in a process of its own.

A line of `requests.jsonl` has id, image, mask (255 = edit), glyph (the word typeset, black on
white), all paths relative to the file, and quad, box, source_word, word, prompt, seed. A line of
`answers.jsonl` has id, status (ok, unsupported, error), image (relative to its folder), reason,
seconds, peak_memory_mib and meta.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from baselines.request import PROMPT, Answer, Request
from dreamtext.data.embedded import typesetting


def write_requests(batch: Sequence[Request], folder: Path) -> None:
    """`requests.jsonl` and its images, numbered: no id is ever used as a file's name."""
    lines = []
    for number, request in enumerate(batch):
        names = {what: f"{number:06d}-{what}.png" for what in ("image", "mask", "glyph")}
        Image.fromarray(request.image).save(folder / names["image"])
        Image.fromarray(np.where(request.region, np.uint8(255), np.uint8(0))).save(
            folder / names["mask"]
        )
        Image.fromarray(glyph_image(request)).save(folder / names["glyph"])
        line = {
            "id": request.id,
            **names,
            "quad": [[round(float(v), 3) for v in corner] for corner in request.quad],
            "box": list(request.box),
            "source_word": request.source_word,
            "word": request.word,
            "prompt": PROMPT.replace("{word}", request.word),
            "seed": request.seed,
        }
        lines.append(json.dumps(line) + "\n")
    (folder / "requests.jsonl").write_text("".join(lines))


def glyph_image(request: Request) -> np.ndarray:
    """(H, W) uint8: the word typeset in its quad, black on white."""
    face = typesetting.best_fitting(request.word, request.quad)
    coverage = typesetting.typeset(
        request.word, request.quad, request.region.shape, face=face, stretch=1.35
    )
    return (255 * (1 - coverage.max(axis=0))).round().astype(np.uint8)


def read_answers(out: Path) -> tuple[list[Answer], int]:
    """Every answer of `answers.jsonl`, and how many lines were none.

    An answer off the contract, or with an image off it, is an error, named.
    """
    file = out / "answers.jsonl"
    if not file.is_file():
        return [], 0
    answers: list[Answer] = []
    unreadable = 0
    for line in file.read_text(errors="replace").splitlines():
        try:
            values = json.loads(line)
            id, status = values["id"], values["status"]
            seconds = float(values.get("seconds") or 0)
        except (ValueError, KeyError, TypeError):
            id = None
        if not isinstance(id, str):
            unreadable += 1  # its sample stays without an answer
            continue
        if status not in ("ok", "unsupported", "error"):
            reason = f"the runner gave the unknown status {status!r}"
            answers.append(Answer(id=id, status="error", reason=reason))
            continue
        image, reason = None, str(values.get("reason", ""))[:2000]
        if status == "ok":
            image, problem = _read_image(out, values.get("image"))
            if problem:
                status, reason = "error", problem
        answers.append(
            Answer(
                id=id,
                status=status,
                image=image,
                reason=reason or ("no reason given" if status != "ok" else ""),
                seconds=seconds,
                meta={k: values[k] for k in ("peak_memory_mib", "meta") if k in values},
            )
        )
    return answers, unreadable


def _read_image(out: Path, name: Any) -> tuple[np.ndarray | None, str]:
    if not isinstance(name, str) or not name:
        return None, "the answer names no image"
    path = (out / name).resolve()
    if not path.is_relative_to(out.resolve()):
        return None, f"the image '{name}' lies outside the runner's folder"
    try:
        with Image.open(path) as opened:
            return np.array(opened.convert("RGB")), ""
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        return None, f"the image '{name}' cannot be read ({type(error).__name__})"
