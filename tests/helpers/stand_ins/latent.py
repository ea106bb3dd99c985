"""What the stand-ins of UDiffText and DreamText have in common."""

CHECKOUT = {
    "configs/test/textdesign_sd_2.yaml": """
        model:
          params:
            conditioner_config:
              params:
                emb_models:
                  - input_key: label
                    params:
                      ckpt_path: ./checkpoints/encoders/LabelEncoder/epoch=19-step=7820.ckpt
                  - input_key: masked
                    params:
                      config:
                        params:
                          ckpt_path: ./checkpoints/AEs/AE_inpainting_2.safetensors
            first_stage_config:
              params:
                ckpt_path: ./checkpoints/AEs/AE_inpainting_2.safetensors
        """,
    "util.py": """
        import torch
        from omegaconf import OmegaConf
        from sgm.util import instantiate_from_config
        from sgm.modules.diffusionmodules.sampling import *

        def init_model(cfgs):
            instantiate_from_config(OmegaConf.load(cfgs.model_cfg_path).model)
            open(cfgs.load_ckpt_path).close()
            assert cfgs.gpu == 0
            return "model"

        def init_sampling(cfgs):
            assert (cfgs.steps, cfgs.scale[0]) == (50, 5.0)
            return "sampler"
        """,
    "sgm/util.py": """
        def instantiate_from_config(config):
            for key, value in config.items():
                if key == "ckpt_path":
                    open(value).close()
                for part in value if isinstance(value, list) else [value]:
                    if hasattr(part, "items"):
                        instantiate_from_config(part)
            for part in config.get("emb_models", []):
                instantiate_from_config(part)
        """,
    "sgm/modules/encoders/modules.py": """
        import kornia
        import open_clip
        from einops import rearrange, repeat
        from transformers import ByT5Tokenizer, CLIPTextModel, CLIPTokenizer, T5EncoderModel
        from timm.models.vision_transformer import VisionTransformer
        """,
    "sgm/modules/diffusionmodules/sampling.py": """
        import imageio
        import torch
        from tqdm import tqdm
        from torchvision.utils import save_image
        import sgm.modules.encoders.modules
        """,
}
PACKAGES = {
    "pytorch_lightning.py": """
        import torch

        def seed_everything(seed):
            torch.manual_seed(seed)
        """
}
PREDICT = """
        assert (model, sampler) == ("model", "sampler") and cfgs.detailed is False
        assert batch["mask"].shape == (1, 1, 512, 512) and batch["mask"].max() == 1
        assert (batch["masked"] * batch["mask"]).abs().max() == 0
        assert batch["seg_mask"].sum() == len(batch["label"][0])
        picture = torch.zeros(1, 3, 512, 512)
        picture[:, 0] = torch.initial_seed() / 255
        return picture, None
"""
