import gzip
import io
import os
import pickle
import tarfile

import numpy as np
import pytest

from lrsearch.errors import DataUnavailable
from lrsearch.settings import Settings
from lrsearch.training import data_files
from lrsearch.training.data_files import CIFAR_FILES, IDX_FILES, locate, missing, read

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(0, 256, (6, 28, 28), dtype=np.uint8)
LABELS = np.arange(6, dtype=np.uint8)


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(data_files, "DEBIAN", tmp_path / "debian")


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def write_idx(folder):
    folder.mkdir(parents=True)
    for name in IDX_FILES:
        values = IMAGES if "images" in name else LABELS
        header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">i4").tobytes()
        (folder / name).write_bytes(gzip.compress(header + values.tobytes()))


def cifar_batch(number):
    pixels = np.full((2, 3072), number, np.uint8)
    pixels[:, 0] = 200  # red of the pixel at the top left
    return pickle.dumps({b"data": pixels, b"labels": [number, 9]}, protocol=4)


def write_cifar_archive(path, batch=cifar_batch, prefix="cifar-10-batches-py/"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as archive:
        for number, name in enumerate(CIFAR_FILES):
            content = batch(number)
            info = tarfile.TarInfo(prefix + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def test_data_that_is_nowhere_is_not_located(settings):
    assert [None] * 3 == [locate(name, settings) for name in ("mnist", "fashion_mnist", "cifar10")]


def test_the_three_places_are_searched_in_order(tmp_path, settings):
    write_idx(tmp_path / "debian")
    assert tmp_path / "debian" == locate("fashion_mnist", settings).path
    write_idx(tmp_path / "keras/datasets/fashion-mnist")
    assert tmp_path / "keras/datasets/fashion-mnist" == locate("fashion_mnist", settings).path
    write_idx(tmp_path / "data/fashion-mnist")
    assert tmp_path / "data/fashion-mnist" == locate("fashion_mnist", settings).path


def test_a_folder_that_lacks_a_file_does_not_count(tmp_path, settings):
    write_idx(tmp_path / "data/fashion-mnist")
    (tmp_path / "data/fashion-mnist" / IDX_FILES[2]).unlink()
    assert locate("fashion_mnist", settings) is None


def test_idx_files_are_read_as_images_with_a_channel(tmp_path, settings):
    write_idx(tmp_path / "data/fashion-mnist")
    x_train, y_train, x_test, y_test = read(locate("fashion_mnist", settings))
    np.testing.assert_array_equal(IMAGES, x_train[..., 0])
    np.testing.assert_array_equal(LABELS, y_test)
    assert (6, 28, 28, 1) == x_test.shape == x_train.shape
    assert LABELS.shape == y_train.shape


def test_mnist_is_read_from_the_file_keras_keeps(tmp_path, settings):
    (tmp_path / "keras/datasets").mkdir(parents=True)
    np.savez(tmp_path / "keras/datasets/mnist.npz", x_train=IMAGES, y_train=LABELS, x_test=IMAGES, y_test=LABELS)
    x_train, _, _, y_test = read(locate("mnist", settings))
    np.testing.assert_array_equal(IMAGES, x_train[..., 0])
    np.testing.assert_array_equal(LABELS, y_test)


@pytest.mark.parametrize("place", ["data/cifar-10-python.tar.gz", "keras/datasets/cifar-10-batches-py.tar.gz"])
def test_cifar_is_read_from_its_archive(tmp_path, settings, place):
    write_cifar_archive(tmp_path / place)
    x_train, y_train, x_test, y_test = read(locate("cifar10", settings))
    assert ((10, 32, 32, 3), (2, 32, 32, 3)) == (x_train.shape, x_test.shape)
    assert [0, 9, 1, 9, 2, 9, 3, 9, 4, 9] == y_train.tolist()
    assert [5, 9] == y_test.tolist()
    assert [200, 5, 5] == x_test[0, 0, 0].tolist()
    assert [5, 5, 5] == x_test[0, 0, 1].tolist()


def test_cifar_is_read_from_the_folder_keras_unpacks(tmp_path, settings):
    folder = tmp_path / "keras/datasets/cifar-10-batches-py-target/cifar-10-batches-py"
    folder.mkdir(parents=True)
    for number, name in enumerate(CIFAR_FILES):
        (folder / name).write_bytes(cifar_batch(number))
    assert (10, 32, 32, 3) == read(locate("cifar10", settings))[0].shape


class Harm:
    def __reduce__(self):
        return os.mkdir, ("harm-was-done",)


def test_code_in_a_data_file_is_refused_and_not_run(tmp_path, settings, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_cifar_archive(tmp_path / "data/cifar-10-python.tar.gz", batch=lambda number: pickle.dumps(Harm()))
    with pytest.raises(DataUnavailable, match=r"posix.mkdir|nt.mkdir"):
        read(locate("cifar10", settings))
    assert not (tmp_path / "harm-was-done").exists()


def test_a_pickle_inside_an_npz_is_refused(tmp_path, settings, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    harm = np.array([Harm()], dtype=object)
    np.savez(tmp_path / "data/mnist.npz", x_train=harm, y_train=harm, x_test=harm, y_test=harm)
    with pytest.raises(DataUnavailable, match="cannot be read"):
        read(locate("mnist", settings))
    assert not (tmp_path / "harm-was-done").exists()


@pytest.mark.parametrize("content", [b"", b"no such format", b"PK\x03\x04 broken"])
@pytest.mark.parametrize(("name", "file"), [("mnist", "mnist.npz"), ("cifar10", "cifar-10-python.tar.gz")])
def test_a_broken_file_is_named_with_the_remedy(tmp_path, settings, name, file, content):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / file).write_bytes(content)
    with pytest.raises(DataUnavailable, match="Remove them and get them again"):
        read(locate(name, settings))


def test_an_array_under_the_name_of_an_archive_is_named_with_the_remedy(tmp_path, settings):
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/mnist.npz").open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataUnavailable, match="Remove them"):
        read(locate("mnist", settings))


def test_a_truncated_idx_file_is_named_with_the_remedy(tmp_path, settings):
    write_idx(tmp_path / "data/fashion-mnist")
    (tmp_path / "data/fashion-mnist" / IDX_FILES[0]).write_bytes(gzip.compress(b"\0\0\x08\x03\0\0\0\x06"))
    with pytest.raises(DataUnavailable, match="Remove them"):
        read(locate("fashion_mnist", settings))


def test_the_sentence_about_missing_data_names_the_places_and_the_command(tmp_path, settings):
    sentence = missing("fashion_mnist", settings)
    for part in (str(tmp_path / "data"), str(tmp_path / "keras"), str(tmp_path / "debian")):
        assert part in sentence
    assert "apt-get install dataset-fashion-mnist" in sentence
