import numpy as np
import pytest

from lrsearch import schedules
from tests.unit.training.keras.callbacks.toys import X, Y, descent, linear, quiet

pytestmark = pytest.mark.tensorflow
CYCLES = {"max_lr": 0.2, "cycle_steps": 4, "cycle_mult": 2.0, "peak_decay": 0.9}
RATES = schedules.WarmRestarts(**CYCLES)(np.arange(18))


@pytest.mark.parametrize(("kept", "steps"), [(True, 12), (False, 18)])
def test_the_model_ends_with_the_weights_of_the_last_finished_cycle_or_of_the_last_update(suite, kept, steps):
    model, cycles = linear(), suite.WarmRestarts(**CYCLES, should_restore_weights=kept)
    quiet(model, X, Y, epochs=3, callbacks=[cycles])  # cycles end at 4, 12, 28; the fit at 18
    assert (2, 12) == (cycles.finished_cycles, cycles.finished_step)
    np.testing.assert_allclose(descent(RATES[:steps])[1], model.get_weights()[0], rtol=1e-5)
    np.testing.assert_allclose(descent(RATES[:12])[1], cycles.finished_weights[0], rtol=1e-5)


def test_a_cycle_that_ends_with_the_fit_is_finished(suite):
    model, cycles = linear(), suite.WarmRestarts(max_lr=0.2, cycle_steps=schedules.Epochs(epochs=1))
    quiet(model, X, Y, epochs=2, callbacks=[cycles])
    assert (2, 12) == (cycles.finished_cycles, cycles.finished_step)


def test_a_fit_shorter_than_the_first_cycle_keeps_its_own_weights(suite):
    model, cycles = linear(), suite.WarmRestarts(max_lr=0.2, cycle_steps=40)
    quiet(model, X, Y, callbacks=[cycles])
    assert (0, None, None) == (cycles.finished_cycles, cycles.finished_step, cycles.finished_weights)
    rates = schedules.WarmRestarts(max_lr=0.2, cycle_steps=40)(np.arange(6))
    np.testing.assert_allclose(descent(rates)[1], model.get_weights()[0], rtol=1e-5)


def test_a_fit_that_goes_on_is_in_the_middle_of_its_cycle(suite):
    model = linear()
    quiet(model, X, Y, callbacks=[suite.WarmRestarts(**CYCLES, should_restore_weights=False)])
    cycles = suite.WarmRestarts(**CYCLES, should_restore_weights=False)
    quiet(model, X, Y, epochs=3, initial_epoch=1, callbacks=[cycles])
    assert (1, 12) == (cycles.finished_cycles, cycles.finished_step)
    np.testing.assert_allclose(descent(RATES)[1], model.get_weights()[0], rtol=1e-5)
