import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def models():
    from lrsearch.training.keras import models

    return models


def layer_names(model):
    return [type(layer).__name__ for layer in model.layers]


@pytest.mark.parametrize(
    ("name", "shape", "outputs", "weights"),
    [
        # by hand: units x (inputs + 1), filters x (9 channels + 1)
        ("blobs_mlp", (2,), 3, 50 * 3 + 3 * 51),
        ("digits_mlp", (64,), 10, 64 * 65 + 10 * 65),
        ("tabular_mlp", (13,), 3, 32 * 14 + 3 * 33),
        ("mnist_cnn", (28, 28, 1), 10, 32 * 10 + 64 * 289 + 256 * 1601 + 10 * 257),
        ("keras_mnist_cnn", (28, 28, 1), 10, 32 * 10 + 64 * 289 + 128 * 9217 + 10 * 129),
        ("cifar_cnn", (28, 28, 1), 10, 159_882),
        ("cifar_cnn", (32, 32, 3), 10, 258_762),
    ],
)
def test_a_model_has_the_weights_of_the_published_one(models, name, shape, outputs, weights):
    assert weights == getattr(models, name)(shape, outputs, "classification").count_params()


def test_the_published_layers_stand_in_order(models):
    pooled = ["Conv2D", "MaxPooling2D"]
    assert [*pooled * 3, "Flatten", *["Dense"] * 3] == layer_names(models.cifar_cnn((32, 32, 3), 10, "classification"))
    dropped = [*pooled, "Dropout"]
    assert [*dropped * 2, "Flatten", "Dense", "Dense"] == layer_names(
        models.mnist_cnn((28, 28, 1), 10, "classification")
    )


def test_shares_of_dropout_are_the_published_ones(models):
    def shares(model):
        return [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"]

    assert [0.25, 0.25] == shares(models.mnist_cnn((28, 28, 1), 10, "classification"))
    assert [0.25, 0.5] == shares(models.keras_mnist_cnn((28, 28, 1), 10, "classification"))


def test_initialisers_are_the_published_ones(models):
    def kernels(model):
        return [
            type(layer.kernel_initializer).__name__ for layer in model.layers if hasattr(layer, "kernel_initializer")
        ]

    assert ["HeUniform", "GlorotUniform"] == kernels(models.blobs_mlp((2,), 3, "classification"))
    expected = ["HeUniform", "GlorotUniform", "HeUniform", "GlorotNormal"]
    assert expected == kernels(models.keras_mnist_cnn((28, 28, 1), 10, "classification"))


def test_the_head_follows_the_task(models):
    x = np.ones((1, 4), np.float32)
    classifier = models.tabular_mlp((4,), 3, "classification")
    assert float(np.sum(classifier(x).numpy())) == pytest.approx(1.0)
    assert "linear" == models.tabular_mlp((4,), 1, "regression").layers[-1].activation.__name__


def test_tabular_layers_are_as_wide_normalised_and_dropped_as_asked(models):
    model = models.tabular_mlp((4,), 3, "classification", units=[8, 5], batch_norm=True, dropout=0.5)
    hidden = ["Dense", "BatchNormalization", "ReLU", "Dropout"]
    assert [*hidden * 2, "Dense"] == layer_names(model)
    assert [8, 5, 3] == [layer.units for layer in model.layers if type(layer).__name__ == "Dense"]
