"""Configuration: frozen dataclasses, validated on construction, and the presets."""

from dataclasses import dataclass, replace
from typing import Literal

from dreamtext.configs.schema import Checked, option

DatasetName = Literal[
    "embedded", "synthtext", "laion_ocr", "icdar13", "textseg", "folder", "scenepair"
]


@dataclass(frozen=True, kw_only=True)
class LabelConfig(Checked):
    """How wrong the character masks are that training sees; what is tested against stays exact.

    In this order: boxes instead of strokes, boxes shifted, some swapped, some missing.
    """

    form: Literal["strokes", "boxes"] = "strokes"
    # Standard deviation of each character's shift, as a share of its own width and height:
    shift_x: float = 0.0
    shift_y: float = 0.0
    swapped: float = 0.0  # share of characters that carry the label of another one of the word
    missing: float = 0.0  # share of characters whose pixels count as background
    # sample: a sample is always wrong in the same way; visit: in another way in each epoch
    drawn: Literal["sample", "visit"] = "sample"
    seed: int = 0

    def check(self) -> None:
        self.require(
            self.shift_x >= 0 and self.shift_y >= 0,
            "shift_x and shift_y are shares of a character's width and height, 0 or more",
        )
        for name in ("swapped", "missing"):
            self.require(0 <= getattr(self, name) <= 1, f"{name} is a share of characters, 0 to 1")

    @property
    def exact(self) -> bool:
        """Whether the labels are as the data set has them."""
        return self.form == "strokes" and not (
            self.shift_x or self.shift_y or self.swapped or self.missing
        )


@dataclass(frozen=True, kw_only=True)
class DataConfig(Checked):
    """Which samples a run learns from, and their size in pixels."""

    name: DatasetName = "embedded"
    root: str = option("", identity=False)
    height: int = 32
    width: int = 64
    max_length: int = 12
    # Data sets with files only: zoom in until the word takes this share of the picture.
    word_area: float = option(0.04, neutral=0.04)
    labels: LabelConfig = option(LabelConfig(), neutral=LabelConfig())  # noqa: RUF009
    # The embedded world only:
    alphabet: Literal["upper", "alphanumeric", "printable"] = "upper"
    min_word_length: int = 3
    max_word_length: int = 4
    fonts: int = 12  # 0: every training font
    train_size: int = 40_000
    seed: int = 0

    def check(self) -> None:
        self.require(self.height > 0 and self.width > 0, "height and width must be positive")
        self.require(
            1 <= self.min_word_length <= self.max_word_length <= self.max_length,
            f"word lengths must satisfy 1 <= min_word_length ({self.min_word_length}) <= "
            f"max_word_length ({self.max_word_length}) <= max_length ({self.max_length})",
        )
        self.require(0 < self.word_area <= 1, "word_area is a share of the picture, 0 to 1")
        self.require(self.train_size > 0, "train_size must be positive")
        self.require(self.fonts >= 0, "fonts must be 0 (all) or a number of fonts")


@dataclass(frozen=True, kw_only=True)
class TextEncoderConfig(Checked):
    """The character encoder psi (the paper: 12 post-norm layers of width 2048)."""

    width: int = 96
    layers: int = 2
    heads: int = 4
    feedforward: int = 192
    dropout: float = 0.0
    null_token: bool = True  # a learned token that background pixels may attend to
    mask_padding: bool = True
    trainable_layers: int = -1  # -1: all; n: only the last n layers (the released code: 2)
    pretrain_steps: int = option(0, neutral=0)  # contrastive, before training (UDiffText)
    weights: str = option("", identity=False)  # a local file in the released layout, with heads
    # Of the heads that only training has (the released code trains the visual one alone):
    trainable_heads: Literal["all", "visual"] = option("all", neutral="all")
    # After the positions are added, as in the released code (0.1 there):
    position_dropout: float = option(0.0, neutral=0.0)

    def check(self) -> None:
        self.require(self.width % self.heads == 0, "width must be a multiple of heads")


@dataclass(frozen=True, kw_only=True)
class GlyphEncoderConfig(Checked):
    """The image encoder xi of the grey word crop: a small convolutional reader, or ViTSTR."""

    kind: Literal["conv", "vitstr"] = "conv"
    height: int = 16
    width: int = 48
    features: int = 128
    pretrain_steps: int = 300  # conv only: steps of reading practice before it is frozen
    weights: str = option("", identity=False)  # vitstr only: a local file
    # quad: the word cut out along its corners; box: along their bounds, as in the released code
    crop: Literal["quad", "box"] = option("quad", neutral="quad")


@dataclass(frozen=True, kw_only=True)
class AutoencoderConfig(Checked):
    """Pixels <-> latents: a fixed block DCT, or Stable Diffusion's KL autoencoder."""

    kind: Literal["block_dct", "kl"] = "block_dct"
    channels: int = 16
    downscale: int = 4
    scaling_factor: float = 1.15  # brings the embedded world's latents to a std of 1
    weights: str = option("", identity=False)  # kl only: a local folder or original file
    # The KL autoencoder's sizes, Stable Diffusion's by default:
    widths: tuple[int, ...] = option((128, 256, 512, 512), neutral=(128, 256, 512, 512))
    layers_per_block: int = option(2, neutral=2)
    stem: int = option(0, neutral=0)  # width of the encoder's first convolution; 0: widths[0]
    attention: tuple[bool, ...] = option((), neutral=())  # per level; (): in the middle only
    # In training, a picture's latents: the most likely, or drawn as in the released code
    posterior: Literal["mode", "sample"] = option("mode", neutral="mode")


@dataclass(frozen=True, kw_only=True)
class UNetConfig(Checked):
    """The denoising U-Net, in the terms of diffusers' `UNet2DConditionModel`."""

    widths: tuple[int, ...] = (96, 64)
    layers_per_block: int = 1
    heads: tuple[int, ...] = (4, 4)
    attention: tuple[bool, ...] = (True, True)
    norm_groups: int = 8
    linear_projection: bool = True
    coordinates: bool = True  # four extra input channels: position relative to the region
    # With them their sines and cosines, doubling in frequency (Tancik et al. 2020): where within
    # a character a cell lies is a fast function of where it lies within the word.
    coordinate_octaves: int = option(4, neutral=0)
    trainable: Literal["all", "text_attention"] = "all"  # text_attention: the released code
    weights: str = option("", identity=False)  # a local diffusers folder or original file
    # zero_output: the text cross-attention starts as if it were not there, as in the released code
    text_attention: Literal["default", "zero_output"] = option("default", neutral="default")
    depths: tuple[int, ...] = option((), neutral=())  # transformer blocks per level; (): one
    middle_depth: int = option(0, neutral=0)  # 0: as at the last level
    # The region at latent size: any pixel of a cell counts, or bilinear as in the released code
    region: Literal["any", "bilinear"] = option("any", neutral="any")

    def check(self) -> None:
        same = len(self.widths) == len(self.heads) == len(self.attention)
        self.require(same, "widths, heads and attention must have one entry per level")
        self.require(
            len(self.depths) in (0, len(self.widths)), "depths must have one entry per level"
        )
        self.require(self.coordinate_octaves >= 0, "coordinate_octaves must be 0 (none) or more")

    @property
    def coordinate_channels(self) -> int:
        """How many input channels tell a cell its position."""
        return 4 + 4 * self.coordinate_octaves if self.coordinates else 0


@dataclass(frozen=True, kw_only=True)
class SegmentationConfig(Checked):
    """A character segmentation as a further condition of the U-Net, and its judge (TextDiffuser).

    In training it is the real one, in sampling the word typeset in the region.
    """

    channels: int = 0  # 0: no such condition (TextDiffuser: 8)
    pretrain_steps: int = 300  # of the latent segmenter behind objective.character_weight

    def check(self) -> None:
        self.require(self.channels >= 0, "channels must be 0 (no segmentation) or positive")


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig(Checked):
    """The noise schedule. `shift` s moves timesteps towards noise: t' = s t / (1 + (s - 1) t)."""

    schedule: Literal["cosine", "scaled_linear"] = "cosine"
    prediction: Literal["sample", "epsilon", "v_prediction"] = "sample"
    zero_terminal_snr: bool = True
    shift: float = 5.0
    timesteps: int = 1000


@dataclass(frozen=True, kw_only=True)
class MaskConfig(Checked):
    """Attention maps -> latent character masks (arXiv 2405.14701: 3 x 3, mean + 2 std)."""

    blur_kernel: int = 3
    blur_sigma: float = 1.0
    threshold_std: float = 2.0
    height: int = 8
    width: int = 16
    min_size: int = 4  # layers whose smaller side is below this are left out
    resize: Literal["bilinear", "nearest"] = "bilinear"  # nearest: the released code
    border: Literal["symmetric", "zero"] = "symmetric"  # of the blur; zero: the released code

    def check(self) -> None:
        self.require(self.blur_kernel % 2 == 1, "blur_kernel must be odd (1: no blur)")
        self.require(self.blur_sigma > 0, "blur_sigma must be positive")


@dataclass(frozen=True, kw_only=True)
class SupervisionConfig(Checked):
    """Ground-truth character masks on the soft attention: never, for a warm-up, or throughout."""

    mode: Literal["none", "balanced", "full"] = "balanced"
    warmup: float = 0.25  # balanced: the fraction of all steps that are supervised
    form: Literal["tokens", "pixels", "max", "released"] = "tokens"  # max: UDiffText's
    weight: float = 2.0
    background_weight: float = 0.5
    # each: a loss for every attention layer at its own size, as UDiffText's, not one on A_bar
    layers: Literal["average", "each"] = option("average", neutral="average")

    def check(self) -> None:
        self.require(0 <= self.warmup <= 1, "warmup is a fraction of all steps, 0 to 1")

    def steps(self, total: int) -> int:
        """How many of a run's `total` steps are supervised."""
        if self.mode == "none":
            return 0
        return total if self.mode == "full" else round(self.warmup * total)

    def canonical(self) -> "SupervisionConfig":
        """Settings that train the same have one form: an empty warm-up is no supervision, a whole
        one is full supervision, and without supervision nothing else matters."""
        if self.mode == "none" or (self.mode == "balanced" and self.warmup == 0):
            return SupervisionConfig(mode="none")
        if self.mode == "full" or self.warmup == 1:
            return replace(self, mode="full", warmup=SupervisionConfig().warmup)
        return self


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig(Checked):
    """L = L_mask + alpha L_attn + beta (L_align + L_id), each form as in the paper or the code.

    The paper leaves open whether its squared norms are sums or means over the cells of a map, so
    alpha has no meaning without `mask_norm` and `attention_norm`. `Config.effective_alpha` is what
    alpha amounts to where both are means: .01 stays .01 with means, and beside the denoising error
    its gradient is then too small to matter (on the scale model 2e-5 against 6e-2 on the queries
    and keys); with `attention_norm=sum` it is 1.28 on maps of 8 x 16 cells and 41 on 64 x 64.

    L_attn can hold masks, it cannot find them: from an untrained model it makes every cell attend
    to the null token within some 25 steps, so let it act `after_supervision`, or by a ramp.

    The cosine form of L_align can be met without telling words apart: heads with a bias of their
    own send all words to one place (its loss then vanishes, and so does retrieval, which is logged
    beside it); InfoNCE cannot be met so.
    """

    mask_form: Literal["union", "separate"] = "union"
    attention_form: Literal["l2", "max"] = "l2"
    alignment_form: Literal["cosine", "infonce"] = "cosine"
    gamma: float = 1.0
    alpha: float = 0.01
    beta: float = 0.001
    identity_weight: float = 1.0  # of L_id beside L_align (released: 0.1)
    position_weight: float = 0.0  # of the released code's position loss (0.1 there)
    outside_weight: float = 0.1  # of the denoising error outside the region (paper: 1)
    recogniser_weight: float = option(0.0, neutral=0.0)  # UDiffText: 0.001
    character_weight: float = option(0.0, neutral=0.0)  # TextDiffuser's character-aware loss: 0.01
    # token: the heads see each token with zero mean and unit variance, as in the released code
    head_norm: Literal["none", "token"] = option("none", neutral="none")
    # all: identity and position are asked of padding too, as in the released code
    classified: Literal["letters", "all"] = option("letters", neutral="letters")
    # The squared norms over cells (and channels): a mean, or a sum as the formulas are written
    mask_norm: Literal["mean", "sum"] = option("mean", neutral="mean")
    attention_norm: Literal["mean", "sum"] = option("mean", neutral="mean")  # of attention_form=l2
    # Terms per character (L_attn as l2, L_id): the mean over a batch's characters, so that long
    # words weigh more; the mean over words of their means; or of their sums
    character_average: Literal["batch", "word", "word_sum"] = option("batch", neutral="batch")
    # When L_attn acts: at once, or from the step at which a warm-up's supervision ends
    attention_start: Literal["start", "after_supervision"] = option("start", neutral="start")
    attention_ramp: float = option(0.0, neutral=0.0)  # fraction of all steps until it is whole
    # Samples whose text is dropped: in L_mask with masks of their own attention, which is uniform
    # and has none but for rounding; or without masks
    dropped_in_mask: Literal["own_masks", "no_masks"] = option("own_masks", neutral="own_masks")
    supervision: SupervisionConfig = SupervisionConfig()

    def check(self) -> None:
        self.require(
            0 <= self.attention_ramp <= 1, "attention_ramp is a fraction of all steps, 0 to 1"
        )
        for name in ("gamma", "alpha", "beta", "outside_weight"):
            self.require(
                getattr(self, name) >= 0,
                f"{name} weighs a loss that is to become small: 0 (without it) or more",
            )

    def attention_first_step(self, total: int) -> int:
        """The first of `total` steps at which L_attn acts; supervision that never ends, or never
        begins, does not keep it waiting."""
        supervised = self.supervision.steps(total)
        waits = self.attention_start == "after_supervision" and supervised < total
        return supervised if waits else 0


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(Checked):
    """The optimiser and the loop."""

    steps: int = 1200
    batch_size: int = 32
    optimizer: Literal["muon", "adamw"] = "muon"
    lr: float = 2e-3  # AdamW's
    muon_lr: float = 0.02
    weight_decay: float = 0.0
    lr_warmup: int = 100
    lr_schedule: Literal["cosine", "constant", "epoch_decay"] = "cosine"
    lr_epoch_decay: float = 0.95  # epoch_decay only, as the released code
    lr_epoch_samples: int = option(0, neutral=0)  # 0: a pass over the data (released: 100,000)
    clip_norm: float = 5.0
    ema: float = 0.998  # 0: none
    text_dropout: float = 0.1
    dropped_in_attention: bool = True  # released: samples with dropped text stay in L_attn
    accumulate: int = 1
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    # full: self-attention in float32 beside it; on CPUs its backward pass is slow in bfloat16
    self_attention: Literal["mixed", "full"] = option("mixed", neutral="mixed")
    gradient_checkpointing: bool = option(False, identity=False)  # of the U-Net
    compile: bool = option(False, identity=False)  # the U-Net by torch.compile
    latents: str = option("", identity=False)  # a folder where the autoencoder's latents are kept
    # Processes that read samples; -1: of a GPU's share of the cores up to 8, without a GPU none
    data_workers: int = option(-1, identity=False)
    checkpoint_every: int = option(200, identity=False)
    validate_every: int = option(300, identity=False)
    validate_words: int = option(96, identity=False)  # painted and read at each validation
    log_every: int = option(10, identity=False)
    # beside log.jsonl; all but tensorboard must be installed first
    tracker: Literal["tensorboard", "wandb", "trackio", "mlflow", "none"] = option(
        "tensorboard", identity=False
    )

    def check(self) -> None:
        self.require(self.steps > 0, "steps must be positive")
        self.require(self.batch_size > 0, "batch_size must be positive")
        self.require(self.accumulate > 0, "accumulate must be positive")


@dataclass(frozen=True, kw_only=True)
class SamplingConfig(Checked):
    """How a trained model repaints."""

    solver: Literal["ddim", "euler"] = "ddim"
    steps: int = 6
    guidance: float = 2.5
    ema: bool = True
    precision: Literal["no", "bf16", "fp16"] = option("no", neutral="no")  # of the U-Net
    batch_size: int = option(32, identity=False)  # pictures at a time, at most 32
    attention_timesteps: tuple[float, ...] = (0.3, 0.6, 0.9)  # noise levels, fractions of t'

    def check(self) -> None:
        self.require(1 <= self.batch_size <= 32, "batch_size must be 1 to 32")


@dataclass(frozen=True, kw_only=True)
class ScoringConfig(Checked):
    """Who reads the painted words, and the local weight files of FID, KID and LPIPS.

    A score's signature holds the hashes of the files, not where they lie.
    """

    judge: str = "PP-OCRv6-small"  # PP-OCRv4, a folder in PaddleOCR's layout, a PARSeq checkpoint
    second_judge: str = "PP-OCRv4"  # as `judge`; columns of two judges
    inception: str = ""  # inception-2015-12-05.pt: FID and KID are scored
    inception_pytorch: str = ""  # pt_inception-2015-12-05-6726825d.pth: FID-pytorch
    alexnet: str = ""  # alexnet-owt-7be5be79.pth: LPIPS is scored
    dinov2: str = ""  # a folder as transformers saves it: FD-DINOv2, DINOv2-similarity
    clip: str = ""  # the same: CLIP-similarity


@dataclass(frozen=True, kw_only=True)
class ModelConfig(Checked):
    """U-Net, autoencoder and the two encoders."""

    text: TextEncoderConfig = TextEncoderConfig()
    glyph: GlyphEncoderConfig = GlyphEncoderConfig()
    autoencoder: AutoencoderConfig = AutoencoderConfig()
    unet: UNetConfig = UNetConfig()
    segmentation: SegmentationConfig = option(  # noqa: RUF009 (frozen, as the ones above)
        SegmentationConfig(), neutral=SegmentationConfig()
    )


@dataclass(frozen=True, kw_only=True)
class Config(Checked):
    """Everything a run of our own model is made of."""

    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    diffusion: DiffusionConfig = DiffusionConfig()
    masks: MaskConfig = MaskConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()
    sampling: SamplingConfig = SamplingConfig()
    scoring: ScoringConfig = option(ScoringConfig(), identity=False)  # noqa: RUF009
    seed: int = 0

    @property
    def effective_alpha(self) -> float:
        """What alpha amounts to where L_mask and L_attn are both means over cells."""
        alpha, latent = self.objective.alpha, self.model.autoencoder
        if self.objective.attention_form == "l2" and self.objective.attention_norm == "sum":
            alpha *= self.masks.height * self.masks.width
        if self.objective.mask_norm == "sum":
            cells = (self.data.height // latent.downscale) * (self.data.width // latent.downscale)
            alpha /= latent.channels * cells
        return alpha


# Part of a training run's identity. Raised when a configuration trains to other numbers than
# before and no field tells them apart:
# 2: a map that is uniform up to rounding has no mask (it had a full one); the background of a word
#    that leaves it no token is supervised.
METHOD_REVISION = 2

# Raised when the same trained model and settings come to paint other pictures; part of a sampling
# run's identity from 2 on.
SAMPLING_REVISION = 1
