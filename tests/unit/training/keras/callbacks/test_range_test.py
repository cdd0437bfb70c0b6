import random

import numpy as np
import pytest

from lrsearch.curves import ramp_rates
from tests.unit.training.keras.callbacks.toys import (
    SAMPLES,
    X,
    Y,
    assert_same_state,
    batches,
    deep,
    descent,
    linear,
    own_step,
    quiet,
    state,
)

pytestmark = pytest.mark.tensorflow


def boom(at, error=ZeroDivisionError):
    import keras

    class Boom(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == at:
                raise error

    return Boom()


# what is measured


def test_losses_are_those_of_each_batch_before_its_update_also_across_epochs_and_with_a_smaller_last_batch(suite):
    size = 10  # 48 samples: the last batch of an epoch has 8
    rates = ramp_rates(1e-3, 0.3, 23)
    w, losses = np.full((3, 1), 0.1), []
    for index, rate in enumerate(rates):
        first = index % 5 * size
        x, y = X[first : first + size].astype(float), Y[first : first + size]
        residual = x @ w - y
        losses.append(float(np.mean(residual**2)))
        w = w - rate * 2 * x.T @ residual / len(x)
    test = suite.RangeTest(start_lr=1e-3, end_lr=0.3, steps=23)
    quiet(linear(), X, Y, batch_size=size, epochs=5, callbacks=[test])
    np.testing.assert_allclose(losses, test.curve.losses, rtol=1e-5)
    np.testing.assert_allclose(rates, test.curve.lrs)
    assert "ramp" == test.ended


def test_one_loss_of_1e9_leaves_the_losses_around_it_exactly_1(suite):
    x, y = np.zeros((40, 3), np.float32), np.ones((40, 1), np.float32)
    y[5] = np.sqrt(1e9)
    test = suite.RangeTest(start_lr=1e-30, end_lr=1e-29, steps=40, divergence=None)
    quiet(linear(), x, y, batch_size=1, callbacks=[test])
    assert [1.0] * 39 == np.delete(test.curve.losses, 5).tolist()
    assert 1e9 == pytest.approx(test.curve.losses[5])


def test_it_stops_at_the_first_loss_that_is_not_finite(suite):
    y = Y.copy()
    y[16:24] = np.nan
    test = suite.RangeTest(steps=40)
    quiet(linear(), X, y, epochs=7, callbacks=[test])
    assert ("non_finite", 3) == (test.ended, len(test.curve))


def test_it_stops_when_the_loss_diverges_and_says_so(suite):
    test = suite.RangeTest(start_lr=1e-4, end_lr=1e3, steps=60).run(linear(), (X, Y), batch_size=SAMPLES)
    assert "diverged" == test.ended
    assert len(test.curve) < 60
    assert "suggestion" == test.suggestion.verdict


def test_a_second_use_counts_from_0_again(suite):
    test, model = suite.RangeTest(steps=20, end_lr=0.1), linear()
    curves = []
    for _ in range(2):
        quiet(model, X, Y, epochs=4, callbacks=[test])
        curves.append(test.curve)
    np.testing.assert_array_equal(curves[0].losses, curves[1].losses)
    assert 20 == len(curves[1])


def test_gradient_accumulation_counts_updates_and_measures_all_batches_of_one(suite):
    import keras

    rates = ramp_rates(1e-3, 0.3, 12)
    model = linear(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    quiet(model, X[:6], Y[:6], batch_size=2)  # leaves an update unfinished, which the test must not inherit
    model.set_weights([np.full((3, 1), 0.1, np.float32)])
    before = state(model)
    test = suite.RangeTest(start_lr=1e-3, end_lr=0.3, steps=12).run(model, (X, Y), batch_size=2, shuffle=False)
    np.testing.assert_allclose(descent(rates)[0], test.curve.losses, rtol=1e-5)
    assert_same_state(before, state(model))


def test_updates_that_loss_scaling_skips_are_made_again_at_their_rate(suite):
    import keras

    model = linear(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(), initial_scale=2.0**127))
    test = suite.RangeTest(start_lr=1e-3, end_lr=0.3, steps=20, divergence=None).run(model, (X, Y), batch_size=48)
    rates = ramp_rates(1e-3, 0.3, 20)
    np.testing.assert_allclose(descent(rates, 48)[0], test.curve.losses, rtol=1e-5)
    assert 2.0**127 == float(model.optimizer.initial_scale)


def test_gradients_that_are_never_finite_end_the_test(suite):
    import keras

    class Broken(keras.layers.Layer):
        def call(self, x):
            return keras.ops.sqrt(x - x)  # its gradient is infinite times 0

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1), Broken()])
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), "mse", jit_compile=False)
    test = suite.RangeTest(steps=10).run(model, (X, Y), batch_size=48)
    assert ("non_finite", 1) == (test.ended, len(test.curve))


# what is put back


@pytest.fixture(scope="module")
def warm(suite):
    model = deep()
    quiet(model, X, Y)
    return model


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_after_a_test_a_fit_is_bit_for_bit_that_of_a_model_that_never_had_one(suite, policy):
    import keras

    from lrsearch.training.keras import weights

    model, fits = deep(policy=policy), {}
    quiet(model, X, Y)
    start = state(model)
    for has_test in (False, True):
        weights.restore(model, start)
        keras.utils.set_random_seed(1)
        if has_test:
            suite.RangeTest(end_lr=100.0, steps=30).run(model, (X, Y), batch_size=8)
            assert_same_state(start, state(model))
        history = quiet(model, X, Y, shuffle=True, epochs=2, validation_data=(X, Y))
        fits[has_test] = history.history, state(model)
    assert fits[False][0] == fits[True][0]
    assert_same_state(fits[False][1], fits[True][1])


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
@pytest.mark.parametrize("form", ["with", "run"])
def test_everything_is_put_back_when_the_fit_raises_or_is_interrupted(suite, warm, form, error):
    model, test = warm, suite.RangeTest(warm, steps=20)
    before, history, streams = state(model), model.history, (random.getstate(), np.random.get_state()[1].tolist())

    def in_a_block():
        with test:
            quiet(model, X, Y, epochs=4, callbacks=[test, boom(3, error)])

    def run():
        test.run(model, (X, Y), batch_size=8, callbacks=[boom(3, error)])

    with pytest.raises(error):
        in_a_block() if form == "with" else run()
    assert_same_state(before, state(model))
    assert history is model.history
    assert streams == (random.getstate(), np.random.get_state()[1].tolist())
    assert 0.01 == pytest.approx(float(model.optimizer.learning_rate))
    assert len(test.curve) in {3, 4}  # by whose turn comes first


def test_as_a_bare_callback_it_puts_back_after_a_normal_end_and_by_hand_after_a_failure(suite):
    model = deep()
    test = suite.RangeTest(steps=20)
    quiet(model, X, Y, epochs=4, callbacks=[test])
    after = state(model)
    with pytest.raises(ZeroDivisionError):
        quiet(model, X, Y, epochs=4, callbacks=[test, boom(3)])
    assert 4 == int(model.optimizer.iterations)
    test.restore()
    assert_same_state(after, state(model))
    assert 0 == int(model.optimizer.iterations)


def test_global_seeds_are_put_back(suite):
    import keras
    import tensorflow as tf

    model = linear()
    draws = []
    for has_test in (False, True):
        keras.utils.set_random_seed(3)
        keras.random.normal((1,))
        if has_test:

            class Drawing(keras.callbacks.Callback):
                def on_train_batch_end(self, batch, logs=None):
                    random.random(), np.random.rand(), keras.random.normal((1,)), tf.random.normal((1,))

            suite.RangeTest(steps=10).run(model, (X, Y), callbacks=[Drawing()])
        numbers = [random.random(), np.random.rand(), keras.random.normal((1,)), tf.random.normal((1,))]
        draws.append([float(np.squeeze(number)) for number in numbers])
    assert draws[0] == draws[1]


def test_nothing_is_traced_again(suite):
    import keras

    traces = []

    class Counting(keras.layers.Layer):
        def call(self, x):
            traces.append(1)
            return x

    model = keras.Sequential([keras.Input((3,)), Counting(), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    quiet(model, X, Y)
    function, seen = model.train_function, len(traces)
    quiet(model, X, Y, epochs=4, callbacks=[suite.RangeTest(steps=20)])
    quiet(model, X, Y)
    assert seen == len(traces)
    assert function is model.train_function


def test_nothing_is_written_to_disk(suite, tmp_path, monkeypatch):
    import tempfile

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    suite.RangeTest(steps=10).run(linear(), (X, Y))
    assert [] == list(tmp_path.iterdir())


def test_a_python_generator_is_advanced(suite):
    drawn: list[int] = []
    suite.RangeTest(steps=20, end_lr=0.1).run(linear(), (drawn.append(1) or each for each in batches()))
    assert len(drawn) >= 20  # Keras may draw ahead


# what it works with


def test_every_kind_of_data_gives_the_same_curve(suite):
    import keras
    import tensorflow as tf

    class Pieces(keras.utils.PyDataset):
        def __len__(self):
            return SAMPLES // 8

        def __getitem__(self, index):
            return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    model = linear()
    kinds = {
        "arrays": {"data": (X, Y), "batch_size": 8, "shuffle": False},
        "x and y": {"data": X, "y": Y, "batch_size": 8, "shuffle": False},
        "generator": {"data": batches()},
        "dataset": {"data": tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)},
        "PyDataset": {"data": Pieces(), "shuffle": False},
        "weighted": {"data": (X, Y, np.ones(SAMPLES)), "batch_size": 8, "shuffle": False},
        "validated": {"data": (X, Y), "batch_size": 8, "shuffle": False, "validation_data": (X, Y)},
    }
    expected = descent(ramp_rates(1e-3, 0.3, 20))[0]
    for name, arguments in kinds.items():
        test = suite.RangeTest(start_lr=1e-3, end_lr=0.3, steps=20).run(model, **arguments)
        np.testing.assert_allclose(expected, test.curve.losses, rtol=1e-5, err_msg=name)


def test_several_inputs_and_outputs(suite):
    import keras

    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    left, right = keras.layers.Dense(1, name="left")(a), keras.layers.Dense(1, name="right")(b)
    model = keras.Model([a, b], [left, right])
    model.compile("sgd", ["mse", "mae"], loss_weights=[1.0, 0.5], metrics=[["mae"], ["mse"]], jit_compile=False)
    before = model.evaluate([X, X], [Y, Y], verbose=0, batch_size=SAMPLES, return_dict=True)["loss"]
    test = suite.RangeTest(start_lr=1e-9, end_lr=1.0, steps=20).run(model, ([X, X], [Y, Y]), batch_size=SAMPLES)
    assert before == pytest.approx(test.curve.losses[0], rel=1e-5)


def test_a_train_step_of_your_own_that_names_its_loss_otherwise(suite):
    model = own_step("objective")
    with pytest.raises(ValueError, match="watches 'loss', and train_step answered with objective"):
        suite.RangeTest(steps=10).run(model, (X, Y))
    test = suite.RangeTest(start_lr=1e-3, end_lr=0.3, steps=20, monitor="objective")
    test.run(model, (X, Y), batch_size=8, shuffle=False)
    np.testing.assert_allclose(descent(ramp_rates(1e-3, 0.3, 20))[0], test.curve.losses, rtol=1e-5)


def test_the_plot_shows_curve_and_suggestion(suite, tmp_path):
    test = suite.RangeTest(start_lr=1e-4, end_lr=1e3, steps=60).run(linear(), (X, Y), batch_size=SAMPLES)
    picture = test.plot()
    picture.save(tmp_path / "plot.png")
    assert b"\x89PNG" == (tmp_path / "plot.png").read_bytes()[:4]
    assert test.curve.losses.tolist() == list(picture.spec.lines[0].y)
    assert [test.suggestion.lr] == [mark.x for mark in picture.spec.marks]


# what it refuses


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start_lr": 0.0}, "start_lr must be a finite number above 0, not 0.0"),
        ({"end_lr": 1e-8}, r"end_lr must be finite and above start_lr \(1e-07\), not 1e-08"),
        ({"end_lr": float("nan")}, "end_lr must be finite"),
        ({"steps": 1}, "steps must be a whole number of at least 2, not 1"),
        ({"steps": 10.0}, "steps must be a whole number of at least 2, not 10.0"),
        ({"ramp": "cosine"}, 'ramp must be "exponential" or "linear", not \'cosine\''),
    ],
)
def test_a_ramp_that_does_not_rise_is_refused(suite, arguments, message):
    with pytest.raises(ValueError, match=message):
        suite.RangeTest(**arguments)


def test_what_it_cannot_do_it_says_with_the_remedy(suite):
    import keras

    model = linear()
    with pytest.raises(RuntimeError, match="has not run yet"):
        _ = suite.RangeTest().curve
    with pytest.raises(ValueError, match=r"write `with RangeTest\(model\) as test:`"), suite.RangeTest():
        pass
    with pytest.raises(RuntimeError, match=r"model.fit\(..., callbacks=\[test\]\)"), suite.RangeTest(model):
        pass
    with pytest.raises(ValueError, match="make a RangeTest for each model"):
        quiet(model, X, Y, callbacks=[suite.RangeTest(linear())])
    with pytest.raises(ValueError, match=r"only 6 updates: fit with epochs=17 .* RangeTest\(steps=6\)"):
        quiet(model, X, Y, callbacks=[suite.RangeTest()])
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"has no weights yet.*model.build\(input_shape\)"):
        suite.RangeTest().run(unbuilt, (X, Y))
    with pytest.raises(ValueError, match=r"steps_per_execution is 4.*compile with steps_per_execution=1"):
        suite.RangeTest().run(linear(steps_per_execution=4), (X, Y))
    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.1)
    with pytest.raises(ValueError, match=r"built with a LearningRateSchedule.*SGD\(learning_rate=0.01\)"):
        suite.RangeTest().run(linear(keras.optimizers.SGD(schedule)), (X, Y))


def test_a_generator_that_ends_too_early_is_told_and_everything_put_back(suite):
    model = linear()
    with (
        pytest.warns(UserWarning, match="over after 7 of the range test's 20 updates"),
        pytest.warns(UserWarning, match="Your input ran out of data"),
    ):
        test = suite.RangeTest(steps=20).run(model, batches(count=7))
    assert ("fit", 7) == (test.ended, len(test.curve))
    assert 0 == int(model.optimizer.iterations)
