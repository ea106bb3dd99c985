"""The data sets with files of their own, by name."""

from dreamtext.data.annotation import Format
from dreamtext.data.icdar13 import Icdar13
from dreamtext.data.image_folder import ImageFolder
from dreamtext.data.laion_ocr import LaionOcr
from dreamtext.data.scene_pair import ScenePair
from dreamtext.data.synthtext import SynthText
from dreamtext.data.textseg import TextSeg
from dreamtext.errors import UserError

NAMES = ("synthtext", "laion_ocr", "icdar13", "textseg", "folder", "scenepair")


def format_named(name: str) -> Format:
    """A fresh reader of that data set's layout.

    Raises:
        UserError: no such data set.
    """
    formats: dict[str, type[Format]] = {"synthtext": SynthText, "laion_ocr": LaionOcr}
    formats |= {"icdar13": Icdar13, "textseg": TextSeg, "folder": ImageFolder}
    formats |= {"scenepair": ScenePair}
    if name not in formats:
        raise UserError(f"'{name}' is not a data set with files; one of {', '.join(NAMES)}")
    return formats[name]()
