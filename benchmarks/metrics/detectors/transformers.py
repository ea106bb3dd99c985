"""DINOv2 and CLIP from a local folder in the layout of Hugging Face's transformers.

Pictures are squeezed to 224 x 224 (bicubic, antialiased), not cut: a crop of a word is wide, and
a cut would lose its ends.
"""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.metrics.detectors.batching import batches, device
from dreamtext import devices
from dreamtext.errors import UserError
from dreamtext.files import file_hash

Name = Literal["DINOv2", "CLIP"]
WEIGHTS = "model.safetensors"
SIDE = 224
_SCALE = {
    "DINOv2": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "CLIP": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


class Transformer:
    """One of the two on this machine's best device: DINOv2's class token after the last norm, or
    CLIP's projected image embedding."""

    def __init__(self, folder: Path, name: Name) -> None:
        import transformers
        from cleanfid.resize import make_resizer

        kinds = {"DINOv2": "Dinov2Model", "CLIP": "CLIPVisionModelWithProjection"}
        try:
            network, loading = getattr(transformers, kinds[name]).from_pretrained(
                folder, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            if missing := sorted(loading["missing_keys"]):
                raise ValueError(f"it lacks {missing[0]}")
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise UserError(
                f"'{folder}' is no {name} as transformers saves it ({error}); expected are "
                f"config.json and {WEIGHTS}"
            ) from error
        self.name = name
        self.network = network.to(device()).eval().requires_grad_(False)
        self.resize = make_resizer("PIL", False, "bicubic", (SIDE, SIDE))
        self.backbone = f"{name} {file_hash(folder / WEIGHTS)[:8]}"

    def features(self, images: Iterable[np.ndarray]) -> np.ndarray:
        """(N, d) float32 of (H, W, 3) uint8 images."""
        import torch

        mean, std = (np.array(v, np.float32) for v in _SCALE[self.name])
        rows = []
        for some in batches(images, 16):
            pixels = np.stack([(self.resize(i) / 255 - mean) / std for i in some])
            batch = torch.from_numpy(pixels.astype(np.float32)).permute(0, 3, 1, 2).to(device())
            with torch.inference_mode():
                found = self.network(pixel_values=batch)
            rows.append(found.pooler_output if self.name == "DINOv2" else found.image_embeds)
        return devices.fetched(torch.cat(rows).float()).numpy()


@lru_cache(maxsize=2)
def transformer(folder: Path, name: Name) -> Transformer:
    """The network, loaded at first use.

    Raises:
        UserError: the folder holds no such network.
    """
    return Transformer(folder, name)
