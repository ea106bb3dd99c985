"""Loss terms of networks that look at the predicted picture: a reader, a segmenter."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import roi_align

from dreamtext.data.sample import Batch
from dreamtext.errors import UserError
from dreamtext.networks.glyph_encoder import ConvGlyphEncoder
from dreamtext.networks.model import DreamText
from dreamtext.networks.segmentation import Segmenter, cell_classes
from dreamtext.objective import losses


def judged_terms(model: DreamText, batch: Batch, clean: Callable[[], Tensor]) -> dict[str, Tensor]:
    """The weighted terms that the configuration asks for; none by default.

    Args:
        clean: gives the predicted clean latents (B, C, h, w); called only when needed.
    """
    objective = model.config.objective
    found = {}
    if objective.recogniser_weight:
        found["recogniser"] = objective.recogniser_weight * recogniser(model, batch, clean())
    if objective.character_weight:
        assert model.segmenter is not None
        loss = character_aware(model.segmenter, batch, clean())
        found["character"] = objective.character_weight * loss
    return found


def recogniser(model: DreamText, batch: Batch, latents: Tensor) -> Tensor:
    """Cross-entropy of what the frozen reader reads in the predicted region (UDiffText, arXiv
    2312.04884, the scene text recognition loss)."""
    reader = model.glyph_encoder
    if not isinstance(reader, ConvGlyphEncoder):
        raise UserError(
            "objective.recogniser_weight needs an image encoder that reads: "
            f"model.glyph.kind=conv, but it is {model.config.model.glyph.kind}"
        )
    glyph = model.config.model.glyph
    red, green, blue = model.decode(latents.float()).unbind(1)
    grey = (0.299 * red + 0.587 * green + 0.114 * blue)[:, None]
    crops = roi_align(grey, _boxes(batch.region), (glyph.height, glyph.width), aligned=True)
    return losses.classification(reader.read(crops), batch.tokens, batch.tokens != 0)


def _boxes(region: Tensor) -> Tensor:
    """(B, 5): number in the batch and x0, y0, x1, y1 of each (B, 1, H, W) region's box."""
    rows = []
    for number, mask in enumerate(region[:, 0] > 0.5):
        ys, xs = mask.nonzero(as_tuple=True)
        rows.append([number, xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return torch.tensor(rows, dtype=region.dtype, device=region.device)


def character_aware(segmenter: Segmenter, batch: Batch, latents: Tensor) -> Tensor:
    """Cross-entropy of the frozen segmenter's classes at every cell of the predicted latents
    against the real segmentation (TextDiffuser, the character-aware loss).

    Raises:
        UserError: no sample of the batch has character masks.
    """
    known = batch.has_characters
    if not known.any():
        raise UserError(
            "objective.character_weight needs character masks, but the data set has none for "
            "these samples; set it to 0 or use another data set"
        )
    size = latents.shape[-2:]
    wanted = cell_classes(batch.characters[known], batch.tokens[known], (size[0], size[1]))
    return functional.cross_entropy(segmenter(latents[known].float()), wanted)
