"""Where the files of downloadable data sets are looked for, and how they are read; needs neither Keras nor pickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

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
