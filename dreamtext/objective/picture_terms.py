"""Other papers' terms, of frozen networks that look at the predicted picture; none by default.

The reader is UDiffText's (arXiv 2312.04884, scene text recognition loss), the segmenter
TextDiffuser's (arXiv 2305.10855, character-aware loss).
"""

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from dreamtext.configs.sections import ObjectiveConfig
from dreamtext.data.sample import Batch
from dreamtext.errors import UserError
from dreamtext.networks.glyph_encoder import ConvGlyphEncoder
from dreamtext.networks.model import DreamText
from dreamtext.networks.segmentation import Segmenter
from dreamtext.objective import losses
from dreamtext.objective.masks import ground_truth_masks


def wanted(objective: ObjectiveConfig) -> bool:
    """Whether a configuration asks for any of these terms."""
    return bool(objective.recogniser_weight or objective.character_weight)


def picture_terms(model: DreamText, batch: Batch, latents: Tensor) -> dict[str, Tensor]:
    """The weighted terms that the configuration asks for, by name.

    Args:
        latents: predicted clean latents (B, C, h, w).
    """
    objective = model.config.objective
    terms = {}
    if objective.recogniser_weight:
        terms["recogniser"] = objective.recogniser_weight * recogniser(model, batch, latents)
    if objective.character_weight:
        assert model.segmenter is not None
        loss = character_aware(model.segmenter, batch, latents)
        terms["character"] = objective.character_weight * loss
    return terms


def recogniser(model: DreamText, batch: Batch, latents: Tensor) -> Tensor:
    """Cross-entropy of what the frozen reader reads in the predicted region.

    Raises:
        UserError: the model's image encoder does not read.
    """
    reader = model.glyph_encoder
    if not isinstance(reader, ConvGlyphEncoder):
        raise UserError(
            "objective.recogniser_weight needs an image encoder that reads: "
            f"model.glyph.kind=conv, but it is {model.config.model.glyph.kind}"
        )
    glyph = model.config.model.glyph
    red, green, blue = model.decode(latents.float()).unbind(1)
    grey = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
    crops = roi_align(grey, boxes(batch.region), (glyph.height, glyph.width), aligned=True)
    return losses.classification(reader.read(crops), batch.tokens, batch.tokens != 0)


def boxes(region: Tensor) -> Tensor:
    """(B, 5): number in the batch and x0, y0, x1, y1 of each (B, 1, H, W) region's box."""
    ends = [torch.arange(len(region), device=region.device)]
    for axis in (3, 2):
        present = region.amax(dim=5 - axis).squeeze(1) > 0.5  # (B, pixels) along this axis
        place = torch.arange(region.shape[axis], device=region.device)
        low = torch.where(present, place, region.shape[axis]).amin(dim=1)
        ends += [low, torch.where(present, place, -1).amax(dim=1) + 1]
    number, x0, x1, y0, y1 = ends
    return torch.stack([number, x0, y0, x1, y1], dim=1).to(region.dtype)


def character_aware(segmenter: Segmenter, batch: Batch, latents: Tensor) -> Tensor:
    """Cross-entropy of the frozen segmenter's classes at every cell of the predicted latents
    against the real segmentation, over the samples that have one."""
    size = (latents.shape[-2], latents.shape[-1])
    classes = cell_classes(batch.characters, batch.tokens, size)
    cells = functional.cross_entropy(segmenter(latents.float()), classes, reduction="none")
    each = cells.mean(dim=(-2, -1))[:, None]
    return losses.mean_over_words(each, batch.has_characters[:, None])


def cell_classes(characters: Tensor, tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) int64: the character id of every latent cell, 0 for background.

    Args:
        characters: (B, H, W) uint8, k at pixels of the k-th character.   tokens: (B, L) ids.
    """
    masks = ground_truth_masks(characters, tokens.shape[1], size)
    return (masks * tokens[:, :, None, None]).amax(dim=1)
