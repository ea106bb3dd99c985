"""What small networks learn before training starts; each is frozen or left as configured after.

At paper scale these networks come trained from elsewhere; the scale model has none, so its own
learn from the training set first. The steps they take stand in the configuration.
"""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from dreamtext import devices
from dreamtext.data.sample import Batch, Dataset
from dreamtext.networks.glyph_encoder import ConvGlyphEncoder
from dreamtext.networks.model import DreamText
from dreamtext.objective import losses
from dreamtext.objective.picture_terms import cell_classes
from dreamtext.training.batches import collator

_BATCH = 64


def pretrain(model: DreamText, dataset: Dataset) -> dict[str, float]:
    """All that a configuration asks for, in an order that never changes.

    Returns:
        How well the segmenter and the text encoder ended, for the log.
    """
    scores = {}
    if model.config.model.glyph.kind == "conv":
        pretrain_reader(model, dataset)
    if model.segmenter is not None:
        scores["pretrained_segmenter"] = round(pretrain_segmenter(model, dataset), 5)
    if model.config.model.text.pretrain_steps:
        scores["pretrained_text_encoder"] = round(pretrain_text_encoder(model, dataset), 5)
    return scores


def pretrain_reader(model: DreamText, dataset: Dataset) -> float:
    """Teach the small image encoder to read word crops, then freeze it.

    Returns:
        Its accuracy on the last batch, over characters.
    """
    reader = model.glyph_encoder
    assert isinstance(reader, ConvGlyphEncoder)

    def step() -> tuple[Tensor, Tensor]:
        batch = _draw(model, dataset)
        logits = reader.read(batch.crop)
        loss = functional.cross_entropy(logits.flatten(0, 1), batch.tokens.flatten())
        right = (logits.argmax(-1) == batch.tokens).float()
        return loss, losses.mean_over_characters(right, batch.tokens != 0)

    reader.requires_grad_(True).train()
    steps = model.config.model.glyph.pretrain_steps
    accuracy = _fit(reader.parameters(), step, steps, peak_lr=4e-3, seed=model.config.seed)
    reader.requires_grad_(False).eval()
    return accuracy


def pretrain_segmenter(model: DreamText, dataset: Dataset) -> float:
    """Teach the latent segmenter the characters of real images, then freeze it (TextDiffuser,
    arXiv 2305.10855).

    Returns:
        Its accuracy on the last batch, over the cells of characters.
    """
    segmenter, steps = model.segmenter, model.config.model.segmentation.pretrain_steps
    assert segmenter is not None

    def step() -> tuple[Tensor, Tensor]:
        batch = _draw(model, dataset)
        with torch.no_grad():
            latents = model.encode(batch.image)
        size = (latents.shape[-2], latents.shape[-1])
        classes = cell_classes(batch.characters, batch.tokens, size)
        logits = segmenter(latents)
        right = (logits.argmax(1) == classes).float()
        loss = functional.cross_entropy(logits, classes)
        return loss, losses.mean_over_characters(right, classes > 0)

    segmenter.requires_grad_(True)
    accuracy = _fit(segmenter.parameters(), step, steps, peak_lr=4e-3, seed=model.config.seed)
    segmenter.requires_grad_(False)
    return accuracy


def pretrain_text_encoder(model: DreamText, dataset: Dataset) -> float:
    """Teach the character encoder to match words with their crops, and to name its characters
    (UDiffText, arXiv 2312.04884, section 3.1: contrastive and classification losses).

    Returns:
        The share of words in the last batch whose own crop is the nearest.
    """
    encoder, heads = model.text_encoder, model.heads

    def step() -> tuple[Tensor, Tensor]:
        batch = _draw(model, dataset)
        characters = encoder(batch.tokens)[:, : batch.tokens.shape[1]]
        text = heads.embed_text(characters)
        with torch.no_grad():
            features = model.glyph_encoder(batch.crop)
        visual = heads.embed_visual(features)
        loss = losses.alignment_infonce(text, visual, heads.logit_scale)
        logits = heads.identity(characters)
        loss = loss + losses.classification(logits, batch.tokens, batch.tokens != 0)
        return loss, losses.retrieval(text, visual)

    trained = {p: p.requires_grad for p in encoder.parameters()}
    encoder.requires_grad_(True)
    steps = model.config.model.text.pretrain_steps
    parameters = [*encoder.parameters(), *heads.parameters()]
    share = _fit(parameters, step, steps, peak_lr=2e-3, seed=model.config.seed)
    for parameter, was_trained in trained.items():
        parameter.requires_grad_(was_trained)
    return share


def _fit(
    parameters: Iterable[nn.Parameter],
    step: Callable[[], tuple[Tensor, Tensor]],
    steps: int,
    *,
    peak_lr: float,
    seed: int,
) -> float:
    """AdamW under one cycle of the learning rate.

    Args:
        step: the loss and the score of a batch drawn at random.

    Returns:
        The last batch's score.
    """
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(parameters, lr=peak_lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_lr, max(steps, 2))
    score = torch.zeros(())
    for _ in range(steps):
        loss, score = step()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return devices.fetched(score).item()


def _draw(model: DreamText, dataset: Dataset) -> Batch:
    """A random batch of the training set, on the model's device."""
    chosen = torch.randint(len(dataset), (_BATCH,)).tolist()
    batch = collator(model.config)([dataset[i] for i in chosen])
    return batch.to(devices.of(model))
