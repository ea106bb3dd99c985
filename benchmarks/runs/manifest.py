"""Frozen manifests: which samples, which words are painted over them, from which noise."""

import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from dreamtext.configs.schema import Checked, identity, option, signature, to_dict
from dreamtext.configs.sections import DataConfig, LabelConfig
from dreamtext.data.corruptions import Corruption
from dreamtext.errors import UserError

if TYPE_CHECKING:
    from dreamtext.data.sample import Attributes, Dataset

Task = Literal["reconstruction", "editing"]
FontBlock = Literal["all", "seen", "unseen", "script", "display"]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Checked):
    """Data set (the run's own) + task + manifest. `file` names a frozen manifest; without one,
    the manifest is drawn from the rest, always the same."""

    task: Task = "reconstruction"
    split: str = "test"
    n: int = 288
    seed: int = 0
    file: str = ""
    # Of the embedded world, only samples in fonts that training has seen, in others, or in others
    # of one style. "all": as they come, half and half.
    fonts: FontBlock = option("all", neutral="all")  # noqa: RUF009
    corruption: Corruption = option("none", neutral="none")  # noqa: RUF009
    severity: float = option(0.0, neutral=0.0)  # of the corruption, up to 1

    def check(self) -> None:
        self.require(self.n > 0, "n must be positive")
        if self.corruption == "none":
            self.require(self.severity == 0, "severity needs a corruption, such as blur")
        else:
            self.require(0 < self.severity <= 1, "severity of a corruption is above 0, at most 1")
        self.require(
            not self.file or (self.fonts, self.corruption) == ("all", "none"),
            "a frozen manifest (file) already says which samples, and how they are corrupted",
        )

    @property
    def name(self) -> str:
        """The task, and in what it differs from the plain one: "editing, blur 0.5"."""
        parts: list[str] = [self.task]
        if self.fonts != "all":
            parts.append(f"{self.fonts} fonts")
        if self.corruption != "none":
            parts.append(f"{self.corruption.replace('_', ' ')} {self.severity:g}")
        return ", ".join(parts)


class Entry(NamedTuple):
    """One sample of a manifest: its index in the split, the word to paint, the noise's seed."""

    index: int  # type: ignore[assignment]  # a tuple's own `index` is not wanted here
    word: str
    noise_seed: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Which samples are painted, with which words, from which noise."""

    dataset: str
    split: str
    revision: str
    task: Task
    entries: tuple[Entry, ...]
    corruption: Corruption = option("none", neutral="none")  # noqa: RUF009
    severity: float = option(0.0, neutral=0.0)

    @property
    def hash(self) -> str:
        return signature(identity(self))

    def write(self, path: Path) -> None:
        """One JSON file, with the hash inside."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**to_dict(self), "hash": self.hash}, indent=1) + "\n")


def read(path: Path) -> Manifest:
    """A manifest from its file.

    Raises:
        UserError: the file is missing, is no manifest, or was edited.
    """
    try:
        values: dict[str, Any] = json.loads(path.read_text())
        expected = values.pop("hash")
        entries = tuple(Entry(int(i), str(w), int(s)) for i, w, s in values.pop("entries"))
        manifest = Manifest(entries=entries, **values)
    except FileNotFoundError as error:
        raise UserError(f"there is no manifest {path}; write one with `data manifest`") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not a manifest ({error})") from error
    if manifest.hash != expected:
        raise UserError(
            f"{path} was edited: its content has the hash {manifest.hash}, it says {expected}; "
            "write a new one with `data manifest`"
        )
    return manifest


def draw(config: DataConfig, benchmark: Benchmark) -> Manifest:
    """The manifest of a benchmark: n samples of a split, a word for each, a seed each.

    Of the embedded world the first n, of other data sets n at random (neighbours there share an
    image).

    Raises:
        UserError: a frozen manifest of another data set or task, or fewer than n samples.
    """
    from dreamtext.data import revision

    now = revision(config, benchmark.split)
    if benchmark.file:
        manifest = read(Path(benchmark.file))
        if (manifest.dataset, manifest.revision) != (config.name, now):
            raise UserError(
                f"{benchmark.file} is for {manifest.dataset} {manifest.revision}, but the run's "
                f"data set is {config.name} {now}; write a manifest for it with `data manifest`"
            )
        return manifest
    entries = []
    pairs = _pairs(config, benchmark.split)
    for index, word in _samples(config, benchmark):
        rng = np.random.default_rng([benchmark.seed, index])
        seed = int(rng.integers(2**31))
        if benchmark.task == "editing":
            word = pairs[index] if pairs else other_word(config, benchmark, word, rng)
        entries.append(Entry(index, word, seed))
    return Manifest(
        dataset=config.name,
        split=benchmark.split,
        revision=now,
        task=benchmark.task,
        entries=tuple(entries),
        corruption=benchmark.corruption,
        severity=benchmark.severity,
    )


def open_samples(config: DataConfig, manifest: Manifest) -> "Dataset":
    """The data set that a manifest's indices point into: true labels, pictures as it says."""
    from dreamtext.data import open_dataset
    from dreamtext.data.corruptions import corrupted

    exact = replace(config, labels=LabelConfig())
    dataset = open_dataset(exact, manifest.split)
    return corrupted(dataset, manifest.corruption, manifest.severity)


def _samples(config: DataConfig, benchmark: Benchmark) -> list[tuple[int, str]]:
    """(index in the split, word that stands there), without reading any image."""
    if config.name == "embedded":
        found = _of_the_world(config, benchmark.split, benchmark.n, benchmark.fonts)
        if len(found) < benchmark.n:
            raise UserError(
                f"the {benchmark.split} split of the embedded world has {len(found)} samples with "
                f"fonts '{benchmark.fonts}', but n = {benchmark.n} were asked for; give a smaller n"
            )
        return list(found)
    if benchmark.fonts != "all":
        raise UserError(
            f"fonts={benchmark.fonts} was asked for, but {config.name} does not tell its fonts; "
            "leave it out"
        )
    from dreamtext.data.index import open_index

    index = open_index(config.root, config.name)
    rows = index.rows(benchmark.split, config.max_length)
    if len(rows) < benchmark.n:
        raise UserError(
            f"the {benchmark.split} split of {config.name} has {len(rows)} words, but n = "
            f"{benchmark.n} were asked for; give a smaller n or another split"
        )
    chosen = np.random.default_rng(benchmark.seed).permutation(len(rows))[: benchmark.n]
    return [(int(i), index.entry(int(rows[i])).mark.word) for i in sorted(chosen)]


def _pairs(config: DataConfig, split: str) -> dict[int, str]:
    """The word that a data set of pairs says is to be painted, by index; {} of any other."""
    if config.name != "scenepair":
        return {}
    from dreamtext.data.pairs import other_words

    return other_words(config, split)


@lru_cache(maxsize=16)  # a study's benchmarks mostly share their samples
def _of_the_world(
    config: DataConfig, split: str, n: int, block: FontBlock
) -> tuple[tuple[int, str], ...]:
    """(index, word) of the first n samples in the fonts of a block, without drawing them."""
    from dreamtext.data.embedded import world

    size = config.train_size if split == "train" else world.HELD_OUT_SIZE
    found: list[tuple[int, str]] = []
    for index in range(size):
        if len(found) == n:
            break
        plan = world.plan(config, split, index)
        if block == "all" or block in _blocks(plan.attributes(config)):
            found.append((index, plan.word))
    return tuple(found)


def _blocks(attributes: "Attributes") -> tuple[str, ...]:
    return ("seen",) if attributes["font_seen"] else ("unseen", str(attributes["font_style"]))


def other_word(
    config: DataConfig, benchmark: Benchmark, word: str, rng: np.random.Generator
) -> str:
    """Another word of the same length to paint in its place, where the data set names none. In the
    embedded world a held-out one of the same kind, in the same case; elsewhere one of the shipped
    list of words."""
    from dreamtext.data.embedded import words

    if config.name == "embedded":
        return words.another(config, benchmark.split, word, rng, benchmark.seed)
    choices = [w for w in words.words(len(word)) if w != word.lower()]
    return words.like(word, choices[int(rng.integers(len(choices)))])
