"""Procedural textures by named generators; each split of the embedded world has its own.

A generator draws a pattern, (SIZE, SIZE) float in 0..1, from random numbers alone; colours are
laid over it. Textures of one generator resemble each other: they are one cluster.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

SIZE = 256  # pixels, both ways


def _axes(angle: float = 0.0, cells: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates u, v (SIZE, SIZE), turned by `angle` radians; `cells` units across."""
    y, x = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32) * (cells / SIZE)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth random values, about `cells` bumps across."""
    import cv2  # here, so that planning a study does not wait for it

    coarse = rng.random((cells, cells)).astype(np.float32)
    return cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)


def _fractal(rng: np.random.Generator, cells: int, octaves: int) -> np.ndarray:
    total = sum(_noise(rng, cells * 2**k) / 2**k for k in range(octaves))
    return _stretched(np.asarray(total))


def _stretched(values: np.ndarray) -> np.ndarray:
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-6)


def _nearest(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which of `count` random points is nearest, and the distances to it and to the second."""
    points = rng.random((count, 2)).astype(np.float32) * SIZE
    x, y = _axes(cells=SIZE)
    distance = np.sqrt((x - points[:, :1, None]) ** 2 + (y - points[:, 1:, None]) ** 2)
    two = np.partition(distance, 1, axis=0)[:2] / SIZE
    return distance.argmin(axis=0), two[0], two[1]


def clouds(rng: np.random.Generator) -> np.ndarray:
    return _fractal(rng, int(rng.integers(2, 5)), 5)


def stripes(rng: np.random.Generator) -> np.ndarray:
    u, _ = _axes(rng.uniform(0, np.pi), rng.uniform(6, 20))
    return np.clip(0.5 + 3 * (np.abs(u % 1 - 0.5) - rng.uniform(0.15, 0.35)), 0, 1)


def checks(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(-0.3, 0.3), rng.uniform(5, 14))
    return ((np.floor(u) + np.floor(v)) % 2).astype(np.float32)


def dots(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(0, np.pi), rng.uniform(7, 18))
    return np.clip((rng.uniform(0.2, 0.4) - np.hypot(u % 1 - 0.5, v % 1 - 0.5)) * 8 + 0.5, 0, 1)


def wood(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(-0.1, 0.1), 1.0)
    bent = u * rng.uniform(0.2, 1.0) + v * rng.uniform(4, 8) + 1.5 * _noise(rng, 3)
    return 0.8 * (0.5 + 0.5 * np.sin(8 * bent)) + 0.2 * _noise(rng, 64)


def bricks(rng: np.random.Generator) -> np.ndarray:
    rows = rng.uniform(6, 12)
    u, v = _axes(0.0, rows)
    row = np.floor(v)
    u = u / 2 + (row % 2) * 0.5
    shade = rng.random(4096)[(np.floor(u) * 57 + row * 131).astype(int) % 4096] * 0.5 + 0.3
    joint = (u % 1 < 0.06) | (v % 1 < 0.1)
    return np.where(joint, 1.0, shade) * 0.9 + 0.1 * _noise(rng, 60)


def weave(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(-0.2, 0.2) + np.pi / 4, rng.uniform(8, 18))
    over = (np.floor(u) + np.floor(v)) % 2 == 0
    return np.where(over, np.sin(np.pi * (u % 1)), np.sin(np.pi * (v % 1)) * 0.6)


def gradient(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(0, 2 * np.pi), 1.0)
    return _stretched(u + rng.uniform(-1, 1) * v * v + 0.15 * _noise(rng, 3))


def rings(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes(0.0, 1.0)
    centre = rng.uniform(0.1, 0.9, 2)
    return 0.5 + 0.5 * np.sin(np.hypot(x - centre[0], y - centre[1]) * rng.uniform(60, 140))


def crosshatch(rng: np.random.Generator) -> np.ndarray:
    angle, cells = rng.uniform(0, np.pi), rng.uniform(14, 30)
    u, v = _axes(angle, cells)
    w, _ = _axes(angle + rng.uniform(0.6, 1.2), cells)
    lines = np.minimum(np.abs(u % 1 - 0.5), np.abs(w % 1 - 0.5)) + 0.02 * v
    return np.clip(lines * 4, 0, 1)


def patches(rng: np.random.Generator) -> np.ndarray:
    return np.floor(_fractal(rng, int(rng.integers(4, 8)), 2) * 5) / 4


def cells(rng: np.random.Generator) -> np.ndarray:
    which, near, next_near = _nearest(rng, int(rng.integers(25, 70)))
    shade = rng.uniform(0.2, 0.9, which.max() + 1)[which]
    return np.where(next_near - near < 0.012, 0.0, shade)


def marble(rng: np.random.Generator) -> np.ndarray:
    u, _ = _axes(rng.uniform(0, np.pi), rng.uniform(2, 5))
    return np.abs(np.sin(np.pi * (u + 1.6 * _fractal(rng, 3, 5)))) ** 0.6


def plaid(rng: np.random.Generator) -> np.ndarray:
    count = rng.uniform(3, 6)
    u, v = _axes(rng.uniform(-0.15, 0.15), count)
    bands = np.repeat(rng.random(8), rng.integers(2, 12, 8))
    take = [bands[(np.floor((axis % 1) * len(bands))).astype(int)] for axis in (u, v)]
    return (take[0] + take[1]) / 2


def scales(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(0.0, rng.uniform(8, 15))
    v = v * 1.6
    row = np.floor(v)
    radius = np.hypot((u + 0.5 * (row % 2)) % 1 - 0.5, (v % 1) * 0.7)
    return np.clip(1.0 - 1.3 * radius, 0, 1)


def zigzag(rng: np.random.Generator) -> np.ndarray:
    u, v = _axes(rng.uniform(0, np.pi), rng.uniform(5, 12))
    wave = (v + 2 * np.abs(u % 1 - 0.5)) % 1
    return np.select([wave < 0.33, wave < 0.66], [0.0, 0.5], 1.0)


def bokeh(rng: np.random.Generator) -> np.ndarray:
    import cv2

    canvas = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(0, SIZE, 2))
        disc = np.zeros_like(canvas)
        cv2.circle(disc, (x, y), int(rng.integers(6, 30)), (float(rng.uniform(0.1, 0.4)),), -1)
        canvas = np.maximum(canvas, disc) + np.float32(0.4) * np.minimum(canvas, disc)
    return _stretched(cv2.GaussianBlur(canvas, (0, 0), 1.2))


def ripples(rng: np.random.Generator) -> np.ndarray:
    x, y = _axes(0.0, 1.0)
    waves = [
        np.sin(np.hypot(x - cx, y - cy) * rng.uniform(30, 70))
        for cx, cy in rng.uniform(-0.3, 1.3, (4, 2))
    ]
    return _stretched(sum(waves, np.zeros_like(x)))


def shards(rng: np.random.Generator) -> np.ndarray:
    total = np.zeros((SIZE, SIZE), np.float32)
    for _ in range(14):
        u, _ = _axes(rng.uniform(0, 2 * np.pi), 1.0)
        total += (u > rng.uniform(u.min(), u.max())) * rng.uniform(0.2, 1.0)
    return _stretched(total)


Generator = Callable[[np.random.Generator], np.ndarray]

GENERATORS: dict[str, tuple[Generator, ...]] = {
    "train": (clouds, stripes, checks, dots, wood, bricks, weave, gradient),
    "validation": (rings, crosshatch, patches),
    "test": (cells, marble, plaid, scales, zigzag, bokeh, ripples, shards),
}
_BY_NAME = {g.__name__: g for split in GENERATORS.values() for g in split}


@cache
def texture(generator: str, number: int) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 RGB: a generator's `number`-th texture, the same everywhere."""
    rng = np.random.default_rng([list(_BY_NAME).index(generator), number])
    pattern = np.clip(_BY_NAME[generator](rng), 0, 1)[..., None].astype(np.float32)
    first = rng.uniform(20, 235, 3)
    second = np.clip(
        first + rng.choice([-1, 1]) * rng.uniform(30, 110) + rng.normal(0, 25, 3), 5, 250
    )
    grain = rng.standard_normal((SIZE, SIZE, 1), dtype=np.float32) * float(rng.uniform(0, 5))
    colours = first * (1 - pattern) + second * pattern + grain
    return np.clip(colours, 0, 255).astype(np.uint8)
