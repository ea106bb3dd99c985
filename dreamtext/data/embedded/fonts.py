"""The real fonts of the embedded world: which are trained on, which are held out, by style."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from dreamtext.errors import RunError

if TYPE_CHECKING:
    from PIL import ImageFont

Style = Literal["serif", "sans", "script", "display", "mono"]


@dataclass(frozen=True)
class Font:
    """One font file inside an installed package."""

    family: str
    style: Style
    package: str
    file: str
    unicase: bool = False  # small letters look like capitals

    @property
    def name(self) -> str:
        return Path(self.file).stem

    @property
    def path(self) -> Path:
        spec = find_spec(self.package)
        if spec is None or spec.origin is None:
            raise RunError(
                f"the font {self.name} belongs to the Python package {self.package}, which is not "
                "installed; run the project's installation again"
            )
        return Path(spec.origin).parent / self.file


def _family(
    family: str, style: Style, package: str, folder: str, names: str, unicase: bool = False
) -> list[Font]:
    return [Font(family, style, package, f"{folder}/{n}", unicase) for n in names.split()]


_MPL = "mpl-data/fonts/ttf"

# The first twelve are the tiny preset's: one or two weights of each style, easy to tell apart.
TRAINING: tuple[Font, ...] = (
    *_family("DejaVu Sans", "sans", "matplotlib", _MPL, "DejaVuSans.ttf DejaVuSans-Bold.ttf"),
    *_family("DejaVu Serif", "serif", "matplotlib", _MPL, "DejaVuSerif.ttf DejaVuSerif-Bold.ttf"),
    *_family("DejaVu Mono", "mono", "matplotlib", _MPL, "DejaVuSansMono-Bold.ttf"),
    *_family("Roboto", "sans", "font_roboto", "files", "Roboto-Medium.ttf Roboto-Black.ttf"),
    *_family("Lato", "sans", "font_lato", "files", "Lato-Bold.ttf"),
    *_family(
        "Source Serif", "serif", "font_source_serif_pro", "files", "SourceSerifPro-Semibold.ttf"
    ),
    *_family("Source Sans", "sans", "font_source_sans_pro", "files", "SourceSansPro-Bold.ttf"),
    *_family("Fjalla One", "display", "font_fjallaone", "files", "FjallaOne-Regular.ttf"),
    *_family("STIX", "serif", "matplotlib", _MPL, "STIXGeneralBol.ttf"),
    # the remaining training fonts
    *_family("DejaVu Sans", "sans", "matplotlib", _MPL, "DejaVuSans-Oblique.ttf"),
    *_family("DejaVu Serif", "serif", "matplotlib", _MPL, "DejaVuSerif-Italic.ttf"),
    *_family("DejaVu Mono", "mono", "matplotlib", _MPL, "DejaVuSansMono.ttf"),
    *_family("STIX", "serif", "matplotlib", _MPL, "STIXGeneral.ttf STIXGeneralBolIta.ttf"),
    *_family(
        "Roboto",
        "sans",
        "font_roboto",
        "files",
        "Roboto-Regular.ttf Roboto-Bold.ttf Roboto-BoldItalic.ttf Roboto-Light.ttf",
    ),
    *_family(
        "Lato",
        "sans",
        "font_lato",
        "files",
        "Lato-Regular.ttf Lato-Black.ttf Lato-BoldItalic.ttf Lato-Light.ttf",
    ),
    *_family(
        "Source Sans",
        "sans",
        "font_source_sans_pro",
        "files",
        "SourceSansPro-Regular.ttf SourceSansPro-Black.ttf SourceSansPro-SemiboldIt.ttf",
    ),
    *_family(
        "Source Serif",
        "serif",
        "font_source_serif_pro",
        "files",
        "SourceSerifPro-Regular.ttf SourceSerifPro-Black.ttf SourceSerifPro-BoldIt.ttf",
    ),
    *_family(
        "Manrope",
        "sans",
        "font_manrope",
        "files",
        "Manrope-Regular.ttf Manrope-SemiBold.ttf Manrope-ExtraBold.ttf",
    ),
)

# Whole families that no training sample uses.
UNSEEN: tuple[Font, ...] = (
    *_family("Caladea", "serif", "font_caladea", "files", "Caladea-Regular.ttf Caladea-Bold.ttf"),
    *_family(
        "Hanken Grotesk",
        "sans",
        "font_hanken_grotesk",
        "files",
        "HankenGrotesk-Medium.otf HankenGrotesk-Bold.otf",
    ),
    *_family("Intuitive", "script", "font_intuitive", "files", "Intuitive.ttf"),
    *_family(
        "Amatic SC",
        "script",
        "font_amatic_sc",
        "files",
        "AmaticSC-Regular.ttf AmaticSC-Bold.ttf",
        unicase=True,
    ),
    *_family("Fredoka One", "display", "font_fredoka_one", "files", "FredokaOne-Regular.ttf"),
    *_family("Computer Modern Mono", "mono", "matplotlib", _MPL, "cmtt10.ttf"),
)


@cache
def open_font(font: Font, size_px: int) -> "ImageFont.FreeTypeFont":
    """The font at an em of `size_px` pixels.

    Raises:
        RunError: its file cannot be opened.
    """
    from PIL import ImageFont

    try:
        return ImageFont.truetype(str(font.path), size_px, layout_engine=ImageFont.Layout.BASIC)
    except OSError as error:
        raise RunError(
            f"the font file {font.path} cannot be opened ({error}); reinstall the Python package "
            f"{font.package}"
        ) from error


@cache
def glyph(font: Font, character: str, size_px: int) -> tuple[np.ndarray, int, int, float]:
    """A character's ink: (h, w) uint8 coverage, its offset x, y from the pen, and the advance."""
    opened = open_font(font, size_px)
    mask, (left, top) = opened.getmask2(character, mode="L", anchor="ls")
    width, height = mask.size
    ink = np.asarray(mask, dtype=np.uint8).reshape(height, width)
    return ink, left, top, opened.getlength(character)
