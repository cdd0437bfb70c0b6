import numpy as np
import pytest
from sklearn.datasets import make_blobs

from lrsearch.errors import DataUnavailable
from lrsearch.training import data_files

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def datasets():
    from lrsearch.training.keras import datasets

    return datasets


@pytest.fixture
def elsewhere(datasets, tmp_path, monkeypatch):
    """No data set is on this machine but those a test puts into the folder."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("LRSEARCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(data_files, "DEBIAN", tmp_path / "debian")
    datasets.load.cache_clear()
    yield tmp_path
    datasets.load.cache_clear()


def test_blobs_are_those_of_the_lecture(datasets):
    x, y = make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    data = datasets.blobs()
    np.testing.assert_allclose(x[:500], data.x_train, rtol=1e-6)
    np.testing.assert_allclose(x[500:], data.x_test, rtol=1e-6)
    np.testing.assert_array_equal(y[:500], data.y_train.argmax(axis=1))
    assert {0.0, 1.0} == set(np.unique(data.y_train).tolist())


def test_digits_lie_between_zero_and_one_in_sixteenths(datasets):
    data = datasets.digits()
    assert (0.0, 1.0) == (data.x_train.min(), data.x_train.max())
    assert np.array_equal(data.x_test * 16, np.round(data.x_test * 16))


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "iris", "diabetes"])
def test_tabular_data_is_standardised_by_the_training_samples_alone(datasets, name):
    data = getattr(datasets, name)()
    np.testing.assert_allclose(data.x_train.mean(axis=0), 0.0, atol=1e-5)
    np.testing.assert_allclose(data.x_train.std(axis=0), 1.0, atol=1e-5)
    assert np.abs(data.x_test.mean(axis=0)).max() > 1e-3


@pytest.mark.parametrize("name", ["digits", "wine", "breast_cancer", "iris"])
def test_classes_keep_their_shares_in_both_parts(datasets, name):
    data = getattr(datasets, name)()
    train, test = (np.bincount(labels) / len(labels) for labels in (data.y_train, data.y_test))
    np.testing.assert_allclose(train, test, atol=0.02)


def test_the_loss_follows_the_labels(datasets):
    assert "categorical_crossentropy" == datasets.loss_of(datasets.blobs(), "classification")
    assert "sparse_categorical_crossentropy" == datasets.loss_of(datasets.iris(), "classification")
    assert "mean_squared_error" == datasets.loss_of(datasets.diabetes(), "regression")


def test_files_in_the_data_folder_are_used_and_scaled(datasets, elsewhere):
    images, labels = np.full((3, 28, 28), 255, np.uint8), np.array([1, 2, 3], np.uint8)
    np.savez(elsewhere / "mnist.npz", x_train=images, y_train=labels, x_test=images[:1], y_test=labels[:1])
    data = datasets.load("mnist")
    assert (3, 28, 28, 1) == data.x_train.shape
    assert 1.0 == data.x_train.max() == data.x_train.min()
    assert [1, 2, 3] == data.y_train.tolist()


def test_forbidden_downloads_are_not_tried(datasets, elsewhere, monkeypatch):
    monkeypatch.setenv("LRSEARCH_DOWNLOADS", "never")
    with pytest.raises(DataUnavailable, match=r"LRSEARCH_DATA_DIR.*Keras cache.*Get it with: python"):
        datasets.load("mnist")


def test_a_download_that_fails_names_the_places_and_the_command(datasets, elsewhere, monkeypatch):
    # A port nobody listens on stands for a machine without network.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataUnavailable, match="the download failed"):
        datasets.load("cifar10")


def test_fashion_mnist_pictures_shoes_and_shirts(datasets):
    from lrsearch.settings import Settings

    if data_files.fashion_mnist(Settings()) is None:
        pytest.skip("Fashion-MNIST is not on this machine: apt-get install dataset-fashion-mnist")
    data = datasets.load("fashion_mnist")
    assert (60_000, 28, 28, 1) == data.x_train.shape
    assert [6_000] * 10 == np.bincount(data.y_train).tolist()
    assert (0.0, 1.0) == (data.x_test.min(), data.x_test.max())
    assert 9 == data.y_train[0]  # the first training image is an ankle boot
