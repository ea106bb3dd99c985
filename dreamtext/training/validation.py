"""What a run shows of itself while it trains: the log, mIoU on held-out samples, a small sheet."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from dreamtext.data.sample import Batch, Dataset, collate
from dreamtext.files import VALIDATION
from dreamtext.networks.model import DreamText
from dreamtext.objective import masks
from dreamtext.sampling.solve import attention_at, composite, noise_for, repaint

SAMPLES = 64
SHOWN = 8
NOISE_LEVEL = 0.6


def validate(model: DreamText, held_out: Dataset, folder: Path, step: int) -> dict[str, Any]:
    """mIoU of latent character masks on held-out samples, and a sheet of repainted words."""
    model.eval()
    config = model.config
    samples = [held_out[i] for i in range(min(SAMPLES, len(held_out)))]
    crop = (config.model.glyph.height, config.model.glyph.width)
    batch = collate(samples, max_length=config.data.max_length, crop_size=crop)
    batch = batch.to(next(model.parameters()).device)
    noise = noise_for(config, range(len(samples)))
    maps = attention_at(model, batch, noise, NOISE_LEVEL)
    average = masks.average_attention(maps, config.masks)
    score = mask_score(average, batch, model) if batch.has_characters.any() else None
    few = Batch(**{name: value[:SHOWN] for name, value in vars(batch).items()})
    painted = composite(repaint(model, few, noise[:SHOWN], config.sampling), few)
    path = folder / VALIDATION / f"step-{step:08d}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = torch.cat([few.image, few.masked_image, painted]).unflatten(0, (3, -1))
    cv2.imwrite(str(path), _sheet(rows)[..., ::-1])
    return {"step": step, "validation_miou": score, "noise_level": NOISE_LEVEL}


def mask_score(average: Tensor, batch: Batch, model: DreamText) -> float:
    """Mean IoU over all characters with ground truth."""
    config = model.config.masks
    predicted = masks.latent_character_masks(average, batch.tokens, config)
    size = (config.height, config.width)
    truth = masks.ground_truth_masks(batch.characters, batch.tokens.shape[1], size)
    each = masks.intersection_over_union(predicted, truth)
    wanted = (batch.tokens != 0) & batch.has_characters[:, None]
    return round(each[wanted].nanmean().item(), 5)


def _sheet(rows: Tensor) -> np.ndarray:
    """(R, N, 3, H, W) in [-1, 1] -> one (R H, N W, 3) uint8 picture."""
    grid = rows.permute(0, 3, 1, 4, 2).flatten(2, 3).flatten(0, 1)
    return ((grid.cpu().numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
