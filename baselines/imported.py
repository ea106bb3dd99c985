"""Published checkpoints in the released layout, brought to a model's folder by the importer.

DreamText's and UDiffText's have the same parameters, so both run as our own model does; what
UDiffText does besides while it samples is in `baselines.udifftext`.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from baselines.ours import OurModel
from baselines.system import Capabilities, Weights, home, torch_device
from dreamtext.configs.schema import Checked, identity, option
from dreamtext.configs.sections import SamplingConfig
from dreamtext.errors import RunError

if TYPE_CHECKING:
    from dreamtext.networks.model import DreamText

SOURCES = {
    "released": "DreamText's README (pre_trained.ckpt)",
    "udifftext": "UDiffText's README (the text design checkpoint)",
}
LICENCES = {
    "released": "BSD-2-Clause for non-commercial academic use, by its README; else ask the authors",
    "udifftext": "MIT",
}


@dataclass(frozen=True, kw_only=True)
class ImportedSettings(Checked):
    """Attributes:
    folder: a model's folder, as importing a checkpoint writes it; "" means `model` below
        $DREAMTEXT_BASELINES/<name>.
    checkpoint: the hash (or any name) of what was imported: part of a run's identity.
    """

    folder: str = option("", identity=False)
    device: str = option("auto", identity=False)
    checkpoint: str = ""
    solver: Literal["euler", "ddim"] = "euler"
    steps: int = 50
    guidance: float = 5.0
    batch_size: int = option(4, identity=False)


class Imported(OurModel):
    """A published checkpoint, by name."""

    def __init__(self, name: str, settings: ImportedSettings) -> None:
        self.name = name  # type: ignore[misc]
        self.chosen = settings
        sampling = SamplingConfig(
            solver=settings.solver, steps=settings.steps, guidance=settings.guidance, ema=False
        )
        super().__init__(Path(settings.folder or home(name) / "model"), sampling)
        self.weights = Weights(file="model.safetensors", source=SOURCES[name])

    @property
    def weights_folder(self) -> Path:
        return self.folder

    def identity(self) -> dict[str, Any]:
        return {"system": self.name, "version": self.version, **identity(self.chosen)}

    @cached_property
    def model(self) -> "DreamText":
        if not (self.folder / "config.json").is_file():
            raise RunError(
                f"the system '{self.name}' needs {self.weights.source}, imported with "
                f"`dreamtext import-checkpoint` into {self.folder}, or folder=FOLDER of the model"
            )
        from dreamtext.weights.checkpoints import load_model

        self.device = torch_device(self.chosen.device)
        return load_model(self.folder).to(self.device)

    @cached_property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        licence = LICENCES[self.name]
        if not (self.folder / "config.json").is_file():  # the doctor asks before it is there
            return Capabilities(licence=licence, weights=(self.weights,))
        data = self.config.data
        return Capabilities(
            max_length=data.max_length,
            native_size=(data.height, data.width),
            licence=licence,
            weights=(self.weights,),
            batch_size=self.chosen.batch_size,
        )
