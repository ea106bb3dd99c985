"""What a run shows of itself while it trains: where it attends, and a small sheet of its words."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from dreamtext import devices
from dreamtext.configs.sections import MaskConfig
from dreamtext.data.sample import Batch, Dataset, Sample
from dreamtext.files import VALIDATION
from dreamtext.networks.attention import Maps
from dreamtext.networks.model import DreamText
from dreamtext.objective import losses, masks
from dreamtext.sampling.solve import attention_at, composite, noise_for, repaint
from dreamtext.training.batches import collator

SAMPLES = 64
SHOWN = 8
CHUNK = 8  # samples at a time: at 512 x 512 all at once would not fit a large GPU
NOISE_LEVEL = 0.6

# (painted pictures (N, H, W, 3) uint8, their samples) -> scores by name
Read = Callable[[np.ndarray, Sequence[Sample]], dict[str, float]]


@torch.no_grad()
def validate(
    model: DreamText, held_out: Dataset, folder: Path, step: int, read: Read | None = None
) -> dict[str, Any]:
    """How attention lies on held-out samples, how repainted words are read, and a sheet of some.

    Args:
        read: scores the repainted `training.validate_words`; without it only a few are painted.

    Returns, where samples have character masks (else None):
        validation_miou: of the latent character masks.
        layers: of each attention layer alone, its masks' mIoU and the share of a character's
            attention `inside` its true mask. A_bar's threshold ignores scale, so one layer that
            remembers the characters hides that the others forgot them; these do not.
        inside: the same share of A_bar.   retrieval: the share of words whose own crop's embedding
            is the nearest; None where beta is 0, since nothing aligns them.
        validation_<score>: what `read` gives, over `validation_words` words.
    """
    model.eval()
    config, device = model.config, devices.of(model)
    samples = [held_out[i] for i in range(min(SAMPLES, len(held_out)))]
    noise = noise_for(config, range(len(samples)))
    scores: dict[str, list[Tensor]] = defaultdict(list)
    words, crops = [], []
    for start in range(0, len(samples), CHUNK):
        host = collator(config)(samples[start : start + CHUNK])
        maps = attention_at(model, host, noise[start : start + CHUNK], NOISE_LEVEL)
        batch = host.to(device)
        for name, values in attention_scores(maps, batch, config.masks).items():
            scores[name].append(values)
        if config.objective.beta:
            text = model.text_encoder(batch.tokens)[:, : config.data.max_length]
            words.append(model.heads.embed_text(text))
            crops.append(model.heads.embed_visual(model.glyph_encoder(batch.crop)))
    count = min(len(held_out), config.training.validate_words if read else SHOWN)
    samples, raw = [held_out[i] for i in range(count)], []
    noise = noise_for(config, range(count))
    for start in range(0, count, CHUNK):
        host = collator(config)(samples[start : start + CHUNK])
        painted = repaint(model, host, noise[start : start + CHUNK], config.sampling)
        raw.append(devices.fetched(painted))
    few = collator(config)(samples[:SHOWN]).to("cpu")
    painted = composite(torch.cat(raw)[:SHOWN], few)
    path = folder / VALIDATION / f"step-{step:08d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.cat([few.image, few.masked_image, painted]).unflatten(0, (3, -1))
    cv2.imwrite(str(path), _sheet(rows)[..., ::-1])
    means = {name: _mean(torch.cat(values)) for name, values in scores.items()}
    retrieval = _mean(losses.retrieval(torch.cat(words), torch.cat(crops))) if words else None
    layers = [name.removeprefix("miou/") for name in means if name.startswith("miou/")]
    pictures = _pixels(torch.cat(raw).permute(0, 2, 3, 1))
    readings = read(pictures, samples) if read else {}
    return {
        "step": step,
        "validation_miou": means["miou"],
        "inside": means["inside"],
        "layers": {
            name: {"miou": means[f"miou/{name}"], "inside": means[f"inside/{name}"]}
            for name in layers
        },
        "retrieval": retrieval,
        "noise_level": NOISE_LEVEL,
        **{f"validation_{name}": round(value, 5) for name, value in readings.items()},
        **({"validation_words": count} if read else {}),
    }


def attention_scores(maps: Maps, batch: Batch, config: MaskConfig) -> dict[str, Tensor]:
    """Each character's `miou` and share `inside` its true mask, (B, L) NaN where there is no
    truth; of A_bar, and of every large layer alone as `miou/<layer>` and `inside/<layer>`."""
    size = (config.height, config.width)
    truth = masks.ground_truth_masks(batch.characters, batch.tokens.shape[1], size)
    known = (batch.tokens != 0) & batch.has_characters[:, None]
    scores = {}
    layers = masks.large_layers(maps, config)
    for name, chosen in [("", layers), *((f"/{n}", {n: m}) for n, m in layers.items())]:
        average = masks.average_attention(chosen, config)
        predicted = masks.latent_character_masks(average, batch.tokens, config)
        rows = masks.word_rows(average, batch.tokens)
        for kind, values in (
            ("miou", masks.intersection_over_union(predicted, truth)),
            ("inside", masks.share_inside(rows, truth)),
        ):
            scores[f"{kind}{name}"] = torch.where(known, values, torch.nan)
    return scores


def _mean(values: Tensor) -> float | None:
    """The mean of what is a number; None if nothing is."""
    mean = devices.fetched(values.nanmean()).item()
    return None if np.isnan(mean) else round(mean, 5)


def _sheet(rows: Tensor) -> np.ndarray:
    """(R, N, 3, H, W) in [-1, 1] -> one (R H, N W, 3) uint8 picture."""
    return _pixels(rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1))


def _pixels(pictures: Tensor) -> np.ndarray:
    """[-1, 1] -> uint8."""
    return ((pictures.cpu().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
