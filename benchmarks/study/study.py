"""A study: variants x seeds x benchmarks, written like the table it makes."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks.cells import reader
from benchmarks.runs.folder import Run
from benchmarks.runs.manifest import Benchmark
from benchmarks.study.contrast import Contrast
from benchmarks.study.identities import sample_run, score_run, system_run, train_run
from dreamtext.configs.presets import configured
from dreamtext.configs.schema import override
from dreamtext.configs.sections import Config
from dreamtext.errors import RunError, UserError
from dreamtext.places import project

RECONSTRUCTION = Benchmark(task="reconstruction")
EDITING = Benchmark(task="editing")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A row of the table: our model with overrides of the preset, or another system by name with
    overrides of that system's settings (`baselines.catalogue`)."""

    name: str
    overrides: tuple[str, ...] = ()
    system: str = "dreamtext"


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One variant with one seed on one benchmark: its three runs (a system that is not ours has
    no training).

    Attributes:
        store: folder of kept cells; one that is there is done, whatever the runs folder holds.
    """

    variant: Variant
    seed: int
    benchmark: Benchmark
    train: Run | None
    sample: Run
    score: Run
    store: Path | None = None

    @property
    def runs(self) -> list[Run]:
        return [run for run in (self.train, self.sample, self.score) if run]

    @property
    def kept(self) -> bool:
        """Whether its compact form is in the store."""
        return reader.is_kept(self.score, self.store)

    @property
    def done(self) -> bool:
        return self.kept or self.score.state == "done"

    @cached_property
    def scored(self) -> "reader.Scored":
        """Its scores, values per image, log and gallery: of the kept cell, if there is one.

        Raises:
            RunError: it is not scored yet; on reading: its kept form was edited.
        """
        if self.kept and self.store:
            return reader.KeptCell(self.store / self.score.name)
        if self.score.state != "done":
            raise RunError(f"{self.score.title} ({self.score.name}) is not scored yet")
        return reader.RunCell({run.stage: run for run in self.runs})


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is compared, and how often.

    Attributes:
        question: what the table answers, printed above it.
        paper: what the paper does or finds, as said after its name; empty where it says nothing.
        not_shown: what no outcome of it can show.
        preset: name of the configuration all variants start from.
        reference: the variant whose differences stand beside the others' values.
        primary: the one difference the study is made to see; the report leads with it.
        secondary: others worth a test. Only these and the primary one are tested.
        metrics: the metrics of its table, in order; all default ones are scored.
        left_out: declared contrasts that a narrowed study lacks a side of.
    """

    name: str
    question: str
    variants: tuple[Variant, ...]
    reference: str
    paper: str = ""
    not_shown: str = ""
    primary: Contrast | None = None
    secondary: tuple[Contrast, ...] = ()
    preset: str = "tiny"
    overrides: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    benchmarks: tuple[Benchmark, ...] = (RECONSTRUCTION, EDITING)
    metrics: tuple[str, ...] = (
        *("SeqAcc/raw", "SeqAcc-either/raw", "judges-agree/raw", "SeqAcc-ci/raw"),
        *("NED/raw", "CER/raw"),
        *("mIoU", "mask-precision", "mask-recall", "mask-boundary-F"),
        *("attention-AP", "attention-mass"),
        *("KID-EffNetLite0/raw", "FD-EffNetLite0/raw"),
        *("FID/raw", "FID-pytorch/raw", "LPIPS/raw"),  # where their weights are given
        *("effdist/raw", "glyph-similarity/raw"),
        *("PSNR-background/raw", "text-survival/raw"),
        *("word-SSIM/raw", "word-PSNR/raw"),  # of pairs
    )
    left_out: tuple[Contrast, ...] = ()

    def __post_init__(self) -> None:
        names = [v.name for v in self.variants]
        twice = sorted({n for n in names if names.count(n) > 1})
        if twice:
            raise UserError(f"study '{self.name}' has two variants named {', '.join(twice)}")
        if self.reference not in names:
            raise UserError(
                f"study '{self.name}' compares with '{self.reference}', which is none of its "
                f"variants: {', '.join(names)}"
            )
        tasks = [b.name for b in self.benchmarks]
        if twice := sorted({n for n in tasks if tasks.count(n) > 1}):
            raise UserError(f"study '{self.name}' has two benchmarks named {', '.join(twice)}")
        for contrast in self.contrasts:
            contrast.check(self.name, names, self.metrics, tasks)
        if len(set(self.contrasts)) < len(self.contrasts):
            raise UserError(f"study '{self.name}' declares a contrast twice")

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The declared contrasts, the primary one first."""
        return ((self.primary,) if self.primary else ()) + self.secondary

    def config(self, variant: Variant, seed: int) -> Config:
        """The resolved configuration of a variant."""
        overrides = variant.overrides if variant.system == "dreamtext" else ()
        return replace(override(self._base(), overrides), seed=seed)

    @property
    def data(self) -> str:
        """The name of the data set its variants start from."""
        return self._base().data.name

    def _base(self) -> Config:
        return configured(self.preset, overrides=self.overrides)

    def narrowed(
        self,
        *,
        preset: str | None = None,
        seeds: Iterable[int] | None = None,
        n: int | None = None,
        overrides: Iterable[str] = (),
        where: Mapping[str, Any] | None = None,
    ) -> "Study":
        """The same study at another size; `where` keeps cells whose variant, seed or task match."""
        where = dict(where or {})
        variants, benchmarks = self.variants, self.benchmarks
        seeds = tuple(self.seeds if seeds is None else seeds)
        if unknown := set(where) - {"variant", "seed", "task"}:
            raise UserError(f"--where knows variant, seed and task, not {', '.join(unknown)}")
        if "variant" in where:
            variants = tuple(v for v in variants if v.name in where["variant"].split("|"))
        if "seed" in where:
            seeds = tuple(s for s in seeds if str(s) in str(where["seed"]).split("|"))
        if "task" in where:
            asked = set(where["task"].split("|"))
            benchmarks = tuple(b for b in benchmarks if {b.task, b.name} & asked)
        if not (variants and seeds and benchmarks):
            raise UserError(f"no cell of study '{self.name}' matches {where}")
        if n is not None:
            benchmarks = tuple(replace(b, n=n) for b in benchmarks)
        reference = self.reference
        if reference not in {v.name for v in variants}:
            reference = variants[0].name
        names, tasks = {v.name for v in variants}, {b.name for b in benchmarks}
        kept = {c for c in self.contrasts if {c.variant, c.against} <= names and c.task in tasks}
        return replace(
            self,
            preset=preset or self.preset,
            overrides=(*self.overrides, *overrides),
            variants=variants,
            seeds=seeds,
            benchmarks=benchmarks,
            reference=reference,
            primary=self.primary if self.primary in kept else None,
            secondary=tuple(c for c in self.secondary if c in kept),
            left_out=(*self.left_out, *(c for c in self.contrasts if c not in kept)),
        )

    def cells(self, root: Path, store: Path | None = None) -> list[Cell]:
        """Every cell, row by row. Reads no data and imports no torch.

        Args:
            root: folder of runs.   store: folder of kept cells, none by default.
        """
        cells = []
        base = self._base()
        for variant in self.variants:
            ours = variant.system == "dreamtext"  # others' overrides are of their own settings
            config = override(base, variant.overrides) if ours else base
            for seed in self.seeds:
                cells += self._row(variant, replace(config, seed=seed), root)
        return [replace(cell, store=store) for cell in cells]

    def cell(self, variant: Variant, seed: int, benchmark: Benchmark, root: Path) -> Cell:
        """The three runs of a cell, each with the identity that decides its result."""
        one = replace(self, benchmarks=(benchmark,))
        return one._row(variant, self.config(variant, seed), root)[0]

    def _row(self, variant: Variant, config: Config, root: Path) -> list[Cell]:
        """One variant with one seed on every benchmark."""
        seed = config.seed
        title = f"{self.name} {variant.name} seed {seed}"
        train = train_run(config, root, title) if variant.system == "dreamtext" else None
        cells = []
        for benchmark in self.benchmarks:
            if train:
                sample = sample_run(config, benchmark, train, title)
            else:
                sample = system_run(
                    config, benchmark, variant.system, variant.overrides, seed, root, title
                )
            cells.append(
                Cell(
                    variant=variant,
                    seed=seed,
                    benchmark=benchmark,
                    train=train,
                    sample=sample,
                    score=score_run(config, sample),
                )
            )
        return cells


def study_names() -> list[str]:
    """The studies that come along."""
    folder = project() / "benchmarks" / "studies"
    return sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))


def load_study(name: str) -> Study:
    """A study by its name, or from a Python file that defines `STUDY`.

    Raises:
        UserError: there is none, or its file is in error.
    """
    study = getattr(load_module(name), "STUDY", None)
    if not isinstance(study, Study):
        raise UserError(f"the study file {name} defines no STUDY of type benchmarks.study.Study")
    return study


def load_module(name: str) -> ModuleType:
    """The module of a study, by its name or its Python file.

    Raises:
        UserError: there is none, or the file is in error.
    """
    import importlib
    import importlib.util

    if name.endswith(".py"):
        path = Path(name)
        if not path.is_file():
            raise UserError(f"there is no study file {path}")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"the study file {path} is in error: {error!r}") from error
    elif name in study_names():
        module = importlib.import_module(f"benchmarks.studies.{name}")
    else:
        near = difflib.get_close_matches(name, study_names(), n=1)
        hint = f"; the nearest known one is '{near[0]}'" if near else ""
        raise UserError(
            f"there is no study '{name}'{hint}; known are "
            f"{', '.join(study_names())}; or give a Python file"
        )
    return module
