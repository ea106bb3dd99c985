"""Checkpoints in the released layout: any size in, the same out, wrong ones refused."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from helpers.paths import DATA
from helpers.paths import RELEASED_MODEL as FIXTURE
from helpers.released_reference import Sizes, checkpoint
from safetensors.torch import load_file, save_file

from dreamtext.configs.paper import paper
from dreamtext.configs.presets import preset
from dreamtext.errors import RunError, UserError
from dreamtext.networks.model import DreamText
from dreamtext.weights import released
from dreamtext.weights import released_layout as layout
from dreamtext.weights.checkpoints import import_released, load_model, save_model
from dreamtext.weights.files import shapes_of

OTHER_SIZES = {
    "three levels, attention on the middle one": Sizes(
        channel_mult=(1, 2, 3), attention_resolutions=(2,), num_head_channels=32
    ),
    "two blocks a level, two transformer blocks": Sizes(
        num_res_blocks=2, transformer_depth=2, attention_resolutions=(1, 2), emb_dim=48
    ),
    "wide, one head, convolutional projections": Sizes(
        model_channels=64, num_head_channels=64, use_linear=False, channel_mult=(1, 1, 2, 2)
    ),
    "a deeper middle than the last level": Sizes(
        attention_resolutions=(1, 2), transformer_depth_middle=3
    ),
    "a deeper middle after a level without attention": Sizes(transformer_depth_middle=2),
    "another character encoder": Sizes(
        emb_dim=64, text_heads=2, text_layers=3, text_feedforward=40, max_len=9
    ),
    "another autoencoder": Sizes(
        z_channels=6, ch=64, ch_mult=(1, 1, 2), vae_res_blocks=2, vae_attention_levels=(2,)
    ),
    "an autoencoder that widens at once": Sizes(ch_mult=(2, 2, 3)),
    "one level": Sizes(channel_mult=(1,), ch_mult=(1,)),
}


@pytest.mark.parametrize("sizes", OTHER_SIZES.values(), ids=OTHER_SIZES.keys())
def test_any_size_is_read_from_the_file(sizes, tmp_path):
    weights, given, expected = checkpoint(sizes, seed=3)
    save_file(dict(weights), tmp_path / "model.safetensors")
    model = import_released(
        tmp_path / "model.safetensors",
        text_heads=sizes.text_heads,
        unet_head_channels=sizes.num_head_channels,
    )
    with torch.no_grad(), model.recorder.recording(tuple(given["x"].shape[-2:])) as maps:
        context = model.text_encoder(given["ids"])
        prediction = model.unet(given["x"], given["times"], expected["context"]).sample
        latent = model.autoencoder.encode(given["image"]).latent_dist.mean
        picture = model.autoencoder.decode(expected["latent"]).sample
    found = {"context": context, "prediction": prediction, "latent": latent, "picture": picture}
    for layer, values in maps.items():
        name = layout.unet_name(f"{layer}.attn2.to_q.weight", model.config.model.unet)
        found[name.removesuffix(".to_q.weight")] = values
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0, atol=1e-5, msg=name)


def test_words_and_ids_are_the_same_to_the_encoder():
    model = import_released(FIXTURE, text_heads=4, unet_head_channels=16)
    ids = torch.zeros(1, 12, dtype=torch.long)
    ids[0, :3] = torch.tensor([1, 11, 94])  # string.printable: 0..9, a..z, A..Z, punctuation
    assert model.text_encoder(["0a~"]).shape == (1, 12, 32)
    assert torch.equal(model.text_encoder(["0a~"]), model.text_encoder(ids))


@pytest.mark.parametrize(
    ("file", "training"), [("full_model.json", False), ("label_encoder_training.json", True)]
)
def test_every_name_and_shape_of_the_released_model_is_covered(file, training):
    """Full size, on the meta device: nothing is allocated."""
    listed = json.loads((DATA / "released_layout" / file).read_text())
    if training:
        listed = {layout.TEXT + name: shape for name, shape in listed.items()}
    expected = {name: tuple(shape) for name, shape in listed.items()}
    names = dict(released.names(paper(), training=training).values())
    start = layout.TEXT if training else ""
    ours = {name: shape for name, shape in names.items() if name.startswith(start)}
    if not training:
        ours |= {
            layout.MASKED + name.removeprefix(layout.AUTOENCODER): shape
            for name, shape in names.items()
            if name.startswith(layout.AUTOENCODER)
        }
        ours[layout.SIGMAS] = (1000,)
    assert ours == expected


def test_the_paper_preset_is_what_the_released_file_tells():
    listed = json.loads((DATA / "released_layout" / "full_model.json").read_text())
    shapes = {name: tuple(shape) for name, shape in listed.items()}
    found, preset_model = released.configuration(shapes, 8, 64).model, paper().model
    for part in ("text", "unet", "autoencoder"):
        ours, theirs = asdict(getattr(found, part)), asdict(getattr(preset_model, part))
        for not_a_size in ("text_attention", "trainable"):
            ours.pop(not_a_size, None), theirs.pop(not_a_size, None)
        for field in theirs:
            assert ours[field] == theirs[field], (part, field)


def test_our_folder_gives_back_the_imported_weights(tmp_path):
    model = import_released(FIXTURE, text_heads=4, unet_head_channels=16)
    save_model(model, tmp_path / "model")
    again = load_model(tmp_path / "model")
    assert again.config == model.config
    for part in ("unet", "text_encoder", "autoencoder"):
        ours, theirs = getattr(again, part).state_dict(), getattr(model, part).state_dict()
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_export_gives_back_the_released_file(tmp_path):
    original = load_file(FIXTURE)
    model = import_released(FIXTURE, text_heads=4, unet_head_channels=16)
    released.export_released(model, tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    assert {n for n in again if not n.startswith(layout.MASKED)} == set(original)
    assert all(torch.equal(again[name], original[name]) for name in original)
    import_released(tmp_path / "again.safetensors", text_heads=4, unet_head_channels=16)


def test_a_lightning_checkpoint_in_half_precision_is_read(tmp_path):
    tensors = {name: value.half() for name, value in load_file(FIXTURE).items()}
    torch.save({"state_dict": tensors, "global_step": 7}, tmp_path / "last.ckpt")
    model = import_released(tmp_path / "last.ckpt", text_heads=4, unet_head_channels=16)
    assert model.unet.conv_in.weight.dtype == torch.float32
    name = f"{layout.UNET}input_blocks.0.0.weight"
    assert torch.equal(model.unet.conv_in.weight, tensors[name].float())


def test_a_model_that_the_layout_cannot_hold_is_not_exported(tmp_path):
    with pytest.raises(UserError, match=r"model\.text\.null_token=false"):
        released.export_released(DreamText(preset("smoke")), tmp_path / "model.safetensors")


# --- refusals -----------------------------------------------------------------------------------


def _changed(tmp_path, change):
    tensors = load_file(FIXTURE)
    change(tensors)
    save_file(tensors, tmp_path / "changed.safetensors")
    return tmp_path / "changed.safetensors"


def _missing(tensors):
    del tensors[f"{layout.UNET}middle_block.0.in_layers.0.weight"]


def _extra(tensors):
    tensors["model_ema.decay"] = torch.zeros(1)


def _misshapen(tensors):
    tensors[f"{layout.AUTOENCODER}decoder.conv_out.bias"] = torch.zeros(4)


def _unfit(tensors):
    for name, value in tensors.items():
        if ".t_attn.to_k" in name or ".t_attn.to_v" in name:
            tensors[name] = value[:, :16].contiguous()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_missing, r"missing: model\.diffusion_model\.middle_block\.0\.in_layers\.0\.weight"),
        (_extra, r"extra: model_ema\.decay"),
        (_misshapen, r"misshapen: first_stage_model\.decoder\.conv_out\.bias is \(4,\)"),
        (_unfit, r"t_attn\.to_k\.weight is \(32, 16\), expected \(32, 32\)"),
    ],
)
def test_differing_parameters_are_listed(change, named, tmp_path):
    with pytest.raises(RunError, match=named):
        import_released(_changed(tmp_path, change), text_heads=4, unet_head_channels=16)


def test_another_layout_is_refused(tmp_path):
    model = import_released(FIXTURE, text_heads=4, unet_head_channels=16)
    save_file(model.unet.state_dict(), tmp_path / "diffusers.safetensors")
    with pytest.raises(RunError, match="not in the released layout"):
        import_released(tmp_path / "diffusers.safetensors")


def test_head_counts_that_cannot_be_are_refused():
    with pytest.raises(RunError, match="unet_head_channels=24"):
        import_released(FIXTURE, text_heads=4, unet_head_channels=24)
    with pytest.raises(UserError, match="width must be a multiple of heads"):
        import_released(FIXTURE, text_heads=5, unet_head_channels=16)


@pytest.mark.parametrize("suffix", [".safetensors", ".ckpt"])
def test_half_a_download_is_refused(suffix, tmp_path):
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".ckpt":
        torch.save(load_file(FIXTURE), whole)
    else:
        whole.write_bytes(FIXTURE.read_bytes())
    half = tmp_path / f"half{suffix}"
    half.write_bytes(whole.read_bytes()[:100_000])
    with pytest.raises(RunError, match="only part of a download"):
        import_released(half)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    torch.save({"state_dict": Harmful()}, tmp_path / "model.ckpt")
    with pytest.raises(RunError, match="more than tensors"):
        import_released(tmp_path / "model.ckpt")
    assert not (tmp_path / "harmed").exists()


def test_no_file_a_folder_and_a_foreign_suffix_are_refused(tmp_path):
    (tmp_path / "model.zip").touch()
    for path, named in ((tmp_path / "x.ckpt", "no file"), (tmp_path, "is a folder")):
        with pytest.raises(UserError, match=named):
            import_released(path)
    with pytest.raises(UserError, match="not a weight file"):
        import_released(tmp_path / "model.zip")


def test_a_second_autoencoder_that_differs_is_told(tmp_path):
    def doubled(tensors):
        start = layout.AUTOENCODER
        copies = {
            layout.MASKED + n.removeprefix(start): v.clone()
            for n, v in tensors.items()
            if n.startswith(start)
        }
        tensors |= copies
        tensors[f"{layout.MASKED}quant_conv.bias"] += 1

    with pytest.warns(UserWarning, match="differs from the one for images in 1 parameters"):
        import_released(_changed(tmp_path, doubled), text_heads=4, unet_head_channels=16)
    assert shapes_of(load_file(FIXTURE))
