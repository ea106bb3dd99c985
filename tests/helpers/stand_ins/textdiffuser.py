"""TextDiffuser: inference.py, util.py and the layout generator that loads weights at import."""

from helpers.stand_ins import StandIn

STAND_IN = StandIn(
    checkout={
        "inference.py": """
            import argparse, os
            import cv2
            import numpy as np
            from tqdm.auto import tqdm
            from packaging import version
            from termcolor import colored
            from PIL import Image, ImageDraw, ImageFont, ImageOps, ImageEnhance
            from huggingface_hub import HfFolder, Repository, create_repo, whoami
            import datasets
            from datasets import load_dataset
            from datasets import disable_caching
            import torch
            import torch.utils.checkpoint
            from torchvision import transforms
            from accelerate import Accelerator
            from accelerate.logging import get_logger
            from accelerate.utils import ProjectConfiguration, set_seed
            from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
            from diffusers.optimization import get_scheduler
            from diffusers.training_utils import EMAModel
            from diffusers.utils import check_min_version, deprecate
            from diffusers.utils.import_utils import is_xformers_available
            from transformers import CLIPTextModel, CLIPTokenizer
            from util import (
                segmentation_mask_visualization, make_caption_pil, combine_image, transform_mask,
                filter_segmentation_mask, inpainting_merge_image)
            from model.layout_generator import get_layout_from_prompt
            from model.text_segmenter.unet import UNet
            import torchsnooper

            def main():
                p = argparse.ArgumentParser()
                base = "--pretrained_model_name_or_path"
                p.add_argument(base, default="runwayml/stable-diffusion-v1-5")
                p.add_argument("--mode", choices=["text-to-image", "text-inpainting"])
                for name in ("prompt", "original_image", "text_mask", "resume_from_checkpoint"):
                    p.add_argument("--" + name)
                p.add_argument("--output_dir", default="output")
                p.add_argument("--seed", type=int)
                p.add_argument("--classifier_free_scale", type=float, default=7.5)
                p.add_argument("--sample_steps", type=int, default=50)
                p.add_argument("--vis_num", type=int, default=9)
                p.add_argument("--font_path", default="assets/font/Arial.ttf")
                segmenter = "textdiffuser-ckpt/text_segmenter.pth"
                p.add_argument("--character_segmenter_path", default=segmenter)
                args = p.parse_args()
                folder = f"{args.prompt}_[{args.mode.upper()}]_[SEED-{args.seed}]"
                os.makedirs(args.output_dir, exist_ok=True)
                base = args.pretrained_model_name_or_path
                CLIPTokenizer.from_pretrained(base, subfolder="tokenizer")
                CLIPTextModel.from_pretrained(base, subfolder="text_encoder")
                AutoencoderKL.from_pretrained(base, subfolder="vae")
                UNet2DConditionModel.from_pretrained(args.resume_from_checkpoint, subfolder="unet")
                DDPMScheduler.from_pretrained(base, subfolder="scheduler")
                open(args.character_segmenter_path).close()
                assert args.mode == "text-inpainting" and args.vis_num == 1
                mask = Image.open(args.text_mask)
                assert sorted(v for _, v in mask.getcolors()) == [0, 200, 255]
                noise = np.random.RandomState(args.seed).randint(0, 256, (512, 512, 3))
                noise[:, :, 1] = 0
                noise[:, :, 0] = args.seed
                picture = Image.fromarray(noise.astype("uint8"))
                captions = make_caption_pil(args.font_path, [args.prompt])
                os.makedirs(f"{args.output_dir}/{folder}", exist_ok=True)
                combine_image(args, folder, [picture], None, None, None, captions)
                os.symlink(os.path.abspath(os.path.join(args.output_dir, folder)),
                           os.path.abspath(os.path.join(args.output_dir, "latest/")))

            if __name__ == "__main__":
                main()
            """,
        "util.py": """
            import cv2
            from PIL import Image, ImageFont, ImageDraw, ImageOps

            def make_caption_pil(font_path, captions):
                ImageFont.truetype(font_path, 18)  # and font.getsize, gone in Pillow 10

            def combine_image(args, folder, pictures, image, mask, highlight, captions):
                for number, picture in enumerate(pictures):
                    picture.save(f"{args.output_dir}/{folder}/{number}.jpg")

            segmentation_mask_visualization = transform_mask = filter_segmentation_mask = None
            inpainting_merge_image = None
            """,
        "model/layout_generator.py": """
            import torch
            from transformers import CLIPTokenizer
            from util import make_caption_pil
            from model.layout_transformer import LayoutTransformer, TextConditioner

            open("textdiffuser-ckpt/layout_transformer.pth").close()
            tokenizer = CLIPTokenizer.from_pretrained("openai/clip-vit-large-patch14")

            def get_layout_from_prompt(args):
                raise AssertionError("text-to-image alone asks for a layout")
            """,
        "model/layout_transformer.py": "LayoutTransformer = TextConditioner = object\n",
        "model/text_segmenter/unet.py": "class UNet: pass\n",
    },
    weights={
        "stable-diffusion-v1-5/tokenizer/vocab.json": "",
        "stable-diffusion-v1-5/text_encoder/config.json": "",
        "stable-diffusion-v1-5/vae/config.json": "",
        "stable-diffusion-v1-5/scheduler/scheduler_config.json": "",
        "textdiffuser-ckpt/diffusion_backbone/unet/config.json": "",
    },
    fonts=("Arial.ttf",),
)
