"""MOSTEL: predict.py over a folder of crops, and the writer that cuts off long words."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "predict.py": """
            import os
            import argparse
            import torch
            import cv2
            import torchvision.transforms.functional as F
            import numpy as np
            from tqdm import tqdm
            from mmcv import Config
            from torch.utils.data import DataLoader
            from model import Generator
            from datagen import custom_dataset

            def main():
                p = argparse.ArgumentParser()
                for name in ("config", "input_dir", "save_dir", "checkpoint"):
                    p.add_argument("--" + name)
                p.add_argument("--i_t_name", default="i_t.txt")
                for flag in ("vis", "slm", "speed", "dilate"):
                    p.add_argument("--" + flag, action="store_true", default=False)
                args = p.parse_args()
                assert args.slm
                os.makedirs(args.save_dir)
                config = Config.fromfile(args.config)
                open(args.checkpoint).close()
                data = custom_dataset(
                    config, data_dir=args.input_dir, i_t_name=args.i_t_name, mode="eval")
                for name, word, crop in data:
                    if word != "LOST":
                        crop = np.zeros_like(crop)
                        crop[..., 2] = 100  # OpenCV's order
                        cv2.imwrite(os.path.join(args.save_dir, name), crop)

            if __name__ == "__main__":
                main()
            """,
        "model.py": """
            import torch
            from torchvision.models import vgg19
            class Generator: pass
            """,
        "datagen.py": """
            import os
            import cv2
            import torch
            from torch.utils.data import Dataset
            from torchvision import transforms
            import standard_text

            def custom_dataset(cfg, data_dir=None, i_t_name="i_t.txt", mode="train"):
                assert cfg.data_shape == [64, 256] and mode == "eval"
                writer = standard_text.Std_Text(cfg.font_path)
                for line in open(os.path.join(data_dir, "../" + i_t_name)):
                    name, word = line.strip().split()
                    crop = cv2.imread(os.path.join(data_dir, name))
                    assert crop.shape == (64, 256, 3) and writer.draw_text(word)
                    yield name, word, crop
            """,
        "standard_text.py": """
            from PIL import ImageFont

            class Font:  # Pillow's, with the method that is gone in Pillow 10
                def __init__(self, path):
                    self.font = ImageFont.truetype(path, 52)
                def getsize(self, text):
                    left, top, right, bottom = self.font.getbbox(text)
                    return right, bottom

            class Std_Text:
                def __init__(self, font_path):
                    self.height, self.max_width, self.border_width = 64, 960, 5
                    self.font = Font(font_path)
                def draw_text(self, text):
                    end = 5 + sum(self.font.getsize(c)[0] for c in text)
                    return end <= self.max_width  # what is further right is cut off in silence
            """,
        "configs/mostel-train.py": """
            data_shape = [64, 256]
            font_path = 'arial.ttf'
            """,
    },
    packages={
        "mmcv.py": """
            import runpy
            from types import SimpleNamespace

            class Config:
                @staticmethod
                def fromfile(path):
                    values = runpy.run_path(path)
                    for base in values.pop("_base_", []):
                        values = {**runpy.run_path(base), **values}
                    return SimpleNamespace(**values)
            """
    },
    fonts=("arial.ttf",),
)
