import numpy as np
import pytest

from lrsearch import schedules
from tests.unit.training.keras.callbacks.toys import X, Y, descent, linear, quiet

pytestmark = pytest.mark.tensorflow
CYCLE = {"max_lr": 0.05, "max_momentum": 0.95, "min_momentum": 0.3}
STEPS = np.arange(18)
RESOLVED = schedules.OneCycle(**CYCLE, total_steps=18)


def sgd(**arguments):
    import keras

    return keras.optimizers.SGD(0.1, **{"momentum": 0.9} | arguments)


def trained(model, *callbacks, epochs=3):
    model.set_weights([np.full((3, 1), 0.1, np.float32)])
    quiet(model, X, Y, epochs=epochs, callbacks=list(callbacks))
    return model.get_weights()[0]


def by_hand():
    return descent(RESOLVED(STEPS), momenta=RESOLVED.momenta(STEPS))[1]


@pytest.mark.parametrize("compiling", [{"jit_compile": False}, {"jit_compile": True}, {"run_eagerly": True}])
def test_the_weights_are_those_of_momentum_descent_with_a_momentum_that_moves(suite, compiling):
    monitor = suite.LearningRateMonitor()
    weights = trained(linear(sgd(), **compiling), suite.OneCycle(**CYCLE), monitor)
    np.testing.assert_allclose(by_hand(), weights, rtol=2e-5)
    np.testing.assert_allclose(RESOLVED.momenta(STEPS), monitor.momenta, rtol=1e-6)
    np.testing.assert_allclose(RESOLVED(STEPS), monitor.lrs, rtol=1e-6)


def test_momentum_that_moves_changes_the_weights(suite):
    moved = trained(linear(sgd()), suite.OneCycle(**CYCLE))
    still = trained(linear(sgd()), suite.OneCycle(**CYCLE, should_cycle_momentum=False))
    constant = descent(RESOLVED(STEPS), momenta=np.full(18, 0.9))[1]
    np.testing.assert_allclose(constant, still, rtol=2e-5)
    assert np.abs(moved - still).max() > 0.01


def test_a_train_function_that_was_traced_before_is_traced_anew_and_again_afterwards(suite):
    model = linear(sgd())
    constant = trained(model)
    for variable in model.optimizer.variables[2:]:
        variable.assign(np.zeros(variable.shape))
    model.optimizer.iterations.assign(0)
    np.testing.assert_allclose(by_hand(), trained(model, suite.OneCycle(**CYCLE)), rtol=2e-5)
    assert 0.9 == model.optimizer.momentum
    assert "get_config" not in vars(model.optimizer)
    for variable in model.optimizer.variables[2:]:
        variable.assign(np.zeros(variable.shape))
    model.optimizer.learning_rate = 0.1
    np.testing.assert_array_equal(constant, trained(model))


def test_setting_the_attribute_after_tracing_changes_nothing_which_is_why_it_is_done_otherwise(suite):
    model = linear(sgd())
    constant = trained(model)
    for variable in model.optimizer.variables[2:]:
        variable.assign(np.zeros(variable.shape))
    model.optimizer.momentum = 0.1
    np.testing.assert_array_equal(constant, trained(model))


def test_the_optimizers_own_momentum_is_back_after_a_failure_too(suite):
    import keras

    class Boom(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise ZeroDivisionError

    model = linear(sgd())
    with pytest.raises(ZeroDivisionError), suite.OneCycle(**CYCLE) as cycle:
        quiet(model, X, Y, callbacks=[cycle, Boom()])
    assert 0.9 == model.optimizer.momentum
    assert isinstance(model.optimizer.momentum, float)


def test_a_model_saved_in_the_middle_has_the_optimizers_own_momentum(suite, tmp_path):
    import keras

    path = tmp_path / "{epoch}.keras"
    model = linear(sgd())
    quiet(model, X, Y, epochs=2, callbacks=[suite.OneCycle(**CYCLE), keras.callbacks.ModelCheckpoint(path)])
    assert 0.9 == keras.models.load_model(tmp_path / "1.keras").optimizer.momentum


def test_beta_1_of_adam_moves(suite):
    import keras

    def adam(rates, betas):
        w, m, v = np.full((3, 1), 0.1), 0.0, 0.0
        for index, (rate, beta) in enumerate(zip(rates, betas, strict=True)):
            first = index % 6 * 8
            x, y = X[first : first + 8].astype(float), Y[first : first + 8]
            gradient = 2 * x.T @ (x @ w - y) / 8
            m, v = beta * m + (1 - beta) * gradient, 0.999 * v + 0.001 * gradient**2
            w = w - rate * (m / (1 - beta ** (index + 1))) / (np.sqrt(v / (1 - 0.999 ** (index + 1))) + 1e-7)
        return w

    weights = trained(linear(keras.optimizers.Adam()), suite.OneCycle(**CYCLE))
    np.testing.assert_allclose(adam(RESOLVED(STEPS), RESOLVED.momenta(STEPS)), weights, rtol=1e-4)


@pytest.mark.parametrize(
    "kind",
    ["RMSprop", "Nadam", "Lion", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("AdamW", "Adamax", "Lamb"))],
)
def test_momentum_of_other_optimizers_moves(suite, kind):
    import keras

    def optimizer():
        return getattr(keras.optimizers, kind)(0.01, **({"momentum": 0.9} if kind == "RMSprop" else {}))

    cycle = CYCLE | {"max_lr": 0.3}  # large enough for Lion, which goes by signs, to turn
    moved = trained(linear(optimizer()), suite.OneCycle(**cycle))
    still = trained(linear(optimizer()), suite.OneCycle(**cycle, should_cycle_momentum=False))
    assert np.isfinite(moved).all()
    assert np.abs(moved - still).max() > 1e-5


def test_momentum_moves_inside_loss_scaling_and_gradient_accumulation(suite):
    import keras

    optimizer = keras.optimizers.LossScaleOptimizer(sgd(gradient_accumulation_steps=2), initial_scale=8.0)
    model = linear(optimizer)
    quiet(model, X, Y, batch_size=4, epochs=3, callbacks=[suite.OneCycle(**CYCLE)])
    np.testing.assert_allclose(by_hand(), model.get_weights()[0], rtol=2e-5)
    assert 0.9 == optimizer.inner_optimizer.momentum


def test_an_optimizer_without_momentum_is_refused_with_the_remedy(suite):
    import keras

    with pytest.raises(ValueError, match=r"built with momentum 0.*SGD\(momentum=0.9\).*should_cycle_momentum=False"):
        quiet(linear("sgd"), X, Y, callbacks=[suite.OneCycle(**CYCLE)])
    with pytest.raises(ValueError, match="Adagrad has neither beta_1 nor momentum"):
        quiet(linear(keras.optimizers.Adagrad()), X, Y, callbacks=[suite.OneCycle(**CYCLE)])
    with pytest.raises(TypeError, match="got a schedule and pct_start too"):
        suite.OneCycle(RESOLVED, pct_start=0.5)
    with pytest.raises(ValueError, match="max_lr"):
        suite.OneCycle(max_lr=-1.0)
