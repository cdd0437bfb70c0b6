"""Other libraries' range tests beside ours on the same work; `make bench-peers` installs them and runs this."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.clocks import seconds
from benchmarks.plain import plain_fit
from benchmarks.plans import image_run, range_test
from benchmarks.rows import Comparison, comparisons, speed_up
from lrsearch.training.keras import datasets
from lrsearch.training.keras.compiled import CompiledTrainer

TITLE = "Other libraries"
PYTHON = Path(__file__).resolve().parent.parent / ".venv-peers" / "bin" / "python"
FINDERS = ("torch-lr-finder", "fastai")
REPEATS = 7
Peer = Callable[[str, str, int], float]


def report(quick: bool = False) -> str:
    """A row for each library and work, as Markdown."""
    if not PYTHON.exists():
        raise SystemExit("The rivals are not installed; run make bench-peers.")
    repeats = 1 if quick else REPEATS
    plans = {
        "mlp": (range_test(100 if quick else 1_000), "range test of `blobs_mlp`, batch 5", (1e-6, 1.0)),
        "cnn": (
            image_run(24),
            "`mnist_cnn` on images of Fashion-MNIST's shape, batch 250",
            (1e-6, 1e-3),
        ),
    }
    rows: list[Comparison] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (plan, _, ends) in plans.items():
            _save(Path(folder), name, plan, ends)
        with _side(Path(folder)) as peer:
            for name, (plan, words, _) in plans.items():
                rows += _compared(name, plan, words, peer, repeats)
    legend = (
        f"{_versions()}. Reference: seconds of the library's own range test, its model built anew, in a process that has "
        "done one before; ours: the compiled engine, warm. All in turn on the same data with the same layers, optimizer, "
        "batch size and number of steps, none stopped early. A ratio is a median."
    )
    return f"{legend}\n\n{comparisons(rows)}"


def _compared(name: str, plan: Any, words: str, peer: Peer, repeats: int) -> list[Comparison]:
    trainer = CompiledTrainer()
    works: dict[str, Callable[[], float]] = {
        finder: (lambda finder=finder: peer(finder, name, plan.steps)) for finder in FINDERS
    }
    works["plain Keras `model.fit`"] = lambda: seconds(lambda: plain_fit(plan))
    works["ours"] = lambda: seconds(lambda: trainer.train([plan]))
    for work in works.values():
        work()
    taken = np.array([[work() for work in works.values()] for _ in range(repeats)]).T
    return [
        speed_up(f"{words}, {plan.steps:,} steps: {rival}", times, taken[-1])
        for rival, times in zip(list(works)[:-1], taken[:-1], strict=True)
    ]


def _save(folder: Path, name: str, plan: Any, ends: tuple[float, float]) -> None:
    """The data as PyTorch wants it: channels first, class numbers."""
    data = datasets.load(plan.data.name)
    x = np.moveaxis(data.x_train, -1, 1) if data.x_train.ndim == 4 else data.x_train
    y = data.y_train.argmax(axis=1) if data.y_train.ndim == 2 else data.y_train
    start, end = ends
    np.savez(folder / f"{name}.npz", x=x, y=y.astype(np.int64), batch=plan.batch_size, start=start, end=end)


@contextmanager
def _side(folder: Path) -> Iterator[Peer]:
    """The rivals' process: a function that has it do one work and answers with its seconds."""
    script = Path(__file__).with_name("peers_side.py")
    command = [str(PYTHON), str(script), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def ask(finder: str, name: str, steps: int) -> float:
            print(finder, name, steps, file=stdin, flush=True)
            if not (answer := stdout.readline()):
                raise SystemExit(f"{finder} failed on {name}; its message is above.")
            spent, kept = answer.split()
            if not steps <= int(kept) <= steps + 1:
                raise SystemExit(f"{finder} kept {kept} losses of {steps} steps.")
            return float(spent)

        try:
            yield ask
        finally:
            stdin.close()


def _versions() -> str:
    """Names and versions of the rivals."""
    code = (
        "import json; from importlib.metadata import version;"
        "print(json.dumps({n: version(n) for n in ('torch', 'torch-lr-finder', 'fastai')}))"
    )
    found = subprocess.run([str(PYTHON), "-c", code], capture_output=True, check=True, text=True).stdout
    return ", ".join(f"{name} {number}" for name, number in json.loads(found).items())
