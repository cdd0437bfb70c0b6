from dataclasses import replace

import numpy as np
import pytest

from lrsearch.training.keras.compiled.kind import kind_of
from lrsearch.training.keras.compiled.packing import Packer
from lrsearch.training.keras.compiled.sharing import LARGEST_OWN, MOST_UPDATES
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import Checkpoint, DataSpec, ModelSpec, Plan

pytestmark = pytest.mark.tensorflow


@pytest.fixture(scope="module")
def packer():
    return Packer()


def plan(batch_size=32, steps=100, *, model="blobs_mlp", params=None, momentum=0.0, **changes):
    return Plan(
        model=ModelSpec(name=model, params=params or {}),
        data=DataSpec(name="blobs"),
        optimizer=SPECS["sgd"](kind="sgd", momentum=momentum),
        batch_size=batch_size,
        rates=np.full(steps, 0.1),
        seed=0,
        **changes,
    )


def width(packer, each):
    return packer.numbered(0, each).width


@pytest.mark.parametrize(("batch_size", "expected"), [(8, None), (9, 16), (16, 16), (32, 64), (256, 256), (257, None)])
def test_batches_of_small_models_are_padded_to_a_few_sizes(packer, batch_size, expected):
    assert expected == width(packer, plan(batch_size))


def test_long_runs_and_large_models_have_programs_of_their_own(packer):
    assert width(packer, plan(steps=MOST_UPDATES)) is None
    assert width(packer, plan(model="tabular_mlp", params={"units": [500, 500]})) is None


@pytest.mark.parametrize(
    "other",
    [
        plan(model="tabular_mlp", params={"batch_norm": True}),
        plan(accumulation_steps=2),
        plan(metrics=("auc",)),
    ],
    ids=["batch normalisation", "several batches an update", "a metric that is no mean over samples"],
)
def test_where_samples_act_on_each_other_nothing_is_padded(packer, other):
    assert width(packer, other) is None


def test_a_checkpoint_decides_for_the_run_that_goes_on_from_it(packer):
    shared = Checkpoint(3, {}, {"shares_program": True})
    assert 64 == width(packer, plan(steps=MOST_UPDATES, resume_from=shared))
    assert width(packer, plan(resume_from=Checkpoint(3, {}, {}))) is None


def test_sizes_and_momenta_share_a_kind_where_programs_are_shared(packer):
    def kind(each, *, xla):
        item = packer.numbered(0, each)
        return kind_of(item.plan, None, xla=xla, width=item.width)

    for xla in (False, True):
        assert kind(plan(33, momentum=0.9), xla=xla) == kind(plan(64), xla=xla) == kind(plan(40, momentum=0.5), xla=xla)
        assert kind(plan(LARGEST_OWN, momentum=0.9), xla=xla) != kind(plan(LARGEST_OWN), xla=xla)
    assert kind(plan(33), xla=True) != kind(plan(65), xla=True)


def test_inputs_stand_in_for_the_momentum_and_leave_everything_else():
    still, moving = plan(), plan(momentum=0.9)
    assert still is still.with_inputs()
    assert [0.0] * 100 == still.with_inputs(zero_too=True).momenta.tolist()
    assert [0.9] * 100 == moving.with_inputs().momenta.tolist()
    cycled = replace(moving, momenta=np.linspace(0.9, 0.8, 100))
    assert cycled is cycled.with_inputs(zero_too=True)
