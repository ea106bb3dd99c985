"""What the terms weigh at a step: supervision stops after its warm-up."""

from dataclasses import dataclass

from dreamtext.configs.sections import Config


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights that change during training; a term of weight 0 is not computed.

    Attributes:
        attention: of L_attn (alpha).   supervision: of the ground-truth character masks.
    """

    attention: float
    supervision: float


def weights_at(config: Config, step: int) -> Weights:
    """The weights of optimiser step `step`, counted from 0."""
    supervision = config.objective.supervision
    supervised = step < supervision.steps(config.training.steps)
    return Weights(
        attention=config.objective.alpha,
        supervision=supervision.weight if supervised else 0.0,
    )
