"""What a Keras fit does with its data order, which the reproductions explain a difference by; our own order is `DataOrder`."""

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow

SAMPLES = 12


def orders_of_fit(epochs):
    """The order in which a shuffling fit sees the samples, epoch by epoch."""
    import keras

    class Listener(keras.Model):
        def train_step(self, data):
            seen.append(data[0].numpy()[:, 0].astype(int).tolist())
            return {"samples": data[0].shape[0]}

    seen = []
    model = Listener()
    model.compile(run_eagerly=True)
    x = np.arange(SAMPLES, dtype="float32")[:, None]
    model.fit(x, x, batch_size=SAMPLES, epochs=epochs, verbose=0)
    return seen


def test_a_fit_after_set_random_seed_repeats_one_order_in_every_epoch():
    import keras

    keras.utils.set_random_seed(3)
    first, *others = orders_of_fit(3)
    assert first != list(range(SAMPLES))
    assert [first, first] == others


def test_a_fit_without_a_seed_shuffles_anew_in_every_epoch():
    import tensorflow as tf

    tf.random.set_seed(None)
    orders = orders_of_fit(3)
    assert 3 == len({tuple(order) for order in orders})
