"""Starting weights come from local files, in diffusers' or the original layout."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL
from helpers import small
from helpers.paths import RELEASED_MODEL as FIXTURE
from safetensors.torch import load_file, save_file
from torch import nn

from benchmarks.commands.scale import export_unet
from dreamtext import places
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.errors import RunError, UserError
from dreamtext.networks.model import DreamText, build_unet
from dreamtext.weights import pretrained, starting
from dreamtext.weights import released_layout as layout
from dreamtext.weights.checkpoints import import_released, save_model


@pytest.fixture(scope="module")
def imported():
    return import_released(FIXTURE, text_heads=4, unet_head_channels=16)


def fresh(config: Config, *overrides: str) -> DreamText:
    """Another start, with a small image encoder to be quick."""
    torch.manual_seed(9)
    little = ("model.glyph.kind=conv", "model.glyph.height=16", "model.glyph.width=48")
    return DreamText(override(config, [*little, "model.glyph.features=32", *overrides]))


def text_attention_names(module: nn.Module) -> set[str]:
    return {
        name
        for name in module.state_dict()
        if ".transformer_blocks." in name and (".attn2." in name or ".norm2." in name)
    }


def test_a_diffusers_folder_fills_all_but_the_text_attention(imported, tmp_path):
    base = override(imported.config, ["model.text.width=64"])  # another width, as Stable Diffusion
    unet = build_unet(base)
    unet.save_pretrained(tmp_path / "unet")
    plain = AutoencoderKL(**{k: v for k, v in imported.autoencoder.config.items() if k[0] != "_"})
    plain.save_pretrained(tmp_path / "vae")
    paths = [f"model.unet.weights={tmp_path}", f"model.autoencoder.weights={tmp_path}"]
    model = fresh(imported.config, "model.unet.text_attention=zero_output", *paths)
    before = {name: value.clone() for name, value in model.unet.state_dict().items()}
    pretrained.load(model)
    anew = text_attention_names(model.unet)
    for name, value in model.unet.state_dict().items():
        expected = before[name] if name in anew else unet.state_dict()[name]
        assert torch.equal(value, expected), name
    for name, value in model.autoencoder.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]), name


def test_an_original_checkpoint_is_read_too(imported, tmp_path):
    tensors = load_file(FIXTURE)
    for name in list(tensors):  # Stable Diffusion's own names, and its text encoder
        tensors[name.replace("t_attn", "attn2").replace("t_norm", "norm2")] = tensors.pop(name)
    tensors["cond_stage_model.model.weight"] = torch.zeros(3)
    torch.save({"state_dict": tensors}, tmp_path / "sd.ckpt")
    path = tmp_path / "sd.ckpt"
    model = fresh(
        imported.config, f"model.unet.weights={path}", f"model.autoencoder.weights={path}"
    )
    pretrained.load(model)
    anew = text_attention_names(model.unet)
    for part in ("unet", "autoencoder"):
        theirs = getattr(imported, part).state_dict()
        for name, value in getattr(model, part).state_dict().items():
            assert torch.equal(value, theirs[name]) or name in anew, name


def test_a_character_encoder_with_and_without_heads(imported, tmp_path):
    donor = fresh(imported.config)
    table = layout.released_names(
        {
            name: tuple(value.shape)
            for name, value in donor.state_dict().items()
            if name.startswith(("text_encoder.", "heads."))
        },
        donor.config.model.unet,
        0,
    )
    state = {
        name.removeprefix(layout.TEXT): donor.state_dict()[ours].clone()
        for ours, (name, _) in table.items()
    }
    save_file(state, tmp_path / "label_encoder.safetensors")
    path = f"model.text.weights={tmp_path / 'label_encoder.safetensors'}"
    model = import_released(FIXTURE, text_heads=4, unet_head_channels=16)
    model = fresh(model.config, path)
    model.text_encoder.embedding.weight.data.zero_()
    model.heads.logit_scale.data.zero_()
    pretrained.load(model)
    for part in ("text_encoder", "heads"):
        theirs = getattr(donor, part).state_dict()
        assert all(torch.equal(v, theirs[n]) for n, v in getattr(model, part).state_dict().items())
    model = fresh(imported.config, f"model.text.weights={FIXTURE}")  # a whole model, no heads
    pretrained.load(model)
    expected = imported.text_encoder.state_dict()
    assert all(torch.equal(v, expected[n]) for n, v in model.text_encoder.state_dict().items())


def test_vitstr_by_its_own_names(tmp_path):
    source, target = nn.Linear(3, 2), nn.Linear(3, 2)
    for number, start in enumerate(("module.vitstr.", "visual_encoder.", "")):
        path = tmp_path / f"{number}.pth"
        torch.save({start + name: value for name, value in source.state_dict().items()}, path)
        target.reset_parameters()
        pretrained._load_vitstr(SimpleNamespace(vit=target), str(path))
        assert torch.equal(target.weight, source.weight)


def test_wrong_files_are_named(imported, tmp_path):
    with pytest.raises(UserError, match="not a diffusers folder of the unet"):
        pretrained.load(fresh(imported.config, f"model.unet.weights={tmp_path}"))
    with pytest.raises(UserError, match="which is not there"):
        pretrained.load(fresh(imported.config, f"model.unet.weights={tmp_path}/absent.ckpt"))
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(RunError, match="holds no unet in the original layout"):
        pretrained.load(fresh(imported.config, f"model.unet.weights={tmp_path}/other.safetensors"))
    wider = override(imported.config, ["model.unet.widths=[64,64]"])
    build_unet(wider).save_pretrained(tmp_path / "unet")
    with pytest.raises(RunError, match=r"misshapen: conv_in\.weight"):
        pretrained.load(fresh(imported.config, f"model.unet.weights={tmp_path}"))


def test_a_further_condition_of_the_unet_starts_unseen(tmp_path):
    config = small.config("model.segmentation.channels=8", f"model.unet.weights={tmp_path}")
    saved = build_unet(small.config())
    saved.save_pretrained(tmp_path)
    model = DreamText(config)
    pretrained.load(model)
    first, own = saved.conv_in.weight, model.unet.conv_in.weight
    assert torch.equal(own[:, : first.shape[1]], first)
    assert own.shape[1] == first.shape[1] + 8
    assert not own[:, first.shape[1] :].any()


def test_weights_that_come_along_are_found_from_any_folder(tmp_path, monkeypatch):
    along = tmp_path / "checkout" / "results" / "models" / "mine"
    build_unet(small.config()).save_pretrained(along)
    monkeypatch.setattr(places, "results", lambda: tmp_path / "checkout" / "results")
    monkeypatch.chdir(tmp_path)
    assert starting.weight_file("results/models/mine", "unet").parent == along
    with pytest.raises(UserError, match="which is not there"):
        starting.weight_file("results/models/other", "unet")


def test_an_exported_unet_is_what_another_model_starts_from(tmp_path):
    torch.manual_seed(3)
    trained = DreamText(small.config())
    save_model(trained, tmp_path / "model")
    export_unet(tmp_path / "model", tmp_path / "base")
    torch.manual_seed(4)
    model = DreamText(small.config(f"model.unet.weights={tmp_path / 'base'}"))
    attention = model.unet.down_blocks[0].attentions[0].transformer_blocks[0]
    own = attention.attn2.to_q.weight.clone()
    pretrained.load(model)
    there = trained.unet.down_blocks[0].attentions[0].transformer_blocks[0]
    assert torch.equal(model.unet.conv_in.weight, trained.unet.conv_in.weight)
    assert torch.equal(attention.attn1.to_q.weight, there.attn1.to_q.weight)
    assert torch.equal(attention.attn2.to_q.weight, own)  # the text attention starts anew
    with pytest.raises(UserError, match="exists already"):
        export_unet(tmp_path / "model", tmp_path / "base")
