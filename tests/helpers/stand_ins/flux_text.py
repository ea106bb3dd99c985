"""FLUX-Text: generate_fill with a LoRA on FLUX.1 Fill, and the glyphs of eval/t3_dataset.py."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "app.py": "",
        "eval/t3_dataset.py": """
            import numpy as np
            from dataset_util import load, show_bbox_on_image
            from torch.utils.data import Dataset, DataLoader

            def draw_glyph2(font, text, polygon, vertAng=10, scale=1, width=512, height=512,
                            add_space=True):
                assert font.size == 60 and len(polygon) >= 4 and not add_space
                glyphs = np.zeros((height, width, 1))
                glyphs[height // 2] = 1
                return glyphs
            """,
        "eval/dataset_util.py": "load = show_bbox_on_image = None\n",
        "src/flux/condition.py": """
            class Condition:
                def __init__(self, condition_type, condition, position_delta):
                    assert condition_type == "word_fill" and position_delta == [0, 0]
                    self.glyphs, self.mask, self.image = condition
                    for plane in (self.glyphs, self.mask):
                        assert plane.shape == (512, 512, 3)
                        assert (plane.min(), plane.max()) == (0, 1)
                    assert self.image.size == (512, 512)
            """,
        "src/flux/generate_fill.py": """
            from types import SimpleNamespace
            import torch
            import torch.nn.functional as F
            import yaml
            from diffusers.pipelines import FluxPipeline
            from diffusers.pipelines.flux.pipeline_flux import calculate_shift, retrieve_timesteps
            from PIL import Image
            from .condition import Condition
            from .transformer import tranformer_forward
            from .pipeline_tools import encode_images
            from ..text_encoder.byt5_encoder import GlyphByt5Encoder

            def generate_fill(pipe, prompt, conditions, height, width, generator, model_config,
                              default_lora):
                assert model_config["union_cond_attn"] and default_lora
                if "LOST" in prompt:
                    raise ValueError("LOST")
                drawn = int(255 * torch.rand())  # as the VAE, from the global generator
                return SimpleNamespace(images=[Image.new("RGB", (width, height), (100, 0, drawn))])
            """,
        "src/flux/pipeline_tools.py": "encode_images = None\n",
        "src/flux/transformer.py": "tranformer_forward = None\n",
        "src/text_encoder/byt5_encoder.py": "GlyphByt5Encoder = None\n",
        "src/train/model.py": """
            from diffusers.pipelines import FluxFillPipeline
            import lightning as L
            from peft import LoraConfig, get_peft_model_state_dict
            import prodigyopt
            from safetensors.torch import load_file
            import torch
            from ..flux.condition import Condition

            class Transformer:
                def load_state_dict(self, weights, strict):
                    assert list(weights) == ["blocks.0.lora_A.default.weight"] and not strict

            class OminiModelFIll:
                def __init__(self, flux_pipe_id, lora_config, device, dtype, optimizer_config,
                             model_config, gradient_checkpointing, byt5_encoder_config):
                    self.flux_pipe = FluxFillPipeline.from_pretrained(flux_pipe_id)
                    self.transformer = Transformer()
                    assert lora_config["r"] == 256 and optimizer_config["type"] == "Prodigy"
                    assert gradient_checkpointing and byt5_encoder_config is None
            """,
    },
    packages={
        "torch/__init__.py": """
            from random import random as rand, seed as manual_seed
            from inert import Inert
            Generator = bfloat16 = cuda = Inert
            """,
        "safetensors/__init__.py": "",
        "safetensors/torch.py": """
            def load_file(path):
                open(path).close()
                return {"transformer.blocks.0.lora_A.weight": None}
            """,
    },
    weights={
        "config.yaml": """
            flux_path: "black-forest-labs/FLUX.1-Fill-dev"
            dtype: "bfloat16"
            model:
              union_cond_attn: true
              add_cond_attn: false
              latent_lora: false
              attn_mask: false
            train:
              gradient_checkpointing: true
              lora_config:
                r: 256
                lora_alpha: 256
              optimizer:
                type: "Prodigy"
            """,
        "FLUX.1-Fill-dev/model_index.json": "",
    },
    fonts=("Arial_Unicode.ttf",),
)
