"""Arrays on disk without a name: read through the page cache, gone with the process that holds them."""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lrsearch.errors import DataUnavailable

BLOCK_BYTES: Final = 2**24
"""Size of the blocks in which arrays are written."""
ROWS_AT_ONCE: Final = 16
"""Rows read at random before their pages are let go of."""


class ScratchArray:
    """An array that is written block by block and then mapped into memory.

    Its file has no name, so that whatever ends the process frees the disk.

    Args:
        folder: where the file lies; made if need be. Not in memory, as /tmp may be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when it is mapped
        except OSError as error:
            raise self._unwritable(error) from error
        self._samples, self._shape, self._dtype = 0, (), np.dtype(np.float32)

    def add(self, block: NDArray[Any]) -> None:
        """Append samples, all blocks of one shape and type.

        Raises:
            DataUnavailable: the disk is full, or the folder cannot be written.
        """
        self._samples, self._shape, self._dtype = self._samples + len(block), block.shape[1:], block.dtype
        try:
            self._file.write(np.ascontiguousarray(block).tobytes())
        except OSError as error:
            raise self._unwritable(error) from error

    def mapped(self) -> NDArray[Any]:
        """The whole array, read-only: shape (samples, *shape of a sample)."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error
        with self._file:
            return np.memmap(self._file, self._dtype, "r", shape=(self._samples, *self._shape))

    def _unwritable(self, error: OSError) -> DataUnavailable:
        return DataUnavailable(
            f"The data set is more than fits into the memory budget, and {self._folder} cannot be written to stream it "
            f"from ({error.strerror}); free some space there, choose another folder with LRSEARCH_HOME, or raise "
            "LRSEARCH_DATA_BUDGET_BYTES."
        )


def on_disk(array: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The array mapped from disk; one that is already stays where it is."""
    if isinstance(array, np.memmap):
        return array
    scratch = ScratchArray(folder)
    for block in cut(array):
        scratch.add(block)
    return scratch.mapped()


def columns_on_disk(blocks: Iterable[tuple[NDArray[Any], ...]], columns: int, folder: Path) -> list[NDArray[Any]]:
    """Arrays whose blocks come side by side, such as images and labels, each mapped from disk."""
    scratches = [ScratchArray(folder) for _ in range(columns)]
    for block in blocks:
        for scratch, part in zip(scratches, block, strict=True):
            scratch.add(part)
    return [scratch.mapped() for scratch in scratches]


def taken(array: NDArray[Any], rows: NDArray[Any], out: NDArray[Any]) -> None:
    """Copy rows of an array to `out`; of a mapped one only a few megabytes are ever resident at once.

    Linux maps up to 2 MB around each page that is touched, and counts it as memory of the process.
    """
    at_once = ROWS_AT_ONCE if isinstance(array, np.memmap) else max(1, len(rows))
    for first in range(0, len(rows), at_once):
        part = rows[first : first + at_once]
        np.take(array, part, axis=0, out=out[first : first + len(part)], mode="clip")  # other modes make a copy
        release(array)


def release(array: NDArray[Any]) -> None:
    """Let go of the pages of a mapped array; they stay in the page cache as long as there is room."""
    mapping = getattr(array, "_mmap", None)
    if mapping is not None and getattr(array, "mode", None) == "r":
        mapping.madvise(mmap.MADV_DONTNEED)


def cut(array: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Views of whole samples, some megabytes each."""
    at_once = max(1, BLOCK_BYTES // max(1, array[:1].nbytes))
    for first in range(0, len(array), at_once):
        yield array[first : first + at_once]
