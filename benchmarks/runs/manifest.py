"""Frozen manifests: which samples, which words are painted over them, from which noise."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from dreamtext.configs.schema import Checked, signature, to_dict
from dreamtext.configs.sections import DataConfig
from dreamtext.errors import UserError

Task = Literal["reconstruction", "editing"]


@dataclass(frozen=True, kw_only=True)
class Benchmark(Checked):
    """Data set (the run's own) + task + manifest. `file` names a frozen manifest; without one,
    the manifest is drawn from split, n and seed, always the same."""

    task: Task = "reconstruction"
    split: str = "test"
    n: int = 288
    seed: int = 0
    file: str = ""

    def check(self) -> None:
        self.require(self.n > 0, "n must be positive")


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

    @property
    def hash(self) -> str:
        return signature(to_dict(self))

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
    for index, word in _samples(config, benchmark):
        rng = np.random.default_rng([benchmark.seed, index])
        seed = int(rng.integers(2**31))
        if benchmark.task == "editing":
            word = other_word(word, rng, held_out=config.name == "embedded")
        entries.append(Entry(index, word, seed))
    return Manifest(
        dataset=config.name,
        split=benchmark.split,
        revision=now,
        task=benchmark.task,
        entries=tuple(entries),
    )


def _samples(config: DataConfig, benchmark: Benchmark) -> list[tuple[int, str]]:
    """(index in the split, word that stands there), without reading any image."""
    if config.name == "embedded":
        return list(enumerate(split_words(config, benchmark.split, benchmark.n)))
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


def split_words(config: DataConfig, split: str, n: int) -> list[str]:
    """The words that stand in a split's first n samples, without drawing the samples."""
    return list(_drawn_words(config, split, n))


@lru_cache(maxsize=16)  # a study's benchmarks mostly share their samples
def _drawn_words(config: DataConfig, split: str, n: int) -> tuple[str, ...]:
    from dreamtext.data.embedded import world as embedded

    return tuple(
        embedded.draw_word(config, split, embedded.generator(config, split, index))
        for index in range(n)
    )


def other_word(word: str, rng: np.random.Generator, held_out: bool = True) -> str:
    """Another word of the same length, in the same case, from the shipped list of words;
    `held_out`: one the embedded world never trains on, where there is any of that length."""
    from dreamtext.data.embedded.words import words

    preferred = _held_out_words(len(word)) if held_out else ()
    choices = [w for w in preferred if w != word.lower()]
    choices = choices or [w for w in words(len(word)) if w != word.lower()]
    chosen = choices[int(rng.integers(len(choices)))]
    if len(word) > 1 and word[0].isupper() and word[1:].islower():
        return chosen.capitalize()
    return chosen.upper() if any(c.isupper() for c in word) else chosen


@lru_cache(maxsize=64)
def _held_out_words(length: int) -> tuple[str, ...]:
    from dreamtext.data.embedded.words import words
    from dreamtext.data.embedded.world import word_split

    return tuple(word for word in words(length) if word_split(word) == "test")
