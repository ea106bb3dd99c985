"""The studies of the scale model share what they have in common: it is trained once."""

import pytest
import torch

from benchmarks.launch import local
from benchmarks.study import load_study, study_names
from dreamtext.networks.model import DreamText
from dreamtext.weights import pretrained

# The same setting under each study's own name for it.
BALANCED = {
    "supervision": "balanced",
    "mechanism": "balanced + L_attn",
    "losses": "without L_mask",
    "warmup": "50k",
    "masks": "sigma=1 k=2",
    "weights": "alpha=1",
    "encoder": "from scratch",
    "base": "balanced",
    "label_noise": "balanced exact",
    "fonts": "fonts=12",
    "comparison": "dreamtext-objective",
    "robustness": "balanced",
}
FULL = {
    "supervision": "full",
    "mechanism": "full + L_attn",
    "warmup": "all",
    "base": "full",
    "label_noise": "full exact",
}


def training(study: str, variant: str, root) -> str:
    cells = load_study(study).narrowed(seeds=[0], where={"variant": variant}).cells(root)
    return cells[0].train.name


@pytest.mark.parametrize("names", [BALANCED, FULL])
def test_one_setting_is_one_run_in_every_study(names, tmp_path):
    assert len({training(study, variant, tmp_path) for study, variant in names.items()}) == 1


def test_a_first_seed_of_everything_comes_before_a_second_one(tmp_path):
    study = load_study("mechanism").narrowed(seeds=[0, 1], n=4)
    seeds = [chain[0].settings["seed"] for chain in local.chains(study.cells(tmp_path))]
    assert seeds == [0] * 12 + [1] * 12


def test_every_arm_of_the_scale_model_can_start_as_it_is_asked_to():
    """Also one whose U-Net has further inputs than the base model."""
    studies = [study for name in study_names() if (study := load_study(name)).preset == "tiny"]
    configs = [
        study.config(variant, 0)
        for study in studies
        for variant in study.variants
        if variant.system == "dreamtext"
    ]
    models = {config.model: config for config in configs}
    assert {bool(model.unet.weights) for model in models} == {True, False}
    for config in models.values():
        model = DreamText(config)
        first = model.unet.conv_in.weight.clone()
        pretrained.load(model)
        assert torch.equal(model.unet.conv_in.weight, first) != bool(config.model.unet.weights)
