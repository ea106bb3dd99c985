"""What the terms weigh at a step: supervision stops after its warm-up, L_attn may begin late."""

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
        attention=config.objective.alpha * attention_share(config, step),
        supervision=supervision.weight if supervised else 0.0,
    )


def attention_share(config: Config, step: int) -> float:
    """The share of alpha at a step: 0 before L_attn acts, then a straight ramp to 1."""
    total = config.training.steps
    acting = step - config.objective.attention_first_step(total) + 1
    if acting <= 0:
        return 0.0
    return min(1.0, acting / max(1, round(config.objective.attention_ramp * total)))
