import pytest
from pydantic import TypeAdapter

from lrsearch.training.optimizer_table import OPTIMIZERS
from lrsearch.training.plan import AnyOptimizer

pytestmark = pytest.mark.tensorflow


def build(**document):
    from lrsearch.training.keras.optimizers import build_optimizer

    return build_optimizer(TypeAdapter(AnyOptimizer).validate_python(document))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_of_its_class_with_the_defaults_of_keras(name):
    import keras

    row = OPTIMIZERS[name]
    theirs = getattr(keras.optimizers, row.keras_class)().get_config()
    ours = build(kind=name).get_config()
    assert theirs | {"name": ""} == ours | {"name": ""}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_hyperparameter_of_a_row_reaches_keras(name):
    for key, (default, least, greatest) in OPTIMIZERS[name].hyperparameters.items():
        if isinstance(default, bool):
            value = not default
        elif isinstance(least, int):
            value = least + 1
        else:
            value = ((least or 0.0) + (greatest if greatest is not None else 1.0)) / 2
        further = {"use_ema": True} if key.startswith("ema_") else {}
        assert value == pytest.approx(build(kind=name, **{key: value}, **further).get_config()[key])


def test_whole_numbers_given_for_fractions_are_taken():
    assert 0.0 == build(kind="sgd", momentum=0).momentum
    assert 1.0 == build(kind="sgd", learning_rate=1).learning_rate.numpy()


def test_the_given_rate_is_the_optimizer_s_and_can_be_set():
    optimizer = build(kind="adam", learning_rate=0.5)
    assert pytest.approx(0.5) == optimizer.learning_rate.numpy()
    optimizer.learning_rate = 0.25
    assert pytest.approx(0.25) == optimizer.learning_rate.numpy()
