"""The image encoder xi of the grey word crop, frozen while DreamText trains (arXiv 2405.14701,
section 3)."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from dreamtext import charset
from dreamtext.configs.sections import GlyphEncoderConfig


class ConvGlyphEncoder(nn.Module):
    """A small reader for the scale model: (B, 1, h, w) -> (B, T, F), T = w / 4 columns."""

    def __init__(self, config: GlyphEncoderConfig, max_length: int = 12) -> None:
        super().__init__()
        wide, narrow = config.features, config.features // 2
        self.features = config.features
        self.tokens = config.width // 4
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(32, narrow, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(narrow, wide, 3, stride=(2, 1), padding=1),
            nn.GELU(),
            nn.Conv2d(wide, wide, (config.height // 8, 3), padding=(0, 1)),
        )
        self.reader = nn.Sequential(
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(self.tokens * wide, max_length * 64),
            nn.GELU(),
            nn.Unflatten(1, (max_length, 64)),
            nn.Linear(64, charset.CLASSES),
        )

    def forward(self, crop: Tensor) -> Tensor:
        return self.body(crop).squeeze(2).transpose(1, 2)

    def read(self, crop: Tensor) -> Tensor:
        """(B, max_length, 95) logits of the character at each position, its pre-training task."""
        return self.reader(self(crop).transpose(1, 2))


class ViTSTR(nn.Module):
    """ViTSTR base (ViT-B/16, one grey channel, 224 x 224): (B, 1, h, w) -> (B, 197, 768)."""

    tokens, features = 197, 768

    def __init__(self, config: GlyphEncoderConfig) -> None:
        super().__init__()
        import timm

        self.vit: Any = timm.create_model("vit_base_patch16_224", pretrained=False, in_chans=1)
        self.vit.reset_classifier(charset.CLASSES + 1)

    def forward(self, crop: Tensor) -> Tensor:
        if crop.shape[-2:] != (224, 224):
            crop = functional.interpolate(crop, (224, 224), mode="bicubic", antialias=True)
        return self.vit.forward_features(crop)


def build(config: GlyphEncoderConfig, max_length: int = 12) -> ConvGlyphEncoder | ViTSTR:
    """The encoder a configuration names, not yet trained."""
    if config.kind == "vitstr":
        return ViTSTR(config)
    return ConvGlyphEncoder(config, max_length)
