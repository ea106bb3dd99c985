"""Pictures that somebody else painted on an exported benchmark, as a system like any other.

    Variant(name="theirs", system="folder", overrides=("export=EXPORT", "results=RESULTS"))

RESULTS holds one `<id>.png` for every line of the export's manifest and may say in `system.json`
whose they are: name, licence, url, notes. Nothing is painted here: an answer is looked up.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

from baselines.request import Answer, Request, Status
from baselines.system import Capabilities, System
from dreamtext.configs.schema import Checked, option, signature
from dreamtext.data.exported import Export
from dreamtext.errors import RunError, UserError
from dreamtext.files import file_hash

SYSTEM = "system.json"
TOLD = ("name", "licence", "url", "notes")  # what system.json may say
_PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif"}
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"}


@dataclass(frozen=True, kw_only=True)
class BroughtSettings(Checked):
    """Where the pictures and the export lie; what they hold decides the run's identity."""

    results: str = option("", identity=False)
    export: str = option("", identity=False)
    # Of pictures that are not there: refused, counted as failures, or left out of all scores.
    missing: Literal["refused", "failures", "left_out"] = "refused"


@dataclass(frozen=True)
class Results:
    """A folder of pictures painted on an export, checked against it.

    Raises:
        UserError: names what is missing, surplus, misnamed or of another size or mode, and what to
            do.
    """

    folder: Path
    export: Export
    partial: bool = False

    @cached_property
    def files(self) -> dict[str, Path]:
        """The picture of every id that has one."""
        _refuse_what_is_no_folder(self.folder)
        wanted = {line["id"] for line in self.export.lines}
        found = [p for p in sorted(self.folder.iterdir()) if p.suffix.lower() in _PICTURES]
        self._refuse_strangers([p.stem for p in found], wanted)
        if other := [p.name for p in found if p.suffix.lower() != ".png"]:
            raise UserError(
                f"'{self.folder}' holds pictures that are no PNG ({_few(other)}): other formats "
                "change pixels or may; write every picture as <id>.png"
            )
        there = {p.stem: p for p in found}
        missing = sorted(wanted - set(there))
        if missing and not (self.partial and there):
            raise UserError(
                f"{len(missing)} of the {len(wanted)} pictures are missing in '{self.folder}': "
                f"{_few([f'{id}.png' for id in missing])}. Paint them, or ask for --partial, which "
                "counts them as failures and also scores the rest apart (in a study "
                "missing=failures, or missing=left_out)"
            )
        return there

    def _refuse_strangers(self, ids: Sequence[str], wanted: set[str]) -> None:
        strange = sorted(set(ids) - wanted)
        if not strange:
            return
        key = self.export.key
        others = sorted({id.partition("-")[0] for id in strange if _has_key(id)} - {key})
        if others and not set(ids) & wanted:
            raise UserError(
                f"'{self.folder}' holds results of another export: their ids begin with "
                f"{', '.join(others)}, those of '{self.export.folder}' with {key}. Name the export "
                "they were painted on, or paint this one"
            )
        near = difflib.get_close_matches(strange[0], wanted, n=1, cutoff=0.5)
        hint = f" (should '{strange[0]}.png' be '{near[0]}.png'?)" if near else ""
        raise UserError(
            f"{len(strange)} pictures in '{self.folder}' have names that are not in the manifest: "
            f"{_few([f'{id}.png' for id in strange])}{hint}. Name every picture <id>.png by the "
            "manifest's id and keep other pictures elsewhere"
        )

    def check(self) -> None:
        """Also open every picture: refuse what cannot be read or is of another size or mode."""
        from PIL import Image, UnidentifiedImageError

        wrong = []
        lines = {line["id"]: line for line in self.export.lines}
        for id, path in self.files.items():
            expected = (lines[id]["width"], lines[id]["height"])
            try:
                with Image.open(path) as picture:
                    picture.load()
                    size, mode = picture.size, picture.mode
            except (UnidentifiedImageError, OSError, SyntaxError):
                wrong.append(f"{path.name} cannot be read as an image")
                continue
            if size != expected:
                wrong.append(
                    f"{path.name} is {size[0]} x {size[1]}, not {expected[0]} x {expected[1]}"
                )
            elif mode != "RGB":
                wrong.append(f"{path.name} has the mode {mode}, not RGB")
        if wrong:
            raise UserError(
                f"{len(wrong)} pictures in '{self.folder}' are not as the manifest asks: "
                f"{_few(wrong, '; ')}. Write every one as an RGB PNG of its crop's size: resize "
                "back and .convert('RGB') when painting, so that it is part of your method"
            )

    @cached_property
    def hash(self) -> str:
        """A hash of all pictures: another picture makes another run."""
        return signature({id: file_hash(path) for id, path in sorted(self.files.items())})

    @cached_property
    def told(self) -> dict[str, str]:
        """What `system.json` says of the system, as text; {} without one."""
        path = self.folder / SYSTEM
        if not path.is_file():
            return {}
        try:
            values = json.loads(path.read_text("utf-8"))
            if not isinstance(values, dict):
                raise TypeError("not an object")
        except (ValueError, TypeError) as error:
            raise UserError(f"'{path}' cannot be read ({error}); {_EXPECTED}") from error
        for name, value in values.items():
            if name not in TOLD or not isinstance(value, str):
                raise UserError(f"'{path}' says '{name}': {value!r}; {_EXPECTED}")
        return values


_EXPECTED = f"expected is an object with text for some of {', '.join(TOLD)}"


class Brought(System):
    """Answers with pictures that were painted elsewhere."""

    name: ClassVar[str] = "folder"

    def __init__(self, settings: BroughtSettings | None = None) -> None:
        self.settings = settings or BroughtSettings()

    @cached_property
    def export(self) -> Export:
        return Export.at(Path(self._given("export")))

    @cached_property
    def results(self) -> Results:
        folder = Path(self._given("results"))
        return Results(folder, self.export, self.settings.missing != "refused")

    def _given(self, name: str) -> str:
        if value := getattr(self.settings, name):
            return value
        raise UserError(
            f"the system 'folder' needs {name}=FOLDER: as "
            'Variant(name="theirs", system="folder", overrides=("export=EXPORT", '
            '"results=RESULTS"))'
        )

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        return self.export.seeds == 1

    @cached_property
    def capabilities(self) -> Capabilities:  # type: ignore[override]
        licence = self.results.told.get("licence", "") if self.settings.results else ""
        return Capabilities(max_length=64, licence=licence or "not told")

    def identity(self) -> dict[str, Any]:
        """Which pictures, on which export; not where they lie."""
        return {**super().identity(), "export": self.export.key, "results": self.results.hash}

    def about(self) -> dict[str, Any]:
        """What a run's provenance says of it."""
        counted = {"pictures": len(self.results.files), "wanted": len(self.export.lines)}
        origin = {"brought": "by the user", "export": self.export.key, "results": self.results.hash}
        return {**origin, **counted, **self.results.told}

    @cached_property
    def _checked(self) -> Results:
        """The results, once all files were looked at."""
        self.export.check_files()
        self.results.check()
        return self.results

    @cached_property
    def _ids(self) -> dict[tuple[str, str, int], str]:
        return {(li["sample"], li["word"], li["seed"]): li["id"] for li in self.export.lines}

    def repaint(self, batch: Sequence[Request]) -> list[Answer]:
        import numpy as np
        from PIL import Image

        answers = []
        for request in batch:
            asked = (request.id, request.word, request.seed)
            if asked not in self._ids:
                raise RunError(
                    f"the export '{self.export.folder}' has no line for the sample '{request.id}' "
                    f"with the word '{request.word}' and the seed {request.seed}: it is of another "
                    "benchmark. Export this one, or narrow the study to what was exported"
                )
            path = self._checked.files.get(self._ids[asked])
            if path is None:
                status: Status = "unsupported" if self.settings.missing == "left_out" else "error"
                answer = Answer(id=request.id, status=status, reason="it was not brought")
            else:
                with Image.open(path) as picture:
                    answer = Answer(id=request.id, image=np.asarray(picture))
            answers.append(answer)
        return answers


def _refuse_what_is_no_folder(path: Path) -> None:
    if path.is_dir():
        return
    if not path.exists():
        raise UserError(f"there is no folder of results '{path}'")
    if path.suffix.lower() in _ARCHIVES:
        raise UserError(
            f"'{path}' is an archive; unpack it into a folder and name that (its pictures must lie "
            "in the folder itself)"
        )
    raise UserError(f"'{path}' is a file; expected is a folder with one <id>.png for every line")


def _has_key(id: str) -> bool:
    head, _, rest = id.partition("-")
    return len(head) == 8 and set(head) <= set("0123456789abcdef") and rest[:1].isdigit()


def _few(names: Sequence[str], between: str = ", ") -> str:
    return between.join(names[:5]) + (" ..." if len(names) > 5 else "")
