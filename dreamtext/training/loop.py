"""The training loop: accelerate, exact resume, validation on the way."""

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from diffusers.models.attention import FeedForward
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from dreamtext import devices
from dreamtext.configs.sections import Config
from dreamtext.data.sample import Dataset, HostBatch
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.files import CHECKPOINTS, MODEL
from dreamtext.networks.attention import keep_self_attention_full, text_attention
from dreamtext.networks.latent_cache import LatentCache
from dreamtext.networks.model import DreamText
from dreamtext.objective.schedule import weights_at
from dreamtext.objective.step import TrainingStep
from dreamtext.objective.terms import refuse_unlabelled
from dreamtext.training import optimizer, trackers, validation
from dreamtext.training.average import Average
from dreamtext.training.batches import StepOrder, collator, draw_step, step_seed
from dreamtext.training.log import Log
from dreamtext.training.pretraining import pretrain
from dreamtext.weights import checkpoints, pretrained


def select_trainable(model: DreamText) -> None:
    """Mark what is trained, as `unet.trainable` and `text.trainable_layers` say."""
    config = model.config.model
    if config.unet.trainable == "text_attention":
        model.unet.requires_grad_(False)
        for name in text_attention(model.unet):
            block = model.unet.get_submodule(name.removesuffix(".attn2"))
            block.attn2.requires_grad_(True)
            block.norm2.requires_grad_(True)
    if config.text.trainable_layers >= 0:
        model.text_encoder.requires_grad_(False)
        kept = config.text.trainable_layers
        for layer in list(model.text_encoder.encoder.layers)[config.text.layers - kept :]:
            layer.requires_grad_(True)
    if config.text.trainable_heads == "visual":
        model.heads.requires_grad_(False)
        model.heads.visual.requires_grad_(True)
        model.heads.visual_mix.requires_grad_(True)


def compile_blocks(unet: nn.Module, backend: str = "inductor") -> None:
    """Compile the U-Net's residual blocks and feed-forwards; attention stays as it is recorded.

    Each block counts its own compilations: a U-Net has more shapes of blocks than torch compiles
    one function for, and would run the rest of them uncompiled. Each size of a batch has its own
    code, whatever was seen before, so that a resumed run computes the same bits.
    """
    for module in unet.modules():
        if isinstance(module, ResnetBlock2D | FeedForward):
            module.compile(backend=backend, dynamic=False, isolate_recompiles=True)


class Trainer:
    """A run's model, average and optimisers, and where in its folder they are kept."""

    def __init__(self, config: Config, folder: Path, accelerator: Accelerator) -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder, self.accelerator = config, folder, accelerator
        self.model = DreamText(config)
        pretrained.load(self.model)
        select_trainable(self.model)
        self.model.to(accelerator.device)
        if config.training.latents and config.model.autoencoder.posterior == "sample":
            raise UserError(
                "training.latents keeps one latent a picture, but "
                "model.autoencoder.posterior=sample draws another every time; use one of them"
            )
        if config.training.latents:
            folder = Path(config.training.latents)
            self.model.latent_cache = LatentCache(folder, self.model.autoencoder)
        if config.training.gradient_checkpointing:
            self.model.unet.enable_gradient_checkpointing()
        if config.training.self_attention == "full":
            keep_self_attention_full(self.model.unet)
        if config.training.compile:
            compile_blocks(self.model.unet)
        self.average = Average(self.model, config.training.ema)
        self.optimizers = optimizer.build(self.model, config.training)
        self.base_rates = [o.param_groups[0]["lr"] for o in self.optimizers]
        # The optimisers are not prepared: accelerate would unscale the gradients of all and then
        # step and rescale one by one, so that the second one's are unscaled twice.
        self.step = accelerator.prepare(TrainingStep(self.model))

    def resume(self) -> int:
        """Load the newest checkpoint, if there is one; the number of steps already done."""
        checkpoint = checkpoints.load_checkpoint(self.folder / CHECKPOINTS)
        if checkpoint is None:
            return 0
        done, tensors, states = checkpoint
        self.model.load_state_dict(tensors["model"])
        with torch.no_grad():
            for name, value in self.average.shadow.items():
                value.copy_(tensors["average"][name])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(states.pop())
        for target, state in zip(self.optimizers, states, strict=True):
            target.load_state_dict(state)
        return done

    def save(self, done: int) -> None:
        checkpoints.save_checkpoint(
            self.folder / CHECKPOINTS,
            done,
            {"model": self.model.state_dict(), "average": self.average.shadow},
            [o.state_dict() for o in [*self.optimizers, self.accelerator.scaler] if o is not None],
        )

    def optimise(
        self, batches: Iterator[HostBatch], number: int, factor: float
    ) -> dict[str, Tensor]:
        """One optimiser step, over `accumulate` batches; returns the last batch's terms."""
        config, accelerator = self.config, self.accelerator
        rank, ranks = accelerator.process_index, accelerator.num_processes
        weights, parts = weights_at(config, number), config.training.accumulate
        terms: dict[str, Tensor] = {}
        for part in range(parts):
            host = next(batches)
            if weights.supervision or config.objective.character_weight:
                refuse_unlabelled(host, config)
            batch = host.to(accelerator.device)
            draw = draw_step(config, number * parts + part, rank, ranks).to(accelerator.device)
            text = config.model.text
            if text.dropout or text.position_dropout:  # a resumed run drops what it would have
                torch.manual_seed(step_seed(config.seed, number * parts + part, rank))
            with nullcontext() if part == parts - 1 else accelerator.no_sync(self.step):
                terms = self.step(batch, draw, weights)
                accelerator.backward(terms["total"] / parts)
        for target, base in zip(self.optimizers, self.base_rates, strict=True):
            target.param_groups[0]["lr"] = base * factor
        optimizer.step(
            self.optimizers, self.average.live.values(), config.training, accelerator.scaler
        )
        self.average.update(number)
        return {
            name: accelerator.reduce(value.detach(), "mean") if ranks > 1 else value.detach()
            for name, value in terms.items()
        }

    def agreed(self, wish: bool) -> bool:
        """Whether any process has this wish: all must stop at the same step."""
        if self.accelerator.num_processes == 1:
            return wish
        votes = torch.tensor(float(wish), device=self.accelerator.device)
        return bool(devices.fetched(self.accelerator.reduce(votes, "sum")) > 0)


def train(
    config: Config,
    folder: Path,
    dataset: Dataset,
    held_out: Dataset,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    accelerator: Accelerator | None = None,
    read: validation.Read | None = None,
) -> DreamText:
    """Train in `folder`, from its newest checkpoint on if it has one; returns the final model.

    Writes `log.jsonl`, `checkpoints/`, `validation/` and, at the end, `model/` (averaged weights).
    Killed at any instant and called again, it ends with the same weights as if left alone.

    Args:
        read: scores painted held-out words at each validation, for the log.

    Raises:
        Interrupted: `should_stop()` became true; everything is saved.
        RunError: the loss is not finite.
    """
    clock = time.process_time()
    accelerator = accelerator or accelerate(config, folder)
    rank, ranks = accelerator.process_index, accelerator.num_processes
    training, writer = config.training, accelerator.is_main_process
    if training.batch_size % ranks:
        raise UserError(
            f"training.batch_size={training.batch_size} is shared among {ranks} processes and "
            "must be a multiple of that number"
        )
    _refuse_without_characters(config, dataset)
    _refuse_frozen_at_random(config)
    trainer = Trainer(config, folder, accelerator)
    start = trainer.resume()
    trackers.begin(accelerator, config, folder)
    log = Log(folder, enabled=writer, also=partial(trackers.log, accelerator))
    log.truncate(start or -1)
    clock -= log.cpu_s()
    if start == 0 and (scores := pretrain(trainer.model, dataset)):
        log.append({"step": 0, **scores})
    order = StepOrder(config, dataset, start, rank, ranks)
    batches = iter(
        DataLoader(
            dataset,  # type: ignore[arg-type]  # torch asks for a base class, not a protocol
            batch_sampler=order,
            collate_fn=collator(config),
            **devices.loading(accelerator.device, training.data_workers),
        )
    )
    began, per_step = time.monotonic(), training.batch_size * training.accumulate
    epoch_steps = (training.lr_epoch_samples or len(dataset)) // per_step
    with tqdm(
        total=training.steps, initial=start, desc="training", unit=" steps", disable=not writer
    ) as bar:
        trainer.model.train()
        for number in range(start, training.steps):
            factor = optimizer.rate(number, training, epoch_steps)
            terms = trainer.optimise(batches, number, factor)
            done, last = number + 1, number + 1 == training.steps
            bar.update()
            if done % training.log_every == 0 or last:
                fetched = devices.fetched(torch.stack(list(terms.values()))).tolist()
                values = {name: round(value, 6) for name, value in zip(terms, fetched, strict=True)}
                _refuse_infinite(values, done)
                bar.set_postfix({k: f"{v:.4f}" for k, v in values.items()}, refresh=False)
                speed = (done - start) / (time.monotonic() - began)
                cpu_s = round(time.process_time() - clock, 2)
                pace = {"steps_per_s": round(speed, 3), "cpu_s": cpu_s}
                log.append({"step": done, **values, **pace})
            if writer and (done % training.validate_every == 0 or last):
                with trainer.average.applied():
                    log.append(validation.validate(trainer.model, held_out, folder, done, read))
                trainer.model.train()
            stopping = trainer.agreed(should_stop()) and not last
            if writer and (done % training.checkpoint_every == 0 or last or stopping):
                trainer.save(done)
            if stopping:
                accelerator.wait_for_everyone()
                trackers.end(accelerator)
                raise Interrupted(
                    f"training stopped as asked at step {done} of {training.steps}; everything is "
                    "saved, and the same command goes on from there"
                )
    if trainer.average.decay:
        trainer.average.copy(trainer.average.shadow)
    if writer:
        checkpoints.save_model(trainer.model, folder / MODEL)
    accelerator.wait_for_everyone()
    trackers.end(accelerator)
    return trainer.model.eval()


def accelerate(config: Config, folder: Path) -> Accelerator:
    """Devices, processes and mixed precision, as the launcher set them up; the run's trackers.

    Raises:
        UserError: the device cannot compute in the configured precision, or the tracker is not
            installed.
    """
    precision, where = config.training.mixed_precision, devices.device()
    devices.refuse_precision(precision, where, "training.mixed_precision")
    # Left alone without a GPU, accelerate does not join processes: each would train by itself.
    return Accelerator(
        cpu=where.type == "cpu",
        mixed_precision=precision,
        log_with=trackers.wanted(config),
        project_dir=folder,
        # Which heads the loss uses depends on its configuration.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def _refuse_without_characters(config: Config, dataset: Dataset) -> None:
    supervision = config.objective.supervision
    if supervision.steps(config.training.steps) and not dataset.has_characters:
        raise UserError(
            f"the data set '{config.data.name}' has no character masks, so nothing can be "
            f"supervised, but objective.supervision.mode={supervision.mode}; set "
            "objective.supervision.mode=none, or train on a data set with masks"
        )


def _refuse_frozen_at_random(config: Config) -> None:
    """What is frozen must have learned something before."""
    text, unet = config.model.text, config.model.unet
    learned = bool(text.weights or text.pretrain_steps)
    if text.trainable_heads == "visual" and not learned:
        raise UserError(
            "model.text.trainable_heads=visual freezes the other heads as they are drawn at "
            "random; name a pre-trained encoder with its heads (model.text.weights=FILE), "
            "pre-train one (model.text.pretrain_steps=600), or set model.text.trainable_heads=all"
        )
    if text.trainable_layers >= 0 and not learned:
        raise UserError(
            f"model.text.trainable_layers={text.trainable_layers} freezes the rest of a character "
            "encoder that is drawn at random; name a pre-trained one (model.text.weights=FILE), "
            "pre-train one (model.text.pretrain_steps=600), or set model.text.trainable_layers=-1"
        )
    if unet.trainable == "text_attention" and not unet.weights:
        raise UserError(
            "model.unet.trainable=text_attention freezes the rest of a U-Net that is drawn at "
            "random; name a base model (model.unet.weights=PATH) or set model.unet.trainable=all"
        )


def _refuse_infinite(values: dict[str, float], step: int) -> None:
    if not np.isfinite(values["total"]):
        raise RunError(
            f"the loss is not finite at step {step} ({values}); lower training.lr or "
            "training.muon_lr, or train in full precision (training.mixed_precision=no)"
        )
