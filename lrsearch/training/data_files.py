"""Where the files of downloadable data sets are looked for, and how they are read; needs neither Keras nor pickle."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from lrsearch.errors import DataUnavailable
from lrsearch.settings import Settings

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package `dataset-fashion-mnist` puts the four original files."""

IDX_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
CIFAR_FILES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")

OBTAIN: dict[str, str] = {
    "mnist": 'python -c "import keras; keras.datasets.mnist.load_data()"',
    "fashion_mnist": "apt-get install dataset-fashion-mnist",
    "cifar10": 'python -c "import keras; keras.datasets.cifar10.load_data()"',
}
"""Name of a data set -> command that gets its files."""

_CANDIDATES: dict[str, tuple[str, ...]] = {
    "mnist": ("mnist.npz", "mnist"),
    "fashion_mnist": ("fashion-mnist", "fashion_mnist"),
    "cifar10": (
        "cifar-10-batches-py",
        "cifar-10-batches-py-target/cifar-10-batches-py",
        "cifar-10-python.tar.gz",
        "cifar-10-batches-py.tar.gz",
    ),
}
"""Name of a data set -> names its file or folder has, in a folder of data sets."""


@dataclass(frozen=True, slots=True)
class Located:
    """Files of a data set: one file (an .npz or a .tar.gz), or a folder that holds all of its files."""

    name: str
    path: Path


def locate(name: str, settings: Settings) -> Located | None:
    """Where the data set is on this machine, or None; looks, does not read.

    Looked for in `settings.data_dir`, then in the Keras cache, then - Fashion-MNIST - where Debian puts it.
    """
    for folder in places(name, settings):
        candidates = [folder] if folder == DEBIAN else [folder / candidate for candidate in _CANDIDATES[name]]
        for path in candidates:
            if path.is_file() or (path.is_dir() and _is_whole(name, path)):
                return Located(name, path)
    return None


mnist = partial(locate, "mnist")
fashion_mnist = partial(locate, "fashion_mnist")
cifar10 = partial(locate, "cifar10")


def places(name: str, settings: Settings) -> Iterator[Path]:
    """The folders that are searched, in order."""
    if settings.data_dir is not None:
        yield settings.data_dir
    yield keras_cache()
    if name == "fashion_mnist":
        yield DEBIAN


def keras_cache() -> Path:
    """The folder in which Keras keeps downloaded data sets."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "datasets"


def _is_whole(name: str, folder: Path) -> bool:
    return all((folder / file).is_file() for file in (CIFAR_FILES if name == "cifar10" else IDX_FILES))


def missing(name: str, settings: Settings) -> str:
    """The sentence about data that is not here: the places looked at, and the command that gets it."""
    data_dir = f"LRSEARCH_DATA_DIR ({settings.data_dir or 'not set'})"
    looked = [data_dir, f"the Keras cache ({keras_cache()})", f"Debian's package ({DEBIAN}, Fashion-MNIST only)"]
    return f"The data set {name} is not on this machine. Looked in {', '.join(looked)}. Get it with: {OBTAIN[name]}"


Parts = tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]
Blocks = Iterator[tuple[NDArray[Any], NDArray[Any]]]
BLOCK_BYTES = 2**22
"""Size of the blocks in which images are read."""
_BROKEN = (
    OSError,
    EOFError,
    KeyError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    tarfile.TarError,
    zipfile.BadZipFile,
)
"""What reading a file raises that is not what its name says."""


def read(located: Located) -> Parts:
    """Images and labels of a located data set as they are stored: x_train, y_train, x_test, y_test, uint8.

    Images have the shape (n, height, width, channels), labels (n,).

    Raises:
        DataUnavailable: the files cannot be read as what their names say.
    """
    (x_train, y_train), (x_test, y_test) = (joined(part) for part in blocks(located))
    return x_train, y_train, x_test, y_test


def joined(part: Blocks) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images and labels of all blocks."""
    images, labels = zip(*part, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def blocks(located: Located) -> tuple[Blocks, Blocks]:
    """The training and the test set in blocks of some megabytes, read as they are asked for: images as in `read`, labels.

    Raises:
        DataUnavailable: while blocks are read: the files cannot be read as what their names say.
    """
    path = located.path
    if located.name == "cifar10":
        parts = _cifar(path, CIFAR_FILES[:-1]), _cifar(path, CIFAR_FILES[-1:])
    elif path.is_file():
        parts = _npz(path, "train"), _npz(path, "test")
    else:
        parts = _idx(path, IDX_FILES[:2]), _idx(path, IDX_FILES[2:])
    return _explained(located, parts[0]), _explained(located, parts[1])


def _explained(located: Located, part: Blocks) -> Blocks:
    """The same blocks; what is wrong with the files is told with the remedy."""
    try:
        is_empty = True
        for block in part:
            is_empty = False
            yield block
        if is_empty:
            raise ValueError("they hold no samples")
    except _BROKEN as error:
        raise DataUnavailable(
            f"The files of {located.name} at {located.path} cannot be read: {error}. Remove them and get them again "
            f"with: {OBTAIN[located.name]}"
        ) from error


def _npz(path: Path, part: str) -> Blocks:
    with zipfile.ZipFile(path) as archive, archive.open(f"x_{part}.npy") as x, archive.open(f"y_{part}.npy") as y:
        yield from _pairs((x, *_npy_header(x)), (y, *_npy_header(y)))


def _npy_header(file: _File) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of an array in NumPy's format; the values follow."""
    version = np.lib.format.read_magic(file)
    if version not in {(1, 0), (2, 0)}:
        raise ValueError(f"an array has version {version} of NumPy's format")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, is_fortran, dtype = read_header(file)
    if is_fortran or dtype.hasobject:
        raise ValueError("an array holds objects, or is stored by columns")
    return shape, dtype


def _idx(folder: Path, names: Sequence[str]) -> Blocks:
    with gzip.open(folder / names[0]) as x, gzip.open(folder / names[1]) as y:
        yield from _pairs((x, _idx_shape(x, names[0]), _BYTE), (y, _idx_shape(y, names[1]), _BYTE))


def _idx_shape(file: _File, name: str) -> tuple[int, ...]:
    """Shape of an array in the IDX format: two zero bytes, type (8 is uint8), rank, the sizes as big-endian int32."""
    start = file.read(4)
    if start[:3] != b"\0\0\x08" or start[3:] in {b"", b"\0"}:
        raise ValueError(f"{name} is no IDX file of bytes")
    return tuple(int(size) for size in np.frombuffer(file.read(4 * start[3]), ">i4", count=start[3]))


_BYTE = np.dtype(np.uint8)
_File = IO[bytes] | gzip.GzipFile
_Stored = tuple[_File, tuple[int, ...], np.dtype[Any]]
"""A file at the first value of an array, the array's shape and type."""


def _pairs(images: _Stored, labels: _Stored) -> Blocks:
    """Images, with an axis for their one channel, and labels, in blocks of as many samples."""
    samples, height, width = images[1]
    if labels[1] != (samples,):
        raise ValueError(f"{samples} images have labels of the shape {labels[1]}")
    at_once = max(1, BLOCK_BYTES // max(1, height * width))
    for first in range(0, samples, at_once):
        count = min(at_once, samples - first)
        yield _next(images, count)[..., None], _next(labels, count)
    if images[0].read(1) or labels[0].read(1):
        raise ValueError("a file goes on after its last sample")


def _next(stored: _Stored, count: int) -> NDArray[Any]:
    """The next so many samples."""
    file, shape, dtype = stored
    size = count * int(np.prod(shape[1:])) * dtype.itemsize
    content = file.read(size)
    if len(content) != size:
        raise ValueError(f"a file ends before its {shape[0]} samples do")
    return np.frombuffer(content, dtype).reshape(count, *shape[1:])


def _cifar(path: Path, names: Sequence[str]) -> Blocks:
    """A block for each file; an archive is read in memory: nothing is unpacked, so no path in it can do harm."""
    if path.is_dir():
        yield from (_cifar_batch((path / name).read_bytes()) for name in names)
        return
    with tarfile.open(path) as archive:
        members = {Path(member.name).name: member for member in archive}
        for name in names:
            file = archive.extractfile(members[name])
            if file is None:
                raise ValueError(f"{name} is no file")
            yield _cifar_batch(file.read())


def _cifar_batch(content: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    batch: dict[bytes, Any] = _ArraysOnly(io.BytesIO(content), encoding="bytes").load()
    images = np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, np.asarray(batch[b"labels"], np.uint8)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles containers, numbers, bytes and numpy arrays; anything else that a pickle could call is refused."""

    _rebuild = np.empty(0).__reduce__()[0]

    def find_class(self, module: str, name: str, /) -> Any:
        if module in {"numpy.core.multiarray", "numpy._core.multiarray"} and name == "_reconstruct":
            return self._rebuild
        if (module, name) in {("numpy", "ndarray"), ("numpy", "dtype")}:
            return getattr(np, name)
        raise pickle.UnpicklingError(f"it calls {module}.{name}, which a data file has no business to")
