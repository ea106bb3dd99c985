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
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from dreamtext import checkpoints, diffusion, optimizer, practice, validation
from dreamtext.attention import text_attention
from dreamtext.average import Average
from dreamtext.batches import Draw, StepOrder, draw_step
from dreamtext.config import Config
from dreamtext.data.sample import Batch, Dataset, collate
from dreamtext.errors import Interrupted, RunError, UserError
from dreamtext.judged import judged_terms
from dreamtext.masks import average_attention
from dreamtext.model import DreamText
from dreamtext.objective import Evidence, terms


class TrainingStep(nn.Module):
    """sample -> latents -> U-Net with recorded attention -> latent character masks -> terms."""

    def __init__(self, model: DreamText) -> None:
        super().__init__()
        self.model = model
        self.scheduler = diffusion.training_scheduler(model.config.diffusion)

    def forward(self, batch: Batch, draw: Draw, supervised: bool) -> dict[str, Tensor]:
        model, config = self.model, self.model.config
        condition = model.condition(batch)
        noisy = self.scheduler.add_noise(condition.latents, draw.noise, draw.timesteps)
        text = model.text_encoder(batch.tokens)
        context = text * (~draw.dropped)[:, None, None]
        predicted, maps = model.denoise_recorded(
            noisy, draw.timesteps, condition, context, batch.tokens
        )
        evidence = Evidence(
            error=self.target(condition.latents, draw) - predicted.float(),
            region=condition.region,
            average=average_attention(maps, config.masks),
            tokens=batch.tokens,
            characters=batch.characters,
            has_characters=batch.has_characters,
            text=text,
            visual=self.glyphs(batch),
            dropped=draw.dropped,
            judged=judged_terms(model, batch, lambda: self.clean(noisy, predicted, draw)),
        )
        return terms(evidence, model.heads, config, supervised=supervised)

    def target(self, latents: Tensor, draw: Draw) -> Tensor:
        """What the U-Net is to predict."""
        kind = self.model.config.diffusion.prediction
        if kind == "sample":
            return latents
        if kind == "epsilon":
            return draw.noise
        return self.scheduler.get_velocity(latents, draw.noise, draw.timesteps)

    def clean(self, noisy: Tensor, predicted: Tensor, draw: Draw) -> Tensor:
        """The clean latents (B, C, h, w) that a prediction amounts to."""
        kind = self.model.config.diffusion.prediction
        if kind == "sample":
            return predicted
        kept = self.scheduler.alphas_cumprod.to(noisy.device)[draw.timesteps].view(-1, 1, 1, 1)
        if kind == "epsilon":
            return (noisy - (1 - kept).sqrt() * predicted) / kept.sqrt().clamp_min(1e-3)
        return kept.sqrt() * noisy - (1 - kept).sqrt() * predicted

    @torch.no_grad()
    def glyphs(self, batch: Batch) -> Tensor:
        return self.model.glyph_encoder(batch.crop)


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


class Trainer:
    """A run's model, average and optimisers, and where in its folder they are kept."""

    def __init__(self, config: Config, folder: Path, accelerator: Accelerator) -> None:
        torch.manual_seed(config.seed)
        self.config, self.folder, self.accelerator = config, folder, accelerator
        self.model = DreamText(config)
        select_trainable(self.model)
        self.model.to(accelerator.device)
        self.average = Average(self.model, config.training.ema)
        optimizers = optimizer.build(self.model, config.training)
        self.base_rates = [o.param_groups[0]["lr"] for o in optimizers]
        self.step, *self.optimizers = accelerator.prepare(TrainingStep(self.model), *optimizers)

    def resume(self) -> int:
        """Load the newest checkpoint, if there is one; the number of steps already done."""
        found = checkpoints.load_checkpoint(self.folder / "checkpoints")
        if found is None:
            return 0
        done, tensors, states = found
        self.model.load_state_dict(tensors["model"])
        with torch.no_grad():
            for name, value in self.average.shadow.items():
                value.copy_(tensors["average"][name])
        for target, state in zip(self.optimizers, states, strict=True):
            target.load_state_dict(state)
        return done

    def save(self, done: int) -> None:
        checkpoints.save_checkpoint(
            self.folder / "checkpoints",
            done,
            {"model": self.model.state_dict(), "average": self.average.shadow},
            [o.state_dict() for o in self.optimizers],
        )

    def optimise(self, batches: Iterator[Batch], number: int, factor: float) -> dict[str, Tensor]:
        """One optimiser step, over `accumulate` batches; returns the last batch's terms."""
        config, accelerator = self.config, self.accelerator
        rank, ranks = accelerator.process_index, accelerator.num_processes
        supervised = number < config.objective.supervision.steps(config.training.steps)
        parts = config.training.accumulate
        found: dict[str, Tensor] = {}
        for part in range(parts):
            batch = next(batches).to(accelerator.device)
            draw = draw_step(config, number * parts + part, rank, ranks).to(accelerator.device)
            with nullcontext() if part == parts - 1 else accelerator.no_sync(self.step):
                found = self.step(batch, draw, supervised)
                accelerator.backward(found["total"] / parts)
        if config.training.clip_norm:
            accelerator.clip_grad_norm_(self.average.live.values(), config.training.clip_norm)
        for target, base in zip(self.optimizers, self.base_rates, strict=True):
            target.param_groups[0]["lr"] = base * factor
            target.step()
            target.zero_grad()
        self.average.update(number)
        return {name: value.detach() for name, value in found.items()}


def train(
    config: Config,
    folder: Path,
    dataset: Dataset,
    held_out: Dataset,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    accelerator: Accelerator | None = None,
) -> DreamText:
    """Train in `folder`, from its newest checkpoint on if it has one; returns the final model.

    Writes `log.jsonl`, `checkpoints/`, `validation/` and, at the end, `model/` (averaged weights).
    Killed at any instant and called again, it ends with the same weights as if left alone.

    Raises:
        Interrupted: `should_stop()` became true; everything is saved.
        RunError: the loss is not finite.
    """
    accelerator = accelerator or Accelerator(
        mixed_precision=config.training.mixed_precision,
        # Which heads the loss uses depends on its configuration.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
    rank, ranks = accelerator.process_index, accelerator.num_processes
    training, writer = config.training, accelerator.is_main_process
    if training.batch_size % ranks:
        raise UserError(
            f"training.batch_size={training.batch_size} is shared among {ranks} processes and "
            "must be a multiple of that number"
        )
    _refuse_without_characters(config, dataset)
    trainer = Trainer(config, folder, accelerator)
    start = trainer.resume()
    log = validation.Log(folder, enabled=writer)
    log.truncate(start or -1)
    if start == 0 and (learned := practice.before_training(trainer.model, dataset)):
        log.append({"step": 0, **learned})
    order = StepOrder(config, dataset, start, rank, ranks)
    crop_size = (config.model.glyph.height, config.model.glyph.width)
    batches = iter(
        DataLoader(
            dataset,
            batch_sampler=order,
            collate_fn=partial(collate, max_length=config.data.max_length, crop_size=crop_size),
            num_workers=training.data_workers,
        )
    )
    began = time.monotonic()
    with tqdm(
        total=training.steps, initial=start, desc="training", unit=" steps", disable=not writer
    ) as bar:
        trainer.model.train()
        for number in range(start, training.steps):
            factor = optimizer.rate(number, training, len(dataset) // training.batch_size)
            found = trainer.optimise(batches, number, factor)
            done, last = number + 1, number + 1 == training.steps
            bar.update()
            if done % training.log_every == 0 or last:
                values = {name: round(value.item(), 6) for name, value in found.items()}
                _refuse_infinite(values, done)
                bar.set_postfix({k: f"{v:.4f}" for k, v in values.items()}, refresh=False)
                speed = (done - start) / (time.monotonic() - began)
                log.append({"step": done, **values, "steps_per_s": round(speed, 3)})
            if writer and (done % training.validate_every == 0 or last):
                with trainer.average.applied():
                    log.append(validation.validate(trainer.model, held_out, folder, done))
                trainer.model.train()
            stopping = should_stop() and not last
            if writer and (done % training.checkpoint_every == 0 or last or stopping):
                trainer.save(done)
            if stopping:
                raise Interrupted(
                    f"training stopped as asked at step {done} of {training.steps}; everything is "
                    "saved, and the same command goes on from there"
                )
    if trainer.average.decay:
        trainer.average.copy(trainer.average.shadow)
    if writer:
        checkpoints.save_model(trainer.model, folder / "model")
    accelerator.wait_for_everyone()
    return trainer.model.eval()


def _refuse_without_characters(config: Config, dataset: Dataset) -> None:
    supervision = config.objective.supervision
    if supervision.steps(config.training.steps) and not dataset.has_characters:
        raise UserError(
            f"the data set '{config.data.name}' has no character masks, so nothing can be "
            f"supervised, but objective.supervision.mode={supervision.mode}; set "
            "objective.supervision.mode=none, or train on a data set with masks"
        )


def _refuse_infinite(values: dict[str, float], step: int) -> None:
    if not np.isfinite(values["total"]):
        raise RunError(
            f"the loss is not finite at step {step} ({values}); lower training.lr or "
            "training.muon_lr, or train in full precision (training.mixed_precision=no)"
        )
