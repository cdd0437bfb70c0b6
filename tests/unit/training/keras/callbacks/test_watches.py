import numpy as np
import pytest

from lrsearch.curves import DivergenceRule
from lrsearch.schedules import Linear
from tests.unit.training.keras.callbacks.toys import X, Y, assert_same_state, batches, deep, linear, quiet, state

pytestmark = pytest.mark.tensorflow


def test_a_loss_that_is_not_finite_stops_the_fit_at_its_batch(suite):
    y = Y.copy()
    y[16:24] = np.inf
    model, stop = linear(), suite.StopOnDivergence()
    quiet(model, X, y, epochs=3, callbacks=[stop])
    assert ("non_finite", 2) == (stop.ended, stop.stopped_at)
    assert 3 == int(model.optimizer.iterations)


def test_a_loss_that_grows_stops_the_fit_long_before_it_overflows(suite):
    import keras

    model, stop = linear(keras.optimizers.SGD(2.0)), suite.StopOnDivergence()
    history = quiet(model, X, Y, epochs=20, callbacks=[stop])
    assert "diverged" == stop.ended
    assert np.isfinite(history.history["loss"]).all()
    assert 20 > len(history.history["loss"])


def test_it_sees_each_batch_and_not_the_mean_of_the_epoch(suite):
    x, y = np.zeros((60, 3), np.float32), np.ones((60, 1), np.float32)
    y[4] = np.sqrt(1e9)
    seen = []

    class Spying(suite.StopOnDivergence):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self._losses.last)

    quiet(linear(), x, y, batch_size=1, callbacks=[Spying()])
    assert [1.0] * 59 == np.delete(seen, 4).tolist()


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("kind", ["arrays", "generator"])
def test_the_fit_and_its_logs_are_what_they_are_without_it(suite, kind):
    import keras

    from lrsearch.training.keras import weights

    class Logs(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seen = []

        def on_train_batch_end(self, batch, logs=None):
            self.seen.append(dict(logs))

        def on_epoch_end(self, epoch, logs=None):
            self.seen.append(dict(logs))

    model = deep()
    model.optimizer.build(model.trainable_variables)
    start, results = state(model), []
    for callbacks in ([], [suite.StopOnDivergence()]):
        weights.restore(model, start)
        logs = Logs()
        if kind == "arrays":
            quiet(model, X, Y, epochs=2, callbacks=[logs, *callbacks], validation_data=(X, Y))
        else:
            model.fit(batches(count=6), verbose=0, shuffle=False, callbacks=[logs, *callbacks])
        results.append((logs.seen, state(model)))
    for plain, watched in zip(results[0][0], results[1][0], strict=True):
        assert plain == pytest.approx(watched, rel=1e-6)
    assert_same_state(results[0][1], results[1][1])


def test_a_second_fit_is_watched_from_its_start(suite):
    stop, model = suite.StopOnDivergence(), linear()
    y = np.full_like(Y, np.nan)
    quiet(model, X, y, callbacks=[stop])
    assert 0 == stop.stopped_at
    model.set_weights([np.zeros((3, 1), np.float32)])
    quiet(model, X, Y, callbacks=[stop])
    assert (None, None) == (stop.ended, stop.stopped_at)


def test_the_rule_can_be_chosen(suite):
    strict = suite.StopOnDivergence(DivergenceRule(factor=1e-9, noise_factor=0.0, first_step=1))
    quiet(linear(), X, Y, epochs=5, callbacks=[strict])
    assert "diverged" == strict.ended


def test_a_loss_of_another_name_is_asked_for(suite):
    with pytest.raises(ValueError, match="StopOnDivergence watches 'objective', and train_step answered with loss"):
        quiet(linear(), X, Y, callbacks=[suite.StopOnDivergence(monitor="objective")])


def test_the_monitor_records_the_rates_of_a_schedule_in_the_optimizer(suite):
    import keras

    schedule, monitor = Linear(start_lr=0.1, total_steps=12), suite.LearningRateMonitor()
    model = linear(keras.optimizers.SGD(suite.to_keras(schedule)))
    history = quiet(model, X, Y, epochs=2, callbacks=[monitor])
    np.testing.assert_allclose(schedule(np.arange(12)), monitor.lrs, rtol=1e-6)
    np.testing.assert_allclose(schedule([5, 11]), history.history["learning_rate"], rtol=1e-6)


def test_the_monitor_records_one_rate_an_execution(suite):
    monitor = suite.LearningRateMonitor()
    quiet(linear(steps_per_execution=3), X, Y, callbacks=[monitor])
    assert ([0, 3], [0.01, 0.01]) == (monitor.steps, monitor.lrs)


def test_the_monitor_forgets_the_fit_before(suite):
    monitor, model = suite.LearningRateMonitor(), linear()
    for steps in (range(6), range(6, 12)):
        quiet(model, X, Y, callbacks=[monitor])
        assert list(steps) == monitor.steps
