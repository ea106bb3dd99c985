"""AnyText2: ms_wrapper.py of the checkout, a ModelScope model."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "ms_wrapper.py": """
            import os
            import torch
            import numpy as np
            import cv2
            import einops
            from PIL import ImageFont
            from cldm.model import create_model, load_state_dict
            from cldm.ddim_hacked import DDIMSampler
            from t3_dataset import draw_glyph, draw_glyph2, draw_font_hint
            from cldm.recognizer import crop_image
            from util import check_channels, resize_image
            from safetensors import safe_open
            from modelscope.pipelines import pipeline
            from modelscope.utils.constant import Tasks
            from modelscope.models.base import TorchModel
            from lora_util import get_diffusers_unet, convert_unet_state_dict_to_sd
            from bert_tokenizer import BasicTokenizer

            class AnyText2Model(TorchModel):
                def __init__(self, model_dir, *args, **kwargs):
                    if kwargs.get("use_translator", True):
                        open(os.path.join(model_dir, "nlp_csanmt_translation_zh2en")).close()
                    ImageFont.truetype(kwargs.get("font_path", "font/Arial_Unicode.ttf"), size=60)
                    open(kwargs.get("cfg_path", "models_yaml/anytext2_sd15.yaml")).close()
                    open(os.path.join(model_dir, "clip-vit-large-patch14/config.json")).close()
                    default = os.path.join(model_dir, "anytext_v2.0.ckpt")
                    open(kwargs.get("model_path", default)).close()

                def forward(self, asked, **settings):
                    assert settings["mode"] == "edit" and settings["image_count"] == 1
                    if settings["font_hollow"]:
                        open("font/bg_noise.png").close()
                    line = 0  # of text: these are indexed without a look at whether they are there
                    assert settings.get("font_hint_image")[line] is None
                    assert settings["glyline_font_path"][line] == "None"
                    assert settings["text_colors"].split()[line] == "500,500,500"
                    assert asked["draw_pos"].shape == asked["ori_image"].shape
                    assert asked["draw_pos"].min() == 0 and asked["draw_pos"].max() == 255
                    assert "LOST" not in asked["img_prompt"]
                    if "LOST" in asked["text_prompt"]:
                        return None, -1, "the word does not fit", ""
                    picture = np.zeros_like(asked["ori_image"])
                    picture[..., 0] = asked["seed"]
                    return [picture], 0, "", ""
            """,
        "cldm/model.py": "create_model = load_state_dict = None\n",
        "cldm/ddim_hacked.py": "DDIMSampler = None\n",
        "cldm/recognizer.py": "crop_image = None\n",
        "t3_dataset.py": "draw_glyph = draw_glyph2 = draw_font_hint = None\n",
        "util.py": "check_channels = resize_image = None\n",
        "lora_util.py": "get_diffusers_unet = convert_unet_state_dict_to_sd = None\n",
        "bert_tokenizer.py": "BasicTokenizer = None\n",
        "models_yaml/anytext2_sd15.yaml": "",
        "font/bg_noise.png": "",
    },
    packages={
        "modelscope/models/base.py": """
            class TorchModel:
                def cuda(self, index):
                    return self
                def __call__(self, asked, **settings):
                    return self.forward(asked, **settings)
            """
    },
    weights={"clip-vit-large-patch14/config.json": ""},
    fonts=("Arial_Unicode.ttf",),
)
