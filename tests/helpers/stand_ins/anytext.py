"""AnyText: the pipeline that ModelScope finds in the folder of weights."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "inference.py": "",
        "cldm/cldm.py": "",
        "models_yaml/anytext_sd15.yaml": "",
    },
    packages={
        "modelscope/__init__.py": "",
        "modelscope/pipelines.py": """
            import os
            import numpy as np
            from PIL import Image, ImageFont

            def pipeline(task, model, use_fp16=True, use_translator=True,
                         font_path="font/Arial_Unicode.ttf"):
                assert task == "my-anytext-task"
                files = ["configuration.json", "ms_wrapper.py", "anytext_v1.1.ckpt"]
                files += ["clip-vit-large-patch14/config.json"]
                if use_translator:
                    files += ["nlp_csanmt_translation_zh2en/configuration.json"]
                for file in files:
                    open(os.path.join(model, file)).close()
                ImageFont.truetype(font_path, size=60)
                open("models_yaml/anytext_sd15.yaml").close()
                def run(asked, mode, image_count, ddim_steps):
                    assert mode == "text-editing" and image_count == 1 and ddim_steps == 20
                    place = np.array(Image.open(asked["draw_pos"]))
                    assert place.min() == 0 and place.max() == 255
                    if "LOST" in asked["prompt"]:
                        return [], -1, "the word does not fit", None
                    picture = np.zeros(np.array(Image.open(asked["ori_image"])).shape, np.uint8)
                    picture[..., 0] = asked["seed"]
                    return [picture], 0, "", None
                return run
            """,
    },
    weights={"clip-vit-large-patch14/config.json": ""},
    fonts=("Arial_Unicode.ttf",),
)
