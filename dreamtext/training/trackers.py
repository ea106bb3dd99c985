"""Where else a training's numbers go, by accelerate's own trackers: TensorBoard, W&B, ...

What the project itself reads is `log.jsonl` alone; a tracker is for looking at.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from dreamtext.configs.schema import to_dict
from dreamtext.configs.sections import Config
from dreamtext.errors import UserError

PROJECT = "dreamtext"


def wanted(config: Config) -> list[str]:
    """The trackers to ask accelerate for.

    Raises:
        UserError: the tracker's package is not installed.
    """
    name = config.training.tracker
    if name == "none":
        return []
    if find_spec(name) is None:
        raise UserError(
            f"training.tracker={name} needs the package {name}: pip install {name}, or set "
            "training.tracker=tensorboard or none"
        )
    return [name]


def begin(accelerator: Accelerator, config: Config, folder: Path) -> None:
    """Open the trackers of a run; one that was resumed goes on where its service allows that."""
    name = config.training.tracker
    local = name == "tensorboard"  # its files are in the run's folder, under this name
    here: dict[str, dict[str, Any]] = {
        "wandb": {"name": folder.name, "id": folder.name, "resume": "allow", "dir": str(folder)},
        "trackio": {"name": folder.name, "resume": "allow"},
        "mlflow": {"run_name": folder.name},
    }
    accelerator.init_trackers(
        name if local else PROJECT,
        config=_flat(to_dict(config)),
        init_kwargs={name: here[name]} if name in here else {},
    )


def log(accelerator: Accelerator, line: dict[str, Any]) -> None:
    """Send the numbers of a line of the log."""
    numbers = {k: v for k, v in line.items() if k != "step" and isinstance(v, (int, float))}
    accelerator.log(numbers, step=line["step"])


def end(accelerator: Accelerator) -> None:
    """Close the trackers, and leave the processes joined (`end_training` would part them)."""
    for tracker in accelerator.trackers:
        tracker.finish()


def _flat(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`; lists as text."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            out |= _flat(value, f"{above}{key}.")
        else:
            scalar = value is None or isinstance(value, (bool, int, float, str))
            out[above + key] = value if scalar and value is not None else str(value)
    return out
