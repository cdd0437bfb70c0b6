"""Where the files of downloadable data sets are looked for, and how they are read; needs neither Keras nor pickle."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

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


Bytes = NDArray[np.uint8]
Parts = tuple[Bytes, Bytes, Bytes, Bytes]


def read(located: Located) -> Parts:
    """Images and labels of a located data set as they are stored: x_train, y_train, x_test, y_test, uint8.

    Images have the shape (n, height, width, channels), labels (n,).

    Raises:
        DataUnavailable: the files cannot be read as what their names say.
    """
    path = located.path
    try:
        if located.name == "cifar10":
            return _cifar(path)
        return _npz(path) if path.is_file() else _idx(path)
    except (
        OSError,
        EOFError,
        KeyError,
        TypeError,
        ValueError,
        pickle.UnpicklingError,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as error:
        raise DataUnavailable(
            f"The files of {located.name} at {path} cannot be read: {error}. Remove them and get them again with: "
            f"{OBTAIN[located.name]}"
        ) from error


def _npz(path: Path) -> Parts:
    # np.load leaves a file open that turns out to be no zip archive.
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        x_train, y_train, x_test, y_test = (stored[name] for name in ("x_train", "y_train", "x_test", "y_test"))
    return x_train[..., None], y_train, x_test[..., None], y_test


def _idx(folder: Path) -> Parts:
    x_train, y_train, x_test, y_test = (_idx_array(folder / name) for name in IDX_FILES)
    return x_train[..., None], y_train, x_test[..., None], y_test


def _idx_array(path: Path) -> Bytes:
    """An array in the IDX format: two zero bytes, type (8 is uint8), rank, the sizes as big-endian int32, the values."""
    with gzip.open(path) as file:
        content = file.read()
    rank = content[3] if content[:3] == b"\0\0\x08" else 0
    if rank == 0:
        raise ValueError(f"{path.name} is no IDX file of bytes")
    shape = np.frombuffer(content, ">i4", count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def _cifar(path: Path) -> Parts:
    batches = _cifar_folder(path) if path.is_dir() else _cifar_archive(path)
    parts = [_cifar_batch(batches[name]) for name in CIFAR_FILES]
    x_train, y_train = (np.concatenate(arrays) for arrays in zip(*parts[:-1], strict=True))
    return x_train, y_train, *parts[-1]


def _cifar_folder(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in CIFAR_FILES}


def _cifar_archive(path: Path) -> dict[str, bytes]:
    """The six files of the archive, read in memory: nothing is unpacked, so no path in it can do harm."""
    batches: dict[str, bytes] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if name in CIFAR_FILES else None
            if file is not None:
                batches[name] = file.read()
    return batches


def _cifar_batch(content: bytes) -> tuple[Bytes, Bytes]:
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
