import numpy as np
import pytest

from lrsearch.curves import ramp_rates
from lrsearch.training.layer_groups import LayerGroup
from tests.unit.training.keras.callbacks.toys import X, Y, assert_same_state, quiet, state

pytestmark = pytest.mark.tensorflow

HEAD = LayerGroup(name="head", layers=("head",))


def two_layers(optimizer="sgd", **compiling):
    """y = x w1 w2, without biases, from fixed weights."""
    import keras

    constant = keras.initializers.Constant
    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(2, use_bias=False, kernel_initializer=constant([[0.3, -0.1], [0.2, 0.4], [-0.2, 0.1]])),
            keras.layers.Dense(1, use_bias=False, kernel_initializer=constant([[0.5], [-0.4]]), name="head"),
        ]
    )
    model.compile(optimizer, "mse", **{"jit_compile": False} | compiling)
    return model


def by_hand(rates, others_lr):
    """Losses of gradient descent with the rates in the last layer and another rate in the first."""
    first, last = (np.array(w) for w in (two_layers().get_weights()))
    losses = []
    for rate in rates:
        residual = X @ first @ last - Y
        losses.append(float(np.mean(residual**2)))
        to_last = 2 * (X @ first).T @ residual / len(X)
        to_first = 2 * X.T @ residual @ last.T / len(X)
        first, last = first - others_lr * to_first, last - rate * to_last
    return losses


@pytest.mark.parametrize("others_lr", [0.0, 0.05])
def test_the_rate_rises_in_the_group_alone_and_the_others_train_at_theirs(suite, others_lr):
    import keras

    model = two_layers(keras.optimizers.SGD(0.02))
    rates = ramp_rates(1e-3, 0.2, 20)
    test = suite.RangeTest(start_lr=1e-3, end_lr=0.2, steps=20, group=HEAD, others_lr=others_lr, divergence=None)
    test.run(model, (X, Y), batch_size=len(X), shuffle=False)
    np.testing.assert_allclose(rates, test.curve.lrs)
    np.testing.assert_allclose(by_hand(rates, others_lr), test.curve.losses, rtol=1e-5)


def test_adam_too_takes_a_rate_for_a_group(suite):
    """Adam divides a factor on the gradient out again; with the others still, only the head's weights tell."""
    import keras

    still = two_layers(keras.optimizers.Adam(0.01))
    still.layers[0].trainable = False
    still.compile(keras.optimizers.Adam(0.01), "mse", jit_compile=False)
    whole = suite.RangeTest(steps=20, end_lr=0.5, divergence=None).run(still, (X, Y), batch_size=16, shuffle=False)
    model = two_layers(keras.optimizers.Adam(0.01))
    test = suite.RangeTest(steps=20, end_lr=0.5, divergence=None, group=HEAD, others_lr=0.0)
    test.run(model, (X, Y), batch_size=16, shuffle=False)
    np.testing.assert_allclose(whole.curve.losses, test.curve.losses, rtol=1e-5)


def test_afterwards_everything_is_as_before_and_trains_as_without_the_test(suite):
    import keras

    tested, plain = (two_layers(keras.optimizers.Adam(0.01)) for _ in range(2))
    for model in (tested, plain):
        quiet(model, X, Y, shuffle=False)
    before = state(tested)
    test = suite.RangeTest(tested, steps=10, end_lr=0.1, group=HEAD)
    with test:
        quiet(tested, X, Y, epochs=10, callbacks=[test])
    assert_same_state(before, state(tested))
    assert keras.optimizers.Adam is type(tested.optimizer)
    for model in (tested, plain):
        quiet(model, X, Y, epochs=2, shuffle=False)
    for ours, theirs in zip(plain.get_weights(), tested.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_fit_that_raises_leaves_no_group_behind(suite):
    import keras

    class Boom(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ZeroDivisionError

    model = two_layers()
    test = suite.RangeTest(model, steps=10, group=HEAD)
    with pytest.raises(ZeroDivisionError), test:
        quiet(model, X, Y, epochs=10, callbacks=[test, Boom()])
    assert keras.optimizers.SGD is type(model.optimizer)


@pytest.mark.parametrize(
    ("arguments", "optimizer", "message"),
    [
        ({"group": LayerGroup(name="a", layers=("tail",))}, "sgd", "no layer called tail.*dense, head"),
        ({"group": HEAD}, "ftrl", "Ftrl computes its weights from sums.*compile with one of"),
    ],
)
def test_a_group_that_cannot_be_is_refused_with_the_next_action(suite, arguments, optimizer, message):
    with pytest.raises(ValueError, match=message):
        suite.RangeTest(steps=10, **arguments).run(two_layers(optimizer), (X, Y))


def test_arguments_that_do_not_fit_together_are_refused(suite):
    with pytest.raises(ValueError, match="pass group="):
        suite.RangeTest(others_lr=0.1)
    with pytest.raises(ValueError, match="at least 0"):
        suite.RangeTest(group=HEAD, others_lr=-1.0)
    with pytest.raises(TypeError, match="LayerGroup"):
        suite.RangeTest(group="head")
