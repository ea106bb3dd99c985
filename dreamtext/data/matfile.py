"""Reads the cell arrays of a MATLAB 5 file one cell at a time, in bounded memory.

`scipy.io.loadmat` holds a whole variable as Python objects, which for SynthText's `gt.mat` takes
tens of gigabytes; it has no streaming interface. Format: "MAT-File Format", MathWorks, level 5.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_COMPRESSED, _MATRIX = 15, 14
_CELL, _CHAR = 1, 4
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
_NUMBERS |= {12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_LARGEST_CELL = 1 << 26
_CHUNK = 1 << 16

Cell = np.ndarray | list[str]


class MatError(ValueError):
    """The file is not a MATLAB 5 file, or is damaged."""


@dataclass(frozen=True)
class _Variable:
    offset: int
    size: int
    compressed: bool


class _Stream:
    """Bytes of one variable, decompressed as they are asked for."""

    def __init__(self, file: BinaryIO, variable: _Variable) -> None:
        self._file, self._left = file, variable.size
        file.seek(variable.offset)
        self._unzip = zlib.decompressobj() if variable.compressed else None
        self._buffer = bytearray()

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        out = bytes(self._buffer[:count])
        del self._buffer[:count]
        return out

    def _more(self) -> None:
        if self._unzip is not None and self._unzip.unconsumed_tail:
            raw = self._unzip.unconsumed_tail
        else:
            raw = self._file.read(min(_CHUNK, self._left))
            self._left -= len(raw)
            if not raw:
                raise MatError("the file ends in the middle of a variable")
        if self._unzip is None:
            self._buffer += raw
            return
        try:
            self._buffer += self._unzip.decompress(raw, 16 * _CHUNK)
        except zlib.error as error:
            raise MatError(f"compressed data is damaged ({error})") from error


class MatFile:
    """The cell variables of a file. `order` is '<' or '>', the file's byte order."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            head = file.read(128)
            if head[:4] == b"\x89HDF" or b"MATLAB 7.3" in head:
                raise MatError("it is a version 7.3 (HDF5) file; save it with the option -v7")
            if len(head) < 128 or head[126:128] not in (b"IM", b"MI"):
                raise MatError(f"it is not a MATLAB 5 file ({path.stat().st_size} bytes)")
            self.order = "<" if head[126:128] == b"IM" else ">"
            self._variables = dict(self._scan(file))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._variables)

    def _scan(self, file: BinaryIO) -> Iterator[tuple[str, _Variable]]:
        offset, end = 128, self.path.stat().st_size
        while offset + 8 <= end:
            file.seek(offset)
            kind, size = struct.unpack(self.order + "II", file.read(8))
            if kind in (_COMPRESSED, _MATRIX):
                start = offset + 8 if kind == _COMPRESSED else offset
                whole = size if kind == _COMPRESSED else size + 8
                variable = _Variable(start, whole, kind == _COMPRESSED)
                try:
                    name, _, _ = self._header(_Stream(file, variable))
                except MatError:
                    return  # what follows a damaged variable cannot be found
                yield name, variable
            # Elements are padded to eight bytes, except compressed ones.
            offset += 8 + size + (-size % 8 if kind != _COMPRESSED else 0)

    def _header(self, stream: _Stream) -> tuple[str, int, tuple[int, ...]]:
        """Name, class and dimensions of the variable at the start of `stream`."""
        kind, _ = struct.unpack(self.order + "II", stream.read(8))
        if kind != _MATRIX:
            raise MatError(f"an element of type {kind} stands where a variable should")
        flags = self._element(stream)
        dims = self._element(stream)
        name = self._element(stream)
        if len(flags[1]) < 4:
            raise MatError("a variable has no array flags")
        number = struct.unpack(self.order + "I", flags[1][:4])[0] & 0xFF
        shape = tuple(int(n) for n in np.frombuffer(_whole(dims[1], 4), self.order + "i4"))
        return name[1].decode("latin-1"), number, shape

    def _element(self, stream: _Stream) -> tuple[int, bytes]:
        first = stream.read(8)
        kind, size = struct.unpack(self.order + "II", first)
        if kind >> 16:  # a small element: its data are in the tag
            return kind & 0xFFFF, first[4 : 4 + min(kind >> 16, 4)]
        if size > _LARGEST_CELL:
            raise MatError(f"an element claims to have {size} bytes")
        return kind, stream.read(size + -size % 8)[:size]

    def count(self, name: str) -> int:
        """How many cells a variable has."""
        with self.path.open("rb") as file:
            _, _, shape = self._header(_Stream(file, self._find(name)))
        return _cells(shape)

    def cells(self, name: str) -> Iterator[Cell]:
        """Every cell: a numeric array, or the rows of a character array.

        Raises:
            MatError: no such variable, or damage, where it is met.
        """
        with self.path.open("rb") as file:
            stream = _Stream(file, self._find(name))
            _, number, shape = self._header(stream)
            if number != _CELL:
                raise MatError(f"'{name}' is not a cell array")
            for _ in range(_cells(shape)):
                kind, size = struct.unpack(self.order + "II", stream.read(8))
                if kind != _MATRIX or size > _LARGEST_CELL:
                    raise MatError(f"a cell of '{name}' has type {kind} and {size} bytes")
                yield self._matrix(stream.read(size))

    def _find(self, name: str) -> _Variable:
        if name not in self._variables:
            known = ", ".join(self._variables) or "none"
            raise MatError(f"it has no variable '{name}' (it has: {known})")
        return self._variables[name]

    def _matrix(self, data: bytes) -> Cell:
        if not data:
            return np.zeros(0, np.float32)
        stream = _Bytes(data)
        flags, dims, _name, real = (self._element(stream) for _ in range(4))
        if len(flags[1]) < 4:
            raise MatError("a cell has no array flags")
        number = struct.unpack(self.order + "I", flags[1][:4])[0] & 0xFF
        shape = tuple(int(n) for n in np.frombuffer(_whole(dims[1], 4), self.order + "i4"))
        count = _cells(shape)
        kind, body = real
        if number == _CHAR:
            return self._rows(kind, body, shape)
        if kind not in _NUMBERS:
            raise MatError(f"a cell holds data of type {kind}")
        dtype = np.dtype(self.order + _NUMBERS[kind])
        values = np.frombuffer(_whole(body, dtype.itemsize), dtype)
        if len(values) != count:
            raise MatError(f"a cell of shape {shape} holds {len(values)} numbers")
        return values.reshape(shape, order="F")

    def _rows(self, kind: int, body: bytes, shape: tuple[int, ...]) -> list[str]:
        if kind not in _TEXT:
            raise MatError(f"a text cell holds data of type {kind}")
        wide = {"utf-16": "-le", "utf-32": "-le"} if self.order == "<" else {}
        suffix = wide.get(_TEXT[kind], "-be" if _TEXT[kind] in ("utf-16", "utf-32") else "")
        text = body.decode(_TEXT[kind] + suffix, "replace")
        if len(shape) != 2 or len(text) != _cells(shape):
            raise MatError(f"a text cell of shape {shape} holds {len(text)} characters")
        return [text[row :: shape[0]] for row in range(shape[0])] if text else []


class _Bytes(_Stream):
    """A cell's bytes, read like a stream."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def read(self, count: int) -> bytes:
        # The last element of a cell may lack its padding.
        out = self._data[self._at : self._at + count]
        if len(out) < count - 7:
            raise MatError("a cell ends in the middle of an element")
        self._at += count
        return out


def _cells(shape: tuple[int, ...]) -> int:
    count = 1
    for n in shape:
        if n < 0:
            raise MatError(f"an array has the shape {shape}")
        count *= n
    return count


def _whole(data: bytes, size: int) -> bytes:
    return data[: len(data) // size * size]
