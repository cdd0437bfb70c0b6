import numpy as np
import pytest

from lrsearch.training.data_order import DataOrder, training_size


def test_an_epoch_is_the_permutation_that_the_design_names():
    order = DataOrder(samples=7, batch_size=3, seed=5)
    expected = np.random.default_rng([5, 2]).permutation(7)
    np.testing.assert_array_equal(expected, np.concatenate(list(order.batches(6, 9))))


def test_every_epoch_sees_every_sample_once_in_another_order():
    order = DataOrder(samples=10, batch_size=4, seed=0)
    first, second = np.concatenate(list(order.batches(0, 3))), np.concatenate(list(order.batches(3, 6)))
    assert list(range(10)) == sorted(first.tolist()) == sorted(second.tolist())
    assert first.tolist() != second.tolist()


def test_the_last_batch_of_an_epoch_holds_what_is_left():
    order = DataOrder(samples=10, batch_size=4, seed=0)
    assert [4, 4, 2, 4, 4, 2] == [len(batch) for batch in order.batches(0, 6)]
    assert [4, 4, 2, 4, 4, 2] == [order.size(step) for step in range(6)]


def test_batches_do_not_depend_on_where_one_starts():
    order = DataOrder(samples=10, batch_size=4, seed=1)
    whole = list(order.batches(0, 8))
    for first in range(8):
        (batch,) = order.batches(first, first + 1)
        np.testing.assert_array_equal(whole[first], batch)


def test_a_batch_larger_than_the_data_is_the_data():
    order = DataOrder(samples=10, batch_size=64, seed=0)
    assert (1, 10) == (order.steps_per_epoch, order.size(3))


@pytest.mark.parametrize(
    ("samples", "share", "kept"), [(500, 0.2, 400), (7, 0.5, 3), (60_000, 0.1, 54_000), (9, None, 9)]
)
def test_the_share_is_taken_from_the_end_and_rounded_as_keras_does(samples, share, kept):
    assert kept == training_size(samples, share)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_share_that_leaves_nothing_on_one_side_is_refused(share):
    with pytest.raises(ValueError, match="both must be at least 1") as raised:
        training_size(1 if share < 0.5 else 10, share)
    assert f"{share:g}" in str(raised.value)


@pytest.mark.parametrize("samples", [7, 5_000], ids=["kept", "drawn anew"])
def test_an_order_that_was_asked_for_twice_is_the_same_and_nobody_can_change_it(samples):
    order = DataOrder(samples, batch_size=3, seed=5)
    first, other, again = order.permutation(0), order.permutation(1), order.permutation(0)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(np.random.default_rng([5, 1]).permutation(samples), other)
    with pytest.raises(ValueError, match="read-only"):
        again[0] = 1
