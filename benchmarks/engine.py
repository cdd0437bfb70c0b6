"""The compiled engine against plain `model.fit`, as ratios of times taken in one run on one machine.

`python -m benchmarks engine` writes the table to docs/benchmarks.md. Both sides of a ratio alternate, so that a busy machine slows
both; a ratio is the median over the repeats. Costs against a close rival are in processor seconds, which waiting for a
busy core does not lengthen.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow reads it when it is loaded

from benchmarks import memory, narrow, trap
from benchmarks.clocks import CPU, WALL, Clock, in_turn
from benchmarks.plain import WORDS, plain_fit
from benchmarks.plans import image_run, lecture_run, range_test
from benchmarks.rows import Comparison, Row, at_least, at_most, comparisons, cost, speed_up, table
from benchmarks.yardstick import LEAVES_OUT, Yardstick
from lrsearch.training.keras.compiled import CompiledTrainer
from lrsearch.training.keras.environment import device_name
from lrsearch.training.plan import Plan

TITLE = "The training engine"


def cost_clock() -> tuple[Clock, str]:
    """Processor seconds; on a GPU, whose work the processor only waits for, wall-clock seconds."""
    return (CPU, "CPU seconds") if device_name() == "cpu" else (WALL, "wall-clock seconds")


def report(quick: bool = False) -> str:
    """The tables, and what their words mean, as Markdown."""
    compared = [*_range_tests(quick), *_stacked(quick), *_lecture(quick), *_convolutions(quick)]
    words = (
        f"Reference: {WORDS}. Cold: trace and compile too; warm: the second job of its kind. The ratio is the median "
        "over the repeats, in brackets its quartiles; where a cost is asked for it is ours / reference. " + LEAVES_OUT
    )
    return "\n\n".join(
        [words, comparisons(compared), table([*_single(compared), *narrow.rows(quick), *([] if quick else _alone())])]
    )


def _range_tests(quick: bool) -> list[Comparison]:
    test = range_test(100 if quick else 1_000)
    slow = range_test(test.steps, xla=False)
    warm, unfused = _warm(test), _warm(slow)
    works = [lambda: plain_fit(test), warm, lambda: CompiledTrainer().train([test]), unfused]
    fit, ours, cold, without = in_turn(works, 1 if quick else 5)
    yardstick = Yardstick(test, xla=True)
    yardstick.run()
    clock, unit = cost_clock()
    bare, same = in_turn([_reseeded(yardstick.run), warm], 3 if quick else 100, clock)
    name = f"range test, {test.steps:,} steps of batch 5, `blobs_mlp`"
    return [
        speed_up(f"{name}: warm", fit, ours, at_least(100)),
        speed_up(f"{name}: cold", fit, cold, at_least(1.5)),
        speed_up(f"{name}: warm, without XLA", fit, without),
        cost(f"{name}: cost against the yardstick, XLA ({unit})", bare, same, at_most(1.1)),
    ]


def _stacked(quick: bool) -> list[Comparison]:
    steps, small, large = (100, 2, 4) if quick else (1_000, 64, 512)
    trainer = CompiledTrainer(fewest_stacked_updates=1)

    def stack_of(count: int) -> Callable[[], Any]:
        return _reseeded(lambda first: trainer.train([range_test(steps, first * count + i) for i in range(count)]))

    works = [stack_of(1), stack_of(small), stack_of(large)]
    for work in works:
        work()
    clock, unit = cost_clock()
    one, tests, most = in_turn(works, 1 if quick else 7, clock)
    stack = works[-1]()[0].engine_facts["stack"]
    return [
        cost(
            f"{small} such tests stacked, own weights and data order each: cost against one ({unit})",
            one,
            tests,
            at_most(35),
        ),
        cost(f"{large} such tests in stacks of {stack}: cost against one ({unit})", one, most),
    ]


def _lecture(quick: bool) -> list[Comparison]:
    run = lecture_run(2 if quick else 128)
    works = [lambda: plain_fit(run), _warm(run), lambda: CompiledTrainer().train([run])]
    fit, warm, cold = in_turn(works, 1 if quick else 3)
    name = f"`blobs_mlp`, {run.steps // 2} epochs x 2 steps, tested every epoch"
    return [speed_up(f"{name}: warm", fit, warm), speed_up(f"{name}: cold", fit, cold)]


def _convolutions(quick: bool) -> list[Comparison]:
    run = image_run(2, 20) if quick else image_run()
    warm = _warm(run)
    fit, ours = in_turn([lambda: plain_fit(run), warm], 1 if quick else 7)
    yardstick = Yardstick(run, xla=device_name() != "cpu")
    yardstick.run()
    clock, unit = cost_clock()
    bare, same = in_turn([_reseeded(yardstick.run), warm], 1 if quick else 15, clock)
    name = f"`mnist_cnn`, {run.steps} steps of batch {run.batch_size}, images of Fashion-MNIST's shape"
    return [
        speed_up(f"{name}: warm", fit, ours, at_least(1.5)),
        cost(f"{name}: cost against the yardstick ({unit})", bare, same, at_most(1.1)),
    ]


def _warm(plan: Plan) -> Callable[[], Any]:
    """One training on a trainer that has trained this kind before, though not under the same seed."""
    trainer = CompiledTrainer()
    trainer.train([plan])
    return _reseeded(lambda seed: trainer.train([replace(plan, seed=seed)]))


def _reseeded(run: Callable[[int], Any]) -> Callable[[], Any]:
    """The run under another seed each time, so that no side finds weights and data orders that it has drawn before."""
    seeds = itertools.count(1)
    return lambda: run(next(seeds))


def _single(compared: Sequence[Comparison]) -> list[Row]:
    """What the cold and the warm rows say about compiling."""
    warm, cold = compared[0].ours, compared[1].ours
    return [Row("building, tracing and compiling that range test, once a worker", cold - warm, "s")]


def _alone() -> list[Row]:
    """What is measured in processes of its own."""
    return [*memory.rows(), *trap.rows()]
