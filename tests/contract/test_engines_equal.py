"""Every engine gives the same losses for the same plan: model.fit, the compiled loop, a stack of them.

The reference is `model.fit` on Keras' own optimizer. Same seed, hence the same weights, batches and dropout masks; 100
updates at a stable rate, weight decay .5 where it acts, an uneven last batch.

TOLERANCE is 2e-5 of the loss (float32 has 1.2e-7): engines add up gradients in another order, and 100 updates carry
the difference on. Seen in three samples (Adam, SGD, Nadam): 7e-7 on losses near 2. With batch normalisation the *held-out* loss gets MOVING_TOLERANCE, because a
bias before the normalisation has no gradient but rounding noise, which Adam scales up to whole steps; the batch losses
do not see that bias, its moving average does. Measured: 2e-4.
"""

import subprocess
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.curves import ramp_rates
from lrsearch.training.layer_groups import LayerGroups
from lrsearch.training.optimizer_table import OPTIMIZERS
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.rows import DATASETS, DatasetRow

pytestmark = pytest.mark.tensorflow

TOLERANCE = 2e-5
MOVING_TOLERANCE = 2e-3
STEPS = 100

STABLE = {"sgd": 0.05, "adadelta": 0.5, "adagrad": 0.05, "ftrl": 0.05, "lion": 0.0005, "muon": 0.005, "adafactor": 0.01}
"""Rates at which training is stable, .002 for the others."""

FEATURES = {
    "decay": {"weight_decay": 0.5},
    "clipnorm": {"clipnorm": 0.05},
    "clipvalue": {"clipvalue": 0.003},
    "global_clipnorm": {"global_clipnorm": 0.05},
    "ema": {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 7},
    "scale": {"loss_scale_factor": 8.0, "clipvalue": 0.003},
}
"""Hyperparameters every optimizer has; `scale` alone changes nothing but rounding."""

OWN = {
    "sgd": {"momentum": 0.9, "nesterov": True},
    "adam": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-3, "amsgrad": True},
    "rmsprop": {"rho": 0.7, "momentum": 0.5, "centered": True},
    "lion": {"beta_1": 0.7, "beta_2": 0.9},
    "schedule_free_adamw": {"warmup_steps": 20},
    "muon": {"momentum": 0.8, "nesterov": False, "ns_steps": 3},
    "ftrl": {"l2_regularization_strength": 0.1, "beta": 0.5},
    "adafactor": {"relative_step": False, "clip_threshold": 0.5},
}
"""Hyperparameters of single optimizers, away from their defaults."""


@pytest.fixture(scope="module")
def engines():
    from lrsearch.training.keras.compiled import CompiledTrainer
    from lrsearch.training.keras.fit_trainer import FitTrainer

    return {"fit": FitTrainer(), "compiled": CompiledTrainer(fewest_stacked_updates=0)}


@pytest.fixture
def small_images(monkeypatch):
    """Name of a data set of 60 random images, 12x12."""
    from lrsearch.training.keras.datasets import Dataset

    def load():
        draw = np.random.default_rng(0)
        x, y = draw.random((80, 12, 12, 1), dtype=np.float32), draw.integers(0, 10, 80).astype(np.int32)
        return Dataset(x[:60], y[:60], x[60:], y[60:])

    module = ModuleType("small_images")
    monkeypatch.setattr(module, "load", load, raising=False)
    monkeypatch.setitem(sys.modules, "small_images", module)
    row = DatasetRow("small_images", "small_images:load", (12, 12, 1), 10, "classification", 60, 20, "Noise.", "none")
    monkeypatch.setitem(DATASETS, row.name, row)
    return row.name


def plan(kind="adam", hyperparameters=None, *, params=None, data="iris", **changes):
    """120 irises in batches of 50: two full ones and one of 20."""
    document = {"kind": kind, **(hyperparameters or {})}
    rates = ramp_rates(STABLE.get(kind, 0.002) / 2, STABLE.get(kind, 0.002), STEPS, "linear")
    return Plan(
        model=ModelSpec(name="tabular_mlp", params=params or {"units": [8]}),
        data=DataSpec(name=data),
        optimizer=TypeAdapter(AnyOptimizer).validate_python(document),
        batch_size=changes.pop("batch_size", 50),
        rates=changes.pop("rates", rates),
        seed=changes.pop("seed", 1),
        **changes,
    )


def one(kind):
    """The optimizer with decay .5 and everything of its own."""
    return plan(kind, {"weight_decay": 0.5} | OWN.get(kind, {}))


def assert_close(expected, actual, moving=TOLERANCE):
    assert len(expected.curve) == len(actual.curve)
    np.testing.assert_allclose(expected.curve.losses, actual.curve.losses, rtol=TOLERANCE)
    assert set(expected.history) == set(actual.history)
    for name, values in expected.history.items():
        np.testing.assert_allclose(values, actual.history[name], rtol=moving if name == "val_loss" else TOLERANCE)
    assert set(expected.final) == set(actual.final)
    for name, value in expected.final.items():
        assert value == pytest.approx(actual.final[name], rel=moving)


def differ(expected, actual):
    """Whether the losses differ by more than the tolerance."""
    return not np.allclose(expected.curve.losses, actual.curve.losses, rtol=TOLERANCE, atol=0)


def seeds(base, count):
    return [replace(base, seed=base.seed + number) for number in range(count)]


def stacked(runs):
    """The runs, after a look at whether they were one stack; stacks have XLA."""
    expected = len(runs) if runs[0].engine_facts["xla"] else 1
    assert {expected} == {run.engine_facts["stack"] for run in runs}
    return runs


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_gives_the_losses_of_model_fit_in_a_stack(engines, kind):
    plans = seeds(one(kind), 2)
    references = engines["fit"].train(plans)
    members = stacked(engines["compiled"].train(plans))
    for reference, member in zip(references, members, strict=True):
        assert_close(reference, member)
    assert {True} == {run.engine_facts["xla"] for run in members}
    assert differ(references[0], members[1])


@pytest.mark.parametrize("kind", ["sgd", "adamw", "muon"])
def test_a_single_run_gives_the_losses_of_model_fit(engines, kind):
    (reference,) = engines["fit"].train([one(kind)])
    (run,) = engines["compiled"].train([one(kind)])
    assert_close(reference, run)


@pytest.mark.parametrize(("count", "choices"), [(1, (False,)), (2, (True,))])
def test_dropout_batch_norm_validation_and_metrics_are_the_same_everywhere(engines, count, choices):
    model = {"units": [16], "batch_norm": True, "dropout": 0.3}
    base = plan("adam", params=model, validation=Validation(0.2), metrics=("accuracy",), test=True)
    plans = seeds(base, count)
    references = engines["fit"].train(plans)
    for xla in choices:
        runs = stacked(engines["compiled"].train([replace(each, xla=xla) for each in plans]))
        for reference, run in zip(references, runs, strict=True):
            assert_close(reference, run, moving=MOVING_TOLERANCE)
            assert xla == run.engine_facts["xla"]


@pytest.mark.parametrize("xla", [False, True])
def test_plans_that_share_a_program_give_the_losses_of_model_fit_each(engines, xla):
    """Batches of several sizes, padded by XLA, and momenta, 0 among them, are inputs of one program."""
    model = {"units": [12], "dropout": 0.3}
    common = {"params": model, "validation": Validation(0.2), "metrics": ("accuracy",), "test": True, "xla": xla}
    weights = {"class_weight": ((0, 3.0), (1, 0.5))}
    moving, faster = {"momentum": 0.5, "nesterov": True}, {"momentum": 0.9, "nesterov": True}
    still = {"momentum": 0.0, "nesterov": True}
    plans = [
        plan("sgd", still, batch_size=50, **common, **weights),
        plan("sgd", moving, batch_size=36, **common, **weights),
        plan("sgd", faster, batch_size=50, seed=2, **common, **weights),
    ]
    references = engines["fit"].train(plans)
    runs = [engines["compiled"].train([each])[0] for each in plans]
    for reference, run in zip(references, runs, strict=True):
        assert_close(reference, run)
        assert (xla, True) == (run.engine_facts["xla"], run.engine_facts["shares_program"])
    assert [False, True, True] == [run.engine_facts["was_warm"] for run in runs]


def test_members_of_a_stack_may_differ_in_momentum(engines):
    plans = [
        plan("rmsprop", {"momentum": momentum, "weight_decay": 0.5}, seed=seed)
        for seed, momentum in enumerate((0.3, 0.8))
    ]
    references = engines["fit"].train(plans)
    for reference, member in zip(references, stacked(engines["compiled"].train(plans)), strict=True):
        assert_close(reference, member)


def test_a_regression_gives_the_losses_of_model_fit(engines):
    base = plan("sgd", data="diabetes", validation=Validation(0.25), metrics=("mean_absolute_error",), test=True)
    (reference,), (run,) = (engines[name].train([base]) for name in ("fit", "compiled"))
    assert_close(reference, run)


def test_convolutions_give_the_losses_of_model_fit_and_run_alone(engines, small_images):
    base = Plan(
        model=ModelSpec(name="mnist_cnn"),
        data=DataSpec(name=small_images),
        optimizer=TypeAdapter(AnyOptimizer).validate_python({"kind": "adam"}),
        batch_size=25,
        rates=np.full(10, 1e-3),
        seed=1,
    )
    plans = seeds(base, 2)
    references, runs = (engines[name].train(plans) for name in ("fit", "compiled"))
    for reference, run in zip(references, runs, strict=True):
        assert_close(reference, run)
        assert (False, 1) == (run.engine_facts["xla"], run.engine_facts["stack"])


def test_range_tests_are_equal_up_to_the_divergence(engines):
    """Beyond it losses are chaotic; up to half the rate they diverge at, engines agree."""
    plans = seeds(replace(plan("sgd"), rates=ramp_rates(1e-4, 100.0, 300)), 3)
    references, members = (engines[name].train(plans) for name in ("fit", "compiled"))
    for reference, member in zip(references, stacked(members), strict=True):
        first_losses = slice(0, int(0.55 * len(reference.curve)))
        np.testing.assert_allclose(
            reference.curve.losses[first_losses], member.curve.losses[first_losses], rtol=10 * TOLERANCE
        )


@pytest.mark.parametrize("feature", ["clipnorm", "global_clipnorm", "ema", "scale"])
def test_features_of_all_optimizers_act_in_every_engine(engines, feature):
    plans = seeds(plan("adam", FEATURES[feature], test=True), 2)
    references = engines["fit"].train(plans)
    for reference, member in zip(references, stacked(engines["compiled"].train(plans)), strict=True):
        assert_close(reference, member)


def grouped(**document):
    """Two groups of the two layers, and their multipliers over the run."""
    groups = [{"name": "body", "pattern": "^dense$"}, {"name": "head", "depth": [-1, -1]}]
    made = LayerGroups(**{"groups": groups, "spread": "ulmfit"} | document)
    return {"groups": tuple(made.groups), "multipliers": made.multipliers(STEPS, 3)}


FIELDS = {
    "class_weight": {"class_weight": ((0, 3.0), (1, 0.5))},
    "accumulation": {"batch_size": 16, "accumulation_steps": 3},
    "groups": grouped(phases=[{"first_step": 20, "frozen": ["body"]}, {"first_step": 50}]),
    "momentum": {"momenta": np.linspace(0.95, 0.7, STEPS)},
}
"""What a plan may ask of its updates; 120 samples in batches of 16 are two updates of 48 and one of 24: 16 and 8."""


def with_field(kind, name, **changes):
    """The optimizer with decay .5 and momentum, and the field."""
    moving = {"momentum": 0.9} if kind in {"sgd", "rmsprop"} else {}
    base = plan(kind, {"weight_decay": 0.5} | moving, params={"units": [8], "dropout": 0.3}, **changes)
    return replace(base, **FIELDS[name])


def takes(kind, name):
    row = OPTIMIZERS[kind]
    return (row.momentum_name or name != "momentum") and (row.takes_groups or name != "groups")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_of_updates_gives_the_losses_of_model_fit_alone(engines, name):
    base = with_field("sgd", name, validation=Validation(0.2), metrics=("accuracy",), test=True)
    (reference,), (run,) = (engines[engine].train([replace(base, xla=False)]) for engine in ("fit", "compiled"))
    assert_close(reference, run)


def test_the_fields_of_updates_together_give_the_losses_of_model_fit_in_a_stack(engines):
    together = {key: value for fields in FIELDS.values() for key, value in fields.items()}
    first, second = seeds(replace(with_field("adam", "groups"), **together), 2)
    # members may differ in their momenta and multipliers
    second = replace(second, momenta=second.momenta[::-1], multipliers=second.multipliers[::-1])
    references = engines["fit"].train([first, second])
    for reference, member in zip(references, stacked(engines["compiled"].train([first, second])), strict=True):
        assert_close(reference, member)


@pytest.mark.long
@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in OPTIMIZERS for n in FIELDS if takes(k, n)])
def test_every_optimizer_with_every_field_of_updates(engines, kind, name):
    plans = [replace(each, xla=True) for each in seeds(with_field(kind, name), 2)]
    references = engines["fit"].train(plans)
    for reference, member in zip(references, stacked(engines["compiled"].train(plans)), strict=True):
        assert_close(reference, member)


@pytest.mark.parametrize("name", FIELDS)
def test_the_comparison_notices_a_dropped_field(engines, name):
    fields = FIELDS[name] if name != "accumulation" else {"accumulation_steps": 3}
    base = replace(with_field("sgd", name), **fields, xla=False)
    plain = {"class_weight": None, "accumulation_steps": 1, "groups": (), "multipliers": None, "momenta": None}
    dropped = {key: plain[key] for key in fields}
    (run,), (without,) = (engines["compiled"].train([each]) for each in (base, replace(base, **dropped)))
    assert differ(run, without)


def test_several_batches_make_the_update_of_one_large_batch(engines):
    """Without dropout and batch normalisation nothing tells them apart but rounding."""
    large = replace(plan("adam", {"clipnorm": 0.05}, batch_size=48), xla=False)
    parts = replace(large, batch_size=16, accumulation_steps=3)
    for name in ("fit", "compiled"):
        (one_batch,), (three,) = (engines[name].train([each]) for each in (large, parts))
        assert_close(one_batch, three)


MUTATIONS = {
    "decay": ("sgd", {"weight_decay": 0.5}, {}),
    "momentum": ("sgd", {"momentum": 0.9}, {}),
    "nesterov": ("sgd", {"momentum": 0.9, "nesterov": True}, {"momentum": 0.9}),
    "clipnorm": ("sgd", {"clipnorm": 0.05}, {}),
    "clipvalue": ("sgd", {"clipvalue": 0.003}, {}),
    "global_clipnorm": ("sgd", {"global_clipnorm": 0.05}, {}),
    "ema": ("sgd", FEATURES["ema"], {}),
    "beta_1": ("adam", {"beta_1": 0.7}, {}),
    "beta_2": ("adam", {"beta_2": 0.9}, {}),
    "epsilon": ("adam", {"epsilon": 1e-3}, {}),
}


@pytest.mark.parametrize("dropped", MUTATIONS)
def test_the_suite_fails_with_an_engine_that_drops_a_hyperparameter(engines, monkeypatch, dropped):
    from lrsearch.training.keras.compiled import CompiledTrainer, program

    kind, given, left = MUTATIONS[dropped]
    build, base = program.build_optimizer, plan(kind, given)
    without = plan(kind, left).optimizer
    monkeypatch.setattr(program, "build_optimizer", lambda spec: build(without))
    (reference,), (run,) = engines["fit"].train([base]), CompiledTrainer().train([base])
    with pytest.raises(AssertionError):
        assert_close(reference, run)


def other_weights(monkeypatch):
    from lrsearch.training.keras.compiled import program

    draw = program.weights.initial_weights
    monkeypatch.setattr(program.weights, "initial_weights", lambda model, seed, rebuild: draw(model, seed + 1, rebuild))


def other_masks(monkeypatch):
    from lrsearch.training.keras.compiled import program

    draw = program.weights.initial_seed_states
    monkeypatch.setattr(program.weights, "initial_seed_states", lambda model, seed: draw(model, seed + 1))


def other_order(monkeypatch):
    from lrsearch.training.keras.compiled import compiled_trainer

    order = compiled_trainer.DataOrder
    monkeypatch.setattr(compiled_trainer, "DataOrder", lambda samples, size, seed: order(samples, size, seed + 1))


@pytest.mark.parametrize("drop_the_seed", [other_weights, other_masks, other_order])
def test_the_suite_fails_with_an_engine_that_drops_the_seed(engines, monkeypatch, drop_the_seed):
    from lrsearch.training.keras.compiled import CompiledTrainer

    base = plan("sgd", params={"units": [8], "dropout": 0.3})
    (reference,) = engines["fit"].train([base])
    drop_the_seed(monkeypatch)
    (run,) = CompiledTrainer().train([base])
    with pytest.raises(AssertionError):
        assert_close(reference, run)


@pytest.mark.long
@pytest.mark.parametrize("xla", [False, True])
@pytest.mark.parametrize("feature", [*FEATURES, "own"])
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_every_optimizer_with_every_feature_alone_and_stacked(engines, kind, feature, xla):
    hyperparameters = OWN.get(kind, {}) if feature == "own" else FEATURES[feature]
    params = {"units": [8], "dropout": 0.3}
    plans = [replace(each, xla=xla) for each in seeds(plan(kind, hyperparameters, params=params, test=True), 2)]
    references = engines["fit"].train(plans)
    for reference, member in zip(references, stacked(engines["compiled"].train(plans)), strict=True):
        assert_close(reference, member)
    (run,) = engines["compiled"].train(plans[:1])
    assert_close(references[0], run)


PRINT_LOSSES = """
import numpy as np
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.fit_trainer import FitTrainer
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan, Validation

plans = [
    Plan(
        model=ModelSpec(name="tabular_mlp", params={"units": [8], "dropout": 0.3, "batch_norm": True}),
        data=DataSpec(name="iris"),
        optimizer=SPECS["adam"](kind="adam", weight_decay=0.5),
        batch_size=50,
        rates=np.full(40, 0.01),
        seed=seed,
        xla=xla,
        metrics=("accuracy",),
        validation=Validation(0.2),
        test=True,
    )
    for seed, xla in ((1, False), (1, None), (2, None))
]
for run in [*CompiledTrainer(fewest_stacked_updates=0).train(plans), *FitTrainer().train(plans[:1])]:
    series = [run.curve.losses, *run.history.values(), *run.batch_metrics.values(), list(run.final.values())]
    print(run.engine, run.engine_facts["stack"], *(np.asarray(each).tobytes().hex() for each in series))
"""


def test_two_fresh_processes_give_the_same_bits_alone_and_in_a_stack_with_all_that_has_a_state():
    command = [sys.executable, "-c", PRINT_LOSSES]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as one_process, subprocess.Popen(command, **pipes) as other_process:
        first, second = one_process.communicate()[0], other_process.communicate()[0]
    rows = [line.split() for line in first.decode().splitlines()]
    assert [["compiled", "1"], ["compiled", "2"], ["compiled", "2"], ["fit", "1"]] == [row[:2] for row in rows]
    assert {2 + 1 + 4 + 1 + 1} == {len(row) for row in rows}
    assert first == second
