"""The compiled engine against plain `model.fit`, as ratios of times taken in one run on one machine.

`python -m benchmarks engine` writes the table to docs/benchmarks.md. Both sides of a ratio alternate, so that a busy machine slows
both; a ratio is the median over the repeats, its spread the least and the greatest. Costs against a close rival are in
processor seconds, which waiting for a busy core does not lengthen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras  # TensorFlow reads the variable above when it is loaded
import numpy as np
import tensorflow as tf

from lrsearch.curves import ramp_rates
from lrsearch.training.data_order import DataOrder
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.datasets import Dataset
from lrsearch.training.keras.prepared import Prepared, prepare, splits_of
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.rows import DATASETS, DatasetRow

TITLE = "The training engine"
Work = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison.

    Attributes:
        name: what is compared.
        reference_seconds, seconds: medians of the two sides (MiB for memory).
        ratio: median of reference / ours, or of ours / reference where less is asked for.
        low, high: least and greatest ratio.
        target: what engine.md asks for.
    """

    name: str
    reference_seconds: float
    seconds: float
    ratio: float
    low: float
    high: float
    target: str = ""


def compared(name: str, reference: Work, ours: Work, *, repeats: int, target: str) -> Row:
    """How many times faster ours is; both sides in turn."""
    times = np.array([[_seconds(reference), _seconds(ours)] for _ in range(repeats)])
    return _row(name, times, times[:, 0] / times[:, 1], target)


def cost(name: str, reference: Work, ours: Work, *, repeats: int, target: str) -> Row:
    """How much more ours takes, in seconds of the processor: the difference is small beside what a busy machine adds."""
    clock = time.process_time
    times = np.array([[_seconds(reference, clock), _seconds(ours, clock)] for _ in range(repeats)])
    return _row(f"{name} (CPU seconds)", times, times[:, 1] / times[:, 0], target)


def _row(name: str, times: Any, ratios: Any, target: str) -> Row:
    middles = np.median(times, axis=0)
    return Row(name, *middles.tolist(), float(np.median(ratios)), float(ratios.min()), float(ratios.max()), target)


def _seconds(work: Work, clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


def rows(repeats: int = 5) -> list[Row]:
    """Every comparison; takes some minutes."""
    return [*_range_tests(repeats), *_lecture_run(repeats), *_convolutions(repeats), _memory()]


def _range_tests(repeats: int) -> list[Row]:
    ramp = _range_test()
    trainer = CompiledTrainer()
    stack = [_range_test(seed) for seed in range(64)]
    trainer.train([ramp])
    trainer.train(stack)
    bare = BareLoop(ramp, xla=True)
    bare.run()

    def warm() -> None:
        trainer.train([ramp])

    name = "range test, 1,000 steps of batch 5, blobs_mlp"
    plain = compared(f"{name}: warm", lambda: plain_fit(ramp), warm, repeats=repeats, target=">= 100")
    cold = compared(
        f"{name}: cold (build, trace, compile)",
        lambda: plain_fit(ramp),
        lambda: CompiledTrainer().train([ramp]),
        repeats=repeats,
        target=">= 1.5",
    )
    limit = cost(
        f"{name}: cost against the bare XLA loop (its training alone, no curve, rule, observer or seeded weights)",
        bare.run,
        warm,
        repeats=4 * repeats,
        target="",
    )
    stacked = cost(
        "64 such tests stacked, own weights and data order each: cost against one",
        warm,
        lambda: trainer.train(stack),
        repeats=2 * repeats,
        target="<= 35",
    )
    return [plain, cold, limit, stacked]


def _lecture_run(repeats: int) -> list[Row]:
    run = _plan("blobs_mlp", "blobs", 250, np.full(256, 0.01), metrics=("accuracy",), validation=Validation(0.2))
    trainer = CompiledTrainer()
    trainer.train([run])
    few = max(1, repeats // 2)
    name = "blobs_mlp, 128 epochs x 2 steps with validation and accuracy"
    return [
        compared(f"{name}: warm", lambda: plain_fit(run), lambda: trainer.train([run]), repeats=few, target=""),
        compared(
            f"{name}: cold", lambda: plain_fit(run), lambda: CompiledTrainer().train([run]), repeats=few, target=""
        ),
    ]


def _convolutions(repeats: int) -> list[Row]:
    run = _plan("mnist_cnn", random_images(), 250, np.full(24, 1e-3), "adam")
    trainer = CompiledTrainer()
    trainer.train([run])
    bare = BareLoop(run, xla=False)
    bare.run()
    name = "mnist_cnn, 24 steps of batch 250, images of Fashion-MNIST's shape"
    return [
        compared(
            f"{name}: warm", lambda: plain_fit(run), lambda: trainer.train([run]), repeats=repeats, target=">= 1.5"
        ),
        cost(
            f"{name}: cost against the bare compiled loop",
            bare.run,
            lambda: trainer.train([run]),
            repeats=repeats,
            target="<= 1.1",
        ),
    ]


def _range_test(seed: int = 0) -> Plan:
    return _plan("blobs_mlp", "blobs", 5, ramp_rates(1e-6, 1.0, 1_000), seed=seed)


def _plan(model: str, data: str, batch_size: int, rates: Any, optimizer: str = "sgd", **changes: Any) -> Plan:
    return Plan(
        model=ModelSpec(name=model),
        data=DataSpec(name=data),
        optimizer=SPECS[optimizer](kind=optimizer),
        batch_size=batch_size,
        rates=rates,
        **{"seed": 0, **changes},
    )


class SetRateKeepLoss(keras.callbacks.Callback):
    """A correct learning-rate finder: rates set before each batch, its own loss kept, not Keras' running mean."""

    def __init__(self, rates: Any) -> None:
        super().__init__()
        self._rates, self.losses = iter(rates), list[float]()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Forget the batches before and set the rate."""
        self.model.reset_metrics()
        self.model.optimizer.learning_rate = float(next(self._rates))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Keep the batch's loss."""
        self.losses.append(logs["loss"])


def plain_fit(plan: Plan) -> list[float]:
    """What a notebook does: build, compile, `model.fit`."""
    prepared: Prepared = prepare(plan)
    splits = splits_of(plan, prepared.data)
    order = DataOrder(len(splits.train[0]), plan.batch_size, plan.seed)
    recorder = SetRateKeepLoss(plan.rates)
    prepared.model.fit(
        *splits.train,
        batch_size=plan.batch_size,
        epochs=plan.steps // order.steps_per_epoch,
        validation_data=splits.held_out if plan.validation is not None else None,
        callbacks=[recorder],
        verbose=0,
    )
    return recorder.losses


class BareLoop:
    """The yardstick: a compiled step loop by hand, with a stock optimizer, that does nothing but train and keep losses."""

    def __init__(self, plan: Plan, *, xla: bool) -> None:
        prepared = prepare(plan)
        model, optimizer = prepared.model, prepared.model.optimizer
        x, y = (tf.constant(part) for part in splits_of(plan, prepared.data).train)
        order = DataOrder(len(x), plan.batch_size, plan.seed)
        indices = tf.constant(np.stack(list(order.batches(0, plan.steps))).astype(np.int32))
        rates, steps = tf.constant(plan.rates.astype(np.float32)), plan.steps
        loss_of: Any = keras.losses.get({"class_name": _loss_class(prepared.model.loss), "config": {}})

        @tf.function(jit_compile=xla, autograph=False)
        def run() -> Any:
            def body(i: Any, losses: Any) -> tuple[Any, Any]:
                with tf.GradientTape() as tape:
                    loss = loss_of(tf.gather(y, indices[i]), model(tf.gather(x, indices[i]), training=True))
                optimizer.learning_rate.assign(rates[i])
                optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
                return i + 1, losses.write(i, loss)

            losses = tf.TensorArray(tf.float32, steps, element_shape=[])
            return tf.while_loop(lambda i, _: i < steps, body, (tf.constant(0), losses))[1].stack()

        self.run: Callable[[], Any] = lambda: run().numpy()


def _loss_class(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def random_images() -> str:
    """Registers 6,000 random images of the shape of Fashion-MNIST, and answers with their name."""
    name = "bench_images"

    def load() -> Dataset:
        draw = np.random.default_rng(0)
        x, y = draw.random((6_100, 28, 28, 1), dtype=np.float32), draw.integers(0, 10, 6_100).astype(np.int32)
        return Dataset(x[:6_000], y[:6_000], x[6_000:], y[6_000:])

    module = ModuleType(name)
    vars(module)["load"] = load
    sys.modules[name] = module
    DATASETS[name] = DatasetRow(name, f"{name}:load", (28, 28, 1), 10, "classification", 6_000, 100, "Noise.", "none")
    return name


def _memory() -> Row:
    """Peak resident memory of a fresh process that does one range test, in MiB."""
    plain, ours = (_peak_mebibytes(side) for side in ("fit", "compiled"))
    return Row(
        "peak memory of a process with one range test, MiB",
        plain,
        ours,
        ours / plain,
        ours / plain,
        ours / plain,
        "<= 1.3",
    )


def _peak_mebibytes(side: str) -> float:
    command = [sys.executable, "-m", "benchmarks.engine", side]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()[-1])


def _print_peak(side: str) -> None:
    plan = _range_test()
    plain_fit(plan) if side == "fit" else CompiledTrainer().train([plan])
    # Not getrusage: a process inherits that peak from the one that started it.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def table(measured: Sequence[Row]) -> str:
    """The rows as Markdown."""
    lines = ["| work | reference | ours | ratio (min-max) | target |", "|---|---|---|---|---|"]
    for row in measured:
        ratio = f"{row.ratio:.3g} ({row.low:.3g}-{row.high:.3g})"
        lines.append(
            f"| {row.name} | {_shown(row.reference_seconds)} | {_shown(row.seconds)} | {ratio} | {row.target} |"
        )
    return "\n".join(lines)


def _shown(value: float) -> str:
    return f"{value:.3g} s" if value < 60 else f"{value:.0f} MiB"


def report() -> str:
    """The table, and what its words mean, as Markdown."""
    reference = (
        "Reference: `model.fit` with a correct per-batch callback (rates set before each batch, each batch's own loss "
        'kept), model built and compiled anew as a notebook does; for the rows named "cost", what the row names. '
        "A ratio is the median over the repeats, in brackets the least and the greatest. Peak memory is one measurement "
        "of each side. Not measured yet: scaling over steps, stack size and width; memory of a worker over 200 jobs; "
        "other libraries; a GPU."
    )
    return f"{reference}\n\n{table(rows())}"


if __name__ == "__main__":
    _print_peak(sys.argv[1])
