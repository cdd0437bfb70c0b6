"""The loss of the best answer that looks at no sample."""

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.training.keras.constant_loss import constant_loss, constant_loss_of
from lrsearch.training.keras.datasets import Dataset, load
from lrsearch.training.plan import AnyOptimizer, BuiltinData, BuiltinModel, Plan, Validation

pytestmark = pytest.mark.tensorflow
EMPTY = np.zeros((0, 1), np.float32)


def data(labels):
    return Dataset(np.zeros((len(labels), 1), np.float32), np.asarray(labels), EMPTY, EMPTY)


@pytest.mark.parametrize(
    ("labels", "task", "loss"),
    [
        ([0, 0, 1, 1], "classification", np.log(2)),
        ([2, 2, 2], "classification", 0.0),
        (np.eye(3)[[0, 1, 2]], "classification", np.log(3)),
        ([[1.0], [3.0]], "regression", 1.0),
        ([[1.0, 0.0], [3.0, 0.0]], "regression", 0.5),
    ],
)
def test_it_is_the_entropy_of_the_classes_or_the_mean_variance_of_the_targets(labels, task, loss):
    assert pytest.approx(loss) == constant_loss(data(labels), task)


def test_blobs_are_told_the_same_one_hot_or_not():
    assert pytest.approx(np.log(3), rel=1e-3) == constant_loss_of("blobs")
    assert pytest.approx(constant_loss_of("blobs")) == constant_loss(
        data(load("blobs").y_train.argmax(axis=1)), "classification"
    )


@pytest.mark.parametrize("share", [None, 0.2])
def test_only_runs_that_hold_samples_out_tell_it(share):
    from lrsearch.training.keras import default_trainer

    plan = Plan(
        model=BuiltinModel(name="blobs_mlp"),
        data=BuiltinData(name="blobs"),
        optimizer=TypeAdapter(AnyOptimizer).validate_python({"kind": "sgd"}),
        batch_size=100,
        rates=np.full(4, 0.01),
        seed=0,
        validation=None if share is None else Validation(share, 2),
    )
    (run,) = default_trainer().train([plan])
    assert (share is not None) == ("constant_loss" in run.engine_facts)
