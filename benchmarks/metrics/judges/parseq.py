"""PARSeq, the reader of the papers' SeqAcc, from a local checkpoint (Bautista & Atienza 2022).

A ViT encodes the crop; a decoder asks one query a position, character after character, and then
once more with every other character as context. Sizes are read off the weights, so the base and
the tiny model both load. Parameters keep their published names.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.metrics.judges.judge import normalise
from dreamtext import devices
from dreamtext.charset import CHARACTERS
from dreamtext.errors import UserError
from dreamtext.files import file_hash

END, START = 0, len(CHARACTERS) + 1  # ids of characters lie between; the last one pads
HEIGHT, WIDTH, PATCH = 32, 128, (4, 8)


class DecoderLayer(nn.Module):
    """Pre-norm attention of position queries to the characters so far and to the image."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.cross_attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.linear1, self.linear2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_q, self.norm_c = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(
        self, query: Tensor, content: Tensor, image: Tensor, mask: Tensor, padding: Tensor | None
    ) -> Tensor:
        """(B, Q, D) from queries (B, Q, D), characters (B, C, D), image (B, P, D); mask (Q, C)."""
        context = self.norm_c(content)
        seen, _ = self.self_attn(
            self.norm_q(query), context, context, key_padding_mask=padding, attn_mask=mask
        )
        query = query + seen
        query = query + self.cross_attn(self.norm1(query), image, image)[0]
        return query + self.linear2(functional.gelu(self.linear1(self.norm2(query))))


class Decoder(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([DecoderLayer(width, heads)])
        self.norm = nn.LayerNorm(width)


class TokenEmbedding(nn.Module):
    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.embedding.embedding_dim**0.5 * self.embedding(tokens)


class PARSeq(nn.Module):
    """The network; `forward` reads autoregressively and refines once, as published."""

    def __init__(self, width: int, depth: int, positions: int) -> None:
        super().__init__()
        self.encoder = VisionTransformer(
            img_size=(HEIGHT, WIDTH),
            patch_size=PATCH,
            embed_dim=width,
            depth=depth,
            num_heads=width // 64,
            num_classes=0,
            global_pool="",
            class_token=False,
        )
        self.decoder = Decoder(width, width // 32)
        self.head = nn.Linear(width, len(CHARACTERS) + 1)
        self.text_embed = TokenEmbedding(len(CHARACTERS) + 3, width)
        self.pos_queries = nn.Parameter(torch.zeros(1, positions, width))

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, positions, 95) of images (B, 3, 32, 128) in -1..1; class 0 ends the word."""
        memory = self.encoder.forward_features(images)
        batch, positions = len(images), self.pos_queries.shape[1]
        tokens = torch.full((batch, 1), START, device=images.device)
        later = torch.ones(positions, positions, dtype=torch.bool, device=images.device).triu(1)
        logits = []
        for i in range(positions):
            step = self._decode(tokens, memory, slice(i, i + 1), later[i : i + 1, : i + 1])
            logits.append(step)
            tokens = torch.cat([tokens, step.argmax(-1)], 1)
            if devices.fetched((tokens == END).any(1).all()):
                break
        # Refinement: every position sees all other characters up to the first end.
        length = len(logits)
        tokens = tokens[:, :length]
        itself = later & ~later.triu(2)  # position i predicts what stands at i + 1
        padding = (tokens == END).cumsum(1) > 0
        return self._decode(tokens, memory, slice(None), itself[:, :length], padding)

    def _decode(
        self,
        tokens: Tensor,
        memory: Tensor,
        asked: slice,
        mask: Tensor,
        padding: Tensor | None = None,
    ) -> Tensor:
        embedded = self.text_embed(tokens)
        placed = embedded[:, 1:] + self.pos_queries[:, : tokens.shape[1] - 1]
        content = torch.cat([embedded[:, :1], placed], 1)
        queries = self.pos_queries[:, asked].expand(len(tokens), -1, -1)
        (layer,) = self.decoder.layers
        return self.head(self.decoder.norm(layer(queries, content, memory, mask, padding)))


def load(weights: Mapping[str, Tensor]) -> PARSeq:
    """The network of a state dict, whose sizes tell its own."""
    weights = {name.removeprefix("model."): value for name, value in weights.items()}
    depth = len({n.split(".")[2] for n in weights if n.startswith("encoder.blocks.")})
    _, positions, width = weights["pos_queries"].shape
    network = PARSeq(width, depth, positions)
    network.load_state_dict(weights)
    return network.eval().requires_grad_(False)


class PARSeqJudge:
    """A judge from a local file: the published state dict, or a training checkpoint's."""

    version = 1

    def __init__(self, file: Path) -> None:
        digest = file_hash(file)
        self.backbone = f"PARSeq {digest[:8]}"
        self.key = hashlib.sha256(f"{self.version} parseq {digest}".encode()).hexdigest()[:16]
        try:
            values = torch.load(file, weights_only=True, map_location="cpu")
            self.network = load(values.get("state_dict", values)).to(devices.device())
        except torch.OutOfMemoryError:
            raise
        except (
            RuntimeError,
            UnpicklingError,
            EOFError,
            KeyError,
            ValueError,
            AttributeError,
        ) as error:
            raise UserError(
                f"'{file}' is not a PARSeq checkpoint with the 94 characters: {error}; expected "
                "is a file of plain tensors as PARSeq's authors publish it"
            ) from error

    def read(self, crops: Sequence[np.ndarray]) -> list[str]:
        from PIL import Image

        readings = []
        for start in range(0, len(crops), 32):
            resized = [
                np.asarray(Image.fromarray(crop).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
                for crop in crops[start : start + 32]
            ]
            images = torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2) / 127.5 - 1
            with torch.inference_mode():
                seen = self.network(images.to(devices.of(self.network)))
                classes = devices.fetched(seen.argmax(-1)).tolist()
            readings += [normalise(_word(row)) for row in classes]
        return readings


def _word(classes: list[int]) -> str:
    end = classes.index(END) if END in classes else len(classes)
    return "".join(CHARACTERS[c - 1] for c in classes[:end])
