"""What small networks learn before training starts; each is frozen or left as configured after.

At paper scale these networks come trained from elsewhere; the scale model has none, so its own
practise on the training set. The steps they take stand in the configuration.
"""

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from dreamtext.data.sample import Batch, collate
from dreamtext.networks import glyph_encoder
from dreamtext.networks.model import DreamText
from dreamtext.networks.segmentation import cell_classes
from dreamtext.objective import losses

if TYPE_CHECKING:
    from dreamtext.data.sample import Dataset

_BATCH = 64


def before_training(model: DreamText, dataset: "Dataset") -> dict[str, float]:
    """All the practice a configuration asks for, in an order that never changes.

    Returns:
        How well the segmenter and the text encoder ended, for the log.
    """
    learned = {}
    config = model.config
    if config.model.glyph.kind == "conv":
        glyph_encoder.practise_reading(
            model.glyph_encoder, dataset, config.model.glyph, config.seed
        )
    if model.segmenter is not None:
        learned["practice_segmenter"] = round(practise_segmenting(model, dataset), 5)
    if config.model.text.pretrain_steps:
        learned["practice_text_encoder"] = round(pretrain_text_encoder(model, dataset), 5)
    return learned


def practise_segmenting(model: DreamText, dataset: "Dataset") -> float:
    """Teach the latent segmenter the characters of real images, then freeze it.

    Returns:
        Its accuracy on the last batch, over the cells of characters.
    """
    segmenter, steps = model.segmenter, model.config.model.segmentation.pretrain_steps
    assert segmenter is not None
    torch.manual_seed(model.config.seed)
    segmenter.requires_grad_(True)
    optimizer = torch.optim.AdamW(segmenter.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, max(steps, 2))
    accuracy = 0.0
    for _ in range(steps):
        batch = _draw(model, dataset)
        with torch.no_grad():
            latents = model.encode(batch.image)
        size = latents.shape[-2:]
        wanted = cell_classes(batch.characters, batch.tokens, (size[0], size[1]))
        logits = segmenter(latents)
        loss = functional.cross_entropy(logits, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        accuracy = (logits.argmax(1) == wanted)[wanted > 0].float().mean().item()
    segmenter.requires_grad_(False)
    return accuracy


def pretrain_text_encoder(model: DreamText, dataset: "Dataset") -> float:
    """Teach the character encoder to match words with their crops, and to name its characters
    (UDiffText, arXiv 2312.04884, section 3.1: contrastive and classification losses).

    Returns:
        The share of words in the last batch whose own crop is the nearest.
    """
    encoder, heads = model.text_encoder, model.heads
    steps = model.config.model.text.pretrain_steps
    torch.manual_seed(model.config.seed)
    asked = {p: p.requires_grad for p in encoder.parameters()}
    encoder.requires_grad_(True)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, max(steps, 2))
    matched = 0.0
    for _ in range(steps):
        batch = _draw(model, dataset)
        characters = encoder(batch.tokens)[:, : batch.tokens.shape[1]]
        text = heads.embed_text(characters)
        with torch.no_grad():
            features = model.glyph_encoder(batch.crop)
        visual = heads.embed_visual(features)
        letters = batch.tokens != 0
        loss = losses.alignment_infonce(text, visual, heads.logit_scale)
        loss = loss + losses.classification(heads.identity(characters), batch.tokens, letters)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        similar = functional.normalize(text, dim=-1) @ functional.normalize(visual, dim=-1).T
        nearest = similar.argmax(1) == torch.arange(len(similar), device=similar.device)
        matched = nearest.float().mean().item()
    for parameter, trained in asked.items():
        parameter.requires_grad_(trained)
    return matched


def _draw(model: DreamText, dataset: "Dataset") -> Batch:
    """A random batch of the training set, on the model's device."""
    glyph = model.config.model.glyph
    chosen = torch.randint(len(dataset), (_BATCH,)).tolist()
    samples = [dataset[i] for i in chosen]
    batch = collate(
        samples,
        max_length=model.config.data.max_length,
        crop_size=(glyph.height, glyph.width),
    )
    return batch.to(next(model.parameters()).device)
