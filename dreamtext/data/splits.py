"""Splits by hash, for data sets that have no list of their own."""

import hashlib

SPLITS = ("train", "validation", "test")


def by_hash(name: str, validation: float = 0.02, test: float = 0.02) -> str:
    """train, validation or test by the hash of a name: the same on every machine, for ever."""
    place = int(hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:8], 16) / 2**32
    if place < test:
        return "test"
    return "validation" if place < test + validation else "train"
