"""A batch of noise in the shape of words, and a small model whose attention differs by place."""

import torch

from dreamtext.data.sample import Batch
from dreamtext.networks.attention import text_attention
from dreamtext.networks.model import DreamText
from dreamtext.training.loop import select_trainable


def batch_of(count: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(5)
    region = torch.zeros(count, 1, 32, 64)
    region[:, :, 8:24, 8:56] = 1
    characters = torch.zeros(count, 32, 64, dtype=torch.uint8)
    for place in range(3):
        characters[:, 10:22, 12 + 14 * place : 22 + 14 * place] = place + 1
    tokens = torch.zeros(count, 12, dtype=torch.long)
    tokens[:, :3] = torch.randint(37, 63, (count, 3), generator=generator)
    return Batch(
        image=torch.rand(count, 3, 32, 64, generator=generator) * 2 - 1,
        region=region,
        tokens=tokens,
        characters=characters,
        has_characters=torch.ones(count, dtype=torch.bool),
        crop=torch.rand(count, 1, 16, 48, generator=generator),
    )


def build(config) -> DreamText:
    torch.manual_seed(0)
    model = DreamText(config).eval()
    for module in text_attention(model.unet).values():  # a fresh one attends everywhere alike
        module.to_q.weight.data.mul_(30)
    select_trainable(model)
    return model
