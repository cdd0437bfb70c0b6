import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.training.keras.compiled.packing import Numbered, Packer, equal_parts, grouped, most_members
from lrsearch.training.plan import AnyOptimizer, Checkpoint, DataSpec, ModelSpec, Plan, Validation

pytestmark = pytest.mark.tensorflow


def plan(kind="sgd", *, model="digits_mlp", data="digits", batch_size=100, steps=10, seed=0, **changes):
    optimizer = TypeAdapter(AnyOptimizer).validate_python({"kind": kind, **changes.pop("hyperparameters", {})})
    return Plan(
        model=ModelSpec(name=model),
        data=DataSpec(name=data),
        optimizer=optimizer,
        batch_size=batch_size,
        rates=np.full(steps, 0.1),
        seed=seed,
        **changes,
    )


def packs(*plans):
    return [
        [item.index for item in pack.items]
        for pack in Packer(fewest_stacked_updates=0).packs([Numbered(*p) for p in enumerate(plans)])
    ]


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(1, 64, [1]), (64, 64, [64]), (65, 64, [33, 32]), (100, 30, [25, 25, 25, 25])]
)
def test_parts_are_few_and_equal(count, most, sizes):
    parts = equal_parts(range(count), most)
    assert sizes == [len(part) for part in parts]
    assert list(range(count)) == [item for part in parts for item in part]


def test_groups_keep_the_order_of_their_first_items():
    assert [["b1", "b2"], ["a1"]] == grouped(["b1", "a1", "b2"], lambda item: item[0])


def test_a_stack_takes_a_share_of_the_free_memory_and_never_less_than_one_member():
    assert 64 == most_members("cpu", 1, 10**12)
    assert 256 == most_members("gpu", 1, 10**12)
    assert most_members("cpu", 10**8, 2 * 10**10) < most_members("cpu", 10**8, 4 * 10**10) < 64
    assert 1 == most_members("cpu", 10**12, 10**9)


def test_plans_that_differ_in_seed_rates_and_length_are_stacked():
    assert [[0, 1, 2]] == packs(plan(), plan(seed=1), plan(steps=7))


@pytest.mark.parametrize(
    "other",
    [
        plan("adam"),
        plan(hyperparameters={"momentum": 0.9}),
        plan(model="tabular_mlp"),
        plan(data="wine"),
        plan(batch_size=50),
        plan(metrics=("accuracy",)),
        plan(validation=Validation(0.1)),
        plan(xla=True),
    ],
)
def test_plans_that_differ_in_what_is_compiled_are_not(other):
    assert [[0, 2], [1]] == packs(plan(), other, plan(seed=3))


def test_plans_that_differ_in_momentum_are_stacked_as_it_is_an_input():
    other = plan(hyperparameters={"momentum": 0.5})
    assert [[0, 1]] == packs(plan(hyperparameters={"momentum": 0.9}), other)


def test_xla_is_decided_by_the_updates_of_all_plans_alike():
    packer = Packer(fewest_stacked_updates=10**9)
    few, many = ([packer.numbered(i, plan(seed=i, steps=300)) for i in range(count)] for count in (1, 2))
    assert [False] == [pack.kind.xla for pack in packer.packs(few)]
    assert [True, True] == [pack.kind.xla for pack in packer.packs(many)]


def test_a_learning_rate_of_the_optimizer_keeps_no_plans_apart_since_the_plan_sets_the_rates():
    assert [[0, 1]] == packs(plan(), plan(hyperparameters={"learning_rate": 0.5}))


def test_plans_that_ask_against_xla_run_alone():
    assert [[0], [1]] == packs(plan(xla=False), plan(seed=1, xla=False))


def test_convolutions_run_alone_and_without_xla_on_a_cpu():
    images = [plan(model="mnist_cnn", data="mnist", steps=10_000, seed=seed) for seed in range(2)]
    planned = Packer(fewest_stacked_updates=0).packs([Numbered(*pair) for pair in enumerate(images)])
    assert [1, 1] == [pack.size for pack in planned]
    assert "Conv2D" in planned[0].facts["stack_why"]
    assert not planned[0].kind.xla


def test_a_resumed_member_keeps_the_size_of_its_stack():
    facts = {"engine": "compiled", "stack": 5, "xla": True}
    (pack,) = Packer(fewest_stacked_updates=0).packs([Numbered(0, plan(resume_from=Checkpoint(3, {}, facts)))])
    assert (5, 5, True) == (pack.size, pack.kind.members, pack.kind.xla)


def test_members_without_a_checkpoint_start_over_in_a_stack_of_the_size_of_those_with_one():
    """They were in it when it was interrupted, and the size of a stack changes the last bits."""
    facts = {"engine": "compiled", "stack": 5, "xla": True}
    plans = [plan(resume_from=Checkpoint(3, {}, facts)), plan(seed=1), plan(seed=2), plan("adam")]
    resumed, fresh, other = Packer(fewest_stacked_updates=10**6).packs([Numbered(i, p) for i, p in enumerate(plans)])
    assert ([0], [1, 2], [3]) == tuple([item.index for item in pack.items] for pack in (resumed, fresh, other))
    assert ([5, 5, 1], [True, True, False]) == (
        [pack.size for pack in (resumed, fresh, other)],
        [pack.kind.xla for pack in (resumed, fresh, other)],
    )
    assert "others go on from a stack of 5" == fresh.facts["stack_why"]


def test_a_stack_out_of_memory_is_halved_down_to_single_runs():
    (pack,) = Packer(fewest_stacked_updates=0).packs([Numbered(i, plan(seed=i)) for i in range(3)])
    first, second = pack.halves("too large with {}")
    assert ([0, 1], [2]) == ([item.index for item in first.items], [item.index for item in second.items])
    assert (2, None) == (first.kind.members, second.kind.members)
    assert "too large with 3" == second.facts["stack_why"]


def test_short_plans_run_alone_because_their_stack_would_not_repay_compiling():
    plans = [Numbered(i, plan(seed=i)) for i in range(3)]
    updates = sum(item.plan.steps for item in plans)
    assert [1, 1, 1] == [pack.size for pack in Packer(fewest_stacked_updates=updates + 1).packs(plans)]
    assert [3] == [pack.size for pack in Packer(fewest_stacked_updates=updates).packs(plans)]
    asked = [Numbered(i, plan(seed=i, xla=True)) for i in range(3)]
    assert [3] == [pack.size for pack in Packer(fewest_stacked_updates=updates + 1).packs(asked)]
