"""Data beyond the memory budget gives the results of data within it, and takes no more memory than the budget says."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.curves import ramp_rates
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.trainer import Continue, Probe

pytestmark = pytest.mark.tensorflow

SMALL = 100_000
"""Less than the 460 kB of the digits: a window takes 96 of them."""


@pytest.fixture
def with_budget(monkeypatch, tmp_path):
    """Calls a function in a process whose data budget is that many bytes; None: the default."""
    from lrsearch.training.keras.compiled import feeds

    monkeypatch.setenv("LRSEARCH_HOME", str(tmp_path))

    def call(budget, function):
        if budget is None:
            monkeypatch.delenv("LRSEARCH_DATA_BUDGET_BYTES", raising=False)
        else:
            monkeypatch.setenv("LRSEARCH_DATA_BUDGET_BYTES", str(budget))
        feeds.forget()
        return function()

    yield call
    feeds.forget()


@pytest.fixture
def made_of(with_budget):
    """Trains plans under a budget on a new engine of a name."""

    def train(budget, plans, engine="compiled", observer=lambda index, segment: Continue()):
        from lrsearch.training.keras.compiled import CompiledTrainer
        from lrsearch.training.keras.fit_trainer import FitTrainer

        trainer = CompiledTrainer(fewest_stacked_updates=0) if engine == "compiled" else FitTrainer()
        return with_budget(budget, lambda: trainer.train(plans, observer))

    return train


def plan(steps=70, batch_size=24, **changes):
    """Digits in 48 batches an epoch, the last one smaller, where a fifth is held out."""
    everything = {"metrics": ("accuracy",), "validation": Validation(0.2), "test": True, "class_weight": "balanced"}
    return Plan(
        model=ModelSpec(name="tabular_mlp", params={"units": [8], "dropout": 0.3, "batch_norm": True}),
        data=DataSpec(name="digits"),
        optimizer=TypeAdapter(AnyOptimizer).validate_python({"kind": "adam"}),
        batch_size=batch_size,
        rates=np.full(steps, 0.01),
        seed=changes.pop("seed", 3),
        **everything | changes,
    )


def assert_same(expected, actual, held_out=0.0):
    """Equal in every bit; held-out samples within `held_out`, where they are measured in another place."""
    np.testing.assert_array_equal(expected.curve.losses, actual.curve.losses)
    for name, values in expected.history.items():
        np.testing.assert_allclose(values, actual.history[name], rtol=held_out if "val" in name else 0)
    for name, values in expected.validations.items():
        np.testing.assert_allclose(values, actual.validations[name], rtol=held_out)
    assert set(expected.final) == set(actual.final)
    for name, value in expected.final.items():
        assert value == pytest.approx(actual.final[name], rel=held_out, abs=0)


@pytest.mark.parametrize(
    ("engine", "changes"),
    [
        ("fit", {}),
        ("compiled", {"xla": False, "accumulation_steps": 3, "batch_size": 8}),
        ("compiled", {"xla": False, "validation": Validation(None, every_steps=10)}),
    ],
)
def test_streamed_data_gives_the_losses_of_data_in_memory_bit_for_bit(made_of, engine, changes):
    todo = plan(**changes)
    (expected,), (actual,) = (made_of(budget, [todo], engine) for budget in (None, SMALL))
    # held out are 288 digits, more than a window: in memory they are measured inside the chunk, by XLA where it is on
    assert_same(expected, actual, held_out=1e-6)
    assert ["in memory", "streamed"] == [run.engine_facts["data"] for run in (expected, actual)]
    assert "more than the budget of 0.1 MB" in actual.engine_facts["data_why"]


def test_held_out_samples_that_fit_into_the_window_are_measured_inside_chunks_bit_for_bit(made_of):
    todo = plan(validation=Validation(0.05), xla=True)
    (expected,), (actual,) = (made_of(budget, [todo]) for budget in (None, SMALL))
    assert_same(expected, actual)


def test_a_stack_on_streamed_data_gives_the_losses_of_one_in_memory(made_of):
    plans = [plan(seed=seed, batch_size=16) for seed in (3, 4)]
    expected, actual = (made_of(budget, plans) for budget in (None, SMALL))
    for ours, theirs in zip(expected, actual, strict=True):
        assert_same(ours, theirs, held_out=1e-6)
    assert [2, 2] == [run.engine_facts["stack"] for run in actual]


def test_a_stack_is_no_larger_than_its_batches_fit_into_a_window(made_of):
    runs = made_of(SMALL, [plan(seed=seed, steps=4, validation=None) for seed in range(6)])
    assert [3] * 6 == [run.engine_facts["stack"] for run in runs]
    assert "at most 4" in runs[0].engine_facts["stack_why"]


@pytest.mark.parametrize("engine", ["fit", "compiled"])
def test_a_run_may_begin_in_memory_and_go_on_streamed(made_of, engine):
    kept = []

    def keep(index, segment):
        kept.append(segment.checkpoint())
        return Continue()

    todo = plan(xla=False) if engine == "compiled" else plan()
    (whole,) = made_of(None, [todo], engine, keep)
    (resumed,) = made_of(SMALL, [replace(todo, resume_from=kept[0])], engine)
    assert_same(whole, resumed, held_out=1e-6)


RANGE_TEST = {
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 24,
    "repeats": 2,
}
TRAINING = {
    "kind": "training",
    "model": RANGE_TEST["model"],
    "data": RANGE_TEST["data"],
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "batch_size": 24,
    "epochs": 2,
}


@pytest.mark.parametrize("document", [RANGE_TEST, TRAINING], ids=lambda document: document["kind"])
@pytest.mark.parametrize("engine", ["fit", "compiled"])
def test_range_tests_and_trainings_on_streamed_data_have_the_same_result(with_budget, document, engine):
    from lrsearch.training.keras.auto_trainer import AutoTrainer

    def run():
        experiment = TypeAdapter(AnyExperiment).validate_python({**document, "engine": engine})
        return experiment.run(Context(AutoTrainer(), lambda records: None))

    expected, actual = (with_budget(budget, run) for budget in (None, SMALL))
    assert ["in memory", "streamed"] == [each["environment"]["data"] for each in (expected, actual)]
    assert "more than the budget" in actual["environment"]["data_why"]
    if document is RANGE_TEST:
        assert expected["curves"] == actual["curves"]
        assert expected["suggestion"] == actual["suggestion"]
    else:
        assert expected["history"]["loss"] == actual["history"]["loss"]
        assert expected["metrics"]["test_loss"] == pytest.approx(actual["metrics"]["test_loss"], rel=1e-6)


def test_images_beyond_the_budget_are_read_block_by_block_and_are_the_same(with_budget, monkeypatch, tmp_path):
    from lrsearch.training import data_files
    from lrsearch.training.keras import datasets

    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (50, 28, 28), dtype=np.uint8)
    labels = draw.integers(0, 10, 50, dtype=np.uint8)
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    monkeypatch.setenv("LRSEARCH_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(data_files, "BLOCK_BYTES", 9 * 28 * 28)
    expected, actual = (with_budget(budget, lambda: datasets.load("mnist")) for budget in (None, 1_000))
    assert [False, True] == [data.is_streamed for data in (expected, actual)]
    for ours, theirs in zip(expected.arrays, actual.arrays, strict=True):
        assert isinstance(theirs, np.memmap)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


MEASURE = """
import json, resource, sys, threading, time
from pathlib import Path

import numpy as np

from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.datasets import Dataset
from lrsearch.training.keras.fit_trainer import FitTrainer
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.rows import DATASETS, DatasetRow

WIDTH, LARGE, SMALL = 1_000, 50_000, 500
engine, folder = sys.argv[1], Path(sys.argv[2])


def mapped(samples):
    x = np.memmap(folder / "x", np.float32, "r", shape=(samples, WIDTH))
    y = (np.arange(samples) % 3).astype(np.int32)
    return Dataset(x, y, x[:2_000], y[:2_000])


def large():
    return mapped(LARGE)


def small():
    return mapped(SMALL)


for load in (large, small):
    size = {"large": LARGE, "small": SMALL}[load.__name__]
    row = DatasetRow(load.__name__, f"__main__:{load.__name__}", (WIDTH,), 3, "classification", size, 2_000, "", "")
    DATASETS[row.name] = row


def plan(data):
    return Plan(
        model=ModelSpec(name="tabular_mlp", params={"units": [8]}),
        data=DataSpec(name=data),
        optimizer=SPECS["sgd"](kind="sgd"),
        batch_size=100,
        rates=np.full(60, 0.01),
        seed=1,
        validation=Validation(0.2, every_steps=20),
        test=True,
    )


def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


peak = 0


def watch():
    global peak
    while True:
        peak = max(peak, resident())
        time.sleep(0.001)


trainer = CompiledTrainer() if engine == "compiled" else FitTrainer()
trainer.train([plan("small")])
before = resident()
threading.Thread(target=watch, daemon=True).start()
(run,) = trainer.train([plan("large")])
print(json.dumps({"grown": peak - before, "route": run.engine_facts["data"], "updates": len(run.curve)}))
"""


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_streamed_data_takes_no_more_memory_than_the_budget_says(tmp_path, monkeypatch, engine):
    """200 MB of samples under a budget of 40 MB, mapped by their loader; the pages that are mapped count."""
    script = tmp_path / "measure.py"
    script.write_text(MEASURE)
    draw = np.random.default_rng(0)
    with (tmp_path / "x").open("wb") as file:
        for _ in range(100):
            draw.random((500, 1_000), dtype=np.float32).tofile(file)

    def grown(budget):
        monkeypatch.setenv("LRSEARCH_DATA_BUDGET_BYTES", str(budget))
        output = subprocess.run(
            [sys.executable, str(script), engine, str(tmp_path)], capture_output=True, text=True, check=True
        )
        return json.loads(output.stdout.splitlines()[-1])

    streamed = grown(40_000_000)
    assert ("streamed", 60) == (streamed["route"], streamed["updates"])
    assert streamed["grown"] < 80_000_000  # some 40 MB when it was written; compiling takes its part
    if engine == "compiled":
        assert grown(10**9)["grown"] > 200_000_000  # the measure does measure


def test_a_probe_looks_ahead_in_streamed_data_as_in_data_in_memory(made_of):
    def probed(budget):
        curves = []

        def observe(index, segment):
            rates = np.full(todo.steps - segment.first_step - len(segment.losses), 0.005)
            answer = Probe(ramp_rates(1e-6, 1.0, 15), lambda curve: curves.append(curve.losses) or rates)
            return answer if segment.epoch == 1 else Continue()

        (run,) = made_of(budget, [todo], observer=observe)
        return run, curves

    todo = plan(xla=False)
    (expected, ours), (actual, theirs) = (probed(budget) for budget in (None, SMALL))
    np.testing.assert_array_equal(ours, theirs)
    assert_same(expected, actual, held_out=1e-6)
