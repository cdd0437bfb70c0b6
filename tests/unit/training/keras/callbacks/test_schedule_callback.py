import numpy as np
import pytest

from lrsearch.schedules import Constant, Cosine, Epochs, InverseTime, Linear, StepDecay, Warmup
from tests.unit.training.keras.callbacks.toys import (
    X,
    Y,
    assert_same_state,
    batches,
    deep,
    descent,
    linear,
    quiet,
    state,
)

pytestmark = pytest.mark.tensorflow


def test_every_update_is_made_at_the_rate_of_its_step(suite):
    schedule = Warmup(schedule=Cosine(max_lr=0.2), warmup_steps=4)
    model, monitor = linear(), suite.LearningRateMonitor()
    history = quiet(model, X, Y, epochs=3, callbacks=[monitor, suite.ScheduleCallback(schedule)])
    rates = schedule.resolve(steps_per_epoch=6, total_steps=18)(np.arange(18))
    np.testing.assert_allclose(descent(rates)[1], model.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(rates, monitor.lrs, rtol=1e-6)
    assert list(range(18)) == monitor.steps
    np.testing.assert_allclose(rates[5::6], history.history["learning_rate"], rtol=1e-6)


def test_a_length_in_epochs_is_that_many_of_the_fit(suite):
    callback = suite.ScheduleCallback(StepDecay(lr=0.1, every_steps=Epochs(epochs=2)))
    quiet(linear(), X, Y, epochs=2, callbacks=[callback])
    assert 12 == callback.resolved.every_steps


def test_a_run_of_more_steps_than_a_block_has_no_seam(suite):
    model, monitor = linear(), suite.LearningRateMonitor()
    data = np.zeros((1100, 3), np.float32)
    quiet(model, data, data[:, :1], batch_size=1, callbacks=[monitor, suite.ScheduleCallback(Linear(start_lr=1.1))])
    np.testing.assert_allclose(np.diff(monitor.lrs), -0.001, rtol=1e-3)


@pytest.mark.parametrize("is_saved", [False, True], ids=["same model", "saved and loaded"])
def test_a_fit_that_goes_on_in_the_middle_is_the_fit_that_was_never_stopped(suite, is_saved, tmp_path):
    import keras

    def model():
        return linear(keras.optimizers.SGD(0.1, momentum=0.9))

    def callbacks():
        return [suite.ScheduleCallback(Cosine(max_lr=0.2, total_steps=24))]

    whole, parts = model(), model()
    quiet(whole, X, Y, epochs=4, callbacks=callbacks())
    quiet(parts, X, Y, epochs=2, callbacks=callbacks())
    if is_saved:
        parts.save(tmp_path / "half.keras")
        parts = keras.models.load_model(tmp_path / "half.keras")
    quiet(parts, X, Y, epochs=4, initial_epoch=2, callbacks=callbacks())
    assert_same_state(state(whole), state(parts))


def test_start_step_counts_from_there_and_0_starts_anew(suite):
    model, monitor, schedule = linear(), suite.LearningRateMonitor(), Linear(start_lr=0.1, total_steps=10)
    quiet(model, X, Y, callbacks=[monitor, suite.ScheduleCallback(schedule, start_step=4)])
    np.testing.assert_allclose(schedule(np.arange(4, 10)), monitor.lrs, rtol=1e-6)
    quiet(model, X, Y, callbacks=[monitor, suite.ScheduleCallback(schedule, start_step=0)])
    np.testing.assert_allclose(schedule(np.arange(6)), monitor.lrs, rtol=1e-6)


def test_a_schedule_that_is_over_before_the_fit_is_refused(suite):
    model = linear()
    quiet(model, X, Y, epochs=2)
    for schedule, arguments in (
        (Cosine(max_lr=0.1, total_steps=12), {}),
        (Cosine(max_lr=0.1), {"epochs": 2}),  # as long as this fit, and half of it is done
        (Cosine(max_lr=0.1), {"epochs": 3}),  # would be over in the middle
    ):
        with pytest.raises(ValueError, match=r"12 updates and the schedule ends at .* pass start_step=0"):
            quiet(model, X, Y, callbacks=[suite.ScheduleCallback(schedule)], **arguments)
    for callback, arguments in (
        (suite.ScheduleCallback(Cosine(max_lr=0.1)), {"epochs": 3, "initial_epoch": 2}),
        (suite.ScheduleCallback(Cosine(max_lr=0.1), total_steps=24), {"epochs": 1}),
        (suite.ScheduleCallback(Constant(lr=0.1)), {"epochs": 1}),
        (suite.ScheduleCallback(InverseTime(lr=0.1, decay=0.1)), {"epochs": 1}),
    ):
        quiet(model, X, Y, callbacks=[callback], **arguments)


def test_with_gradient_accumulation_a_step_is_an_update(suite):
    import keras

    model = linear(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    monitor, callback = suite.LearningRateMonitor(), suite.ScheduleCallback(Linear(start_lr=0.2))
    quiet(model, X, Y, batch_size=2, epochs=2, callbacks=[callback, monitor])
    rates = Linear(start_lr=0.2, total_steps=12)(np.arange(12))
    np.testing.assert_allclose(descent(rates)[1], model.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(rates, monitor.lrs, rtol=1e-6)
    assert list(range(12)) == monitor.steps


def test_an_update_that_loss_scaling_skips_is_no_step(suite):
    import keras

    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**127)
    model, monitor = linear(optimizer), suite.LearningRateMonitor()
    callback = suite.ScheduleCallback(Linear(start_lr=0.2, total_steps=30))
    quiet(model, X, Y, batch_size=48, epochs=20, callbacks=[callback, monitor])
    made = int(optimizer.iterations)
    assert made < 20
    rates = Linear(start_lr=0.2, total_steps=30)(np.arange(made))
    np.testing.assert_allclose(descent(rates, 48)[1], model.get_weights()[0], rtol=1e-4)


def test_mixed_precision_trains_at_the_rates(suite):
    model, monitor = deep(policy="mixed_float16"), suite.LearningRateMonitor()
    callback = suite.ScheduleCallback(Linear(start_lr=0.1))
    quiet(model, X, Y, callbacks=[callback, monitor])
    assert 0.1 == monitor.lrs[0]
    assert monitor.lrs == sorted(monitor.lrs, reverse=True)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_what_keras_does_not_know_is_asked_for(suite):
    model = linear()

    def fit(callback, **arguments):
        model.fit(batches(count=6), verbose=0, shuffle=False, callbacks=[callback], **arguments)

    in_epochs = StepDecay(lr=0.1, every_steps=Epochs(epochs=1))
    with pytest.raises(
        ValueError, match=r"does not know how many updates one has: pass ScheduleCallback\(\.\.\., steps_p"
    ):
        fit(suite.ScheduleCallback(in_epochs))
    with pytest.raises(
        ValueError, match=r"does not know how long that is: pass ScheduleCallback\(\.\.\., total_steps="
    ):
        fit(suite.ScheduleCallback(Cosine(max_lr=0.1)))
    fit(suite.ScheduleCallback(in_epochs, steps_per_epoch=6))
    fit(suite.ScheduleCallback(Cosine(max_lr=0.1), total_steps=20))
    fit(suite.ScheduleCallback(Cosine(max_lr=0.1, total_steps=20)))


def test_a_rate_that_cannot_be_set_is_refused_with_the_remedy(suite):
    import keras

    schedule = Cosine(max_lr=0.1)
    with pytest.raises(ValueError, match=r"steps_per_execution is 2.*schedule_export.to_keras"):
        quiet(linear(steps_per_execution=2), X, Y, callbacks=[suite.ScheduleCallback(schedule)])
    in_optimizer = keras.optimizers.SGD(suite.to_keras(schedule, total_steps=6))
    with pytest.raises(ValueError, match=r"built with a LearningRateSchedule .* leave ScheduleCallback out"):
        quiet(linear(in_optimizer), X, Y, callbacks=[suite.ScheduleCallback(schedule)])


def test_several_optimizers_in_one_have_no_rate_to_set_or_record(suite):
    import keras

    sgd = keras.optimizers.SGD()
    both = keras.optimizers.MultiOptimizer(lambda variable: sgd)
    for callback in (suite.RangeTest(steps=6), suite.ScheduleCallback(Constant(lr=0.1)), suite.LearningRateMonitor()):
        with pytest.raises(
            ValueError, match=f"no single learning rate for {type(callback).__name__}: compile the model"
        ):
            quiet(linear(both), X, Y, callbacks=[callback])


def test_the_remedy_for_several_steps_an_execution_trains_at_the_same_rates(suite):
    import keras

    schedule = Cosine(max_lr=0.2, total_steps=12)
    model = linear(keras.optimizers.SGD(suite.to_keras(schedule)), steps_per_execution=3)
    quiet(model, X, Y, epochs=2)
    np.testing.assert_allclose(descent(schedule(np.arange(12)))[1], model.get_weights()[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_step": -1}, "start_step must be a whole number of at least 0, not -1"),
        ({"total_steps": 0}, "total_steps must be a whole number of at least 1, not 0"),
        ({"steps_per_epoch": 2.5}, "steps_per_epoch must be a whole number of at least 1, not 2.5"),
    ],
)
def test_lengths_that_are_none_are_refused(suite, arguments, message):
    with pytest.raises(ValueError, match=message):
        suite.ScheduleCallback(Constant(lr=0.1), **arguments)


def test_what_is_no_schedule_is_refused(suite):
    with pytest.raises(TypeError, match=r"schedule must be one of lrsearch.schedules, not 0.1"):
        suite.ScheduleCallback(0.1)
