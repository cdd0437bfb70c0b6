"""The rivals' side of `benchmarks.peers`, run by the Python of .venv-peers, which knows nothing of lrsearch.

Reads `FINDER WORK` lines, does the work once, answers with its seconds and the number of losses it kept.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from fastai.callback.schedule import Learner
from fastai.data.core import DataLoaders
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torch_lr_finder import LRFinder

warnings.simplefilter("ignore")


class Work:
    """Data, model and range of one test.

    Args:
        name: `mlp` or `cnn`.
        folder: holds the data as `<name>.npz`.
        steps: of the test.
    """

    def __init__(self, name: str, folder: Path, steps: int) -> None:
        held = np.load(folder / f"{name}.npz")
        self.name, self.steps, self.batch = name, steps, int(held["batch"])
        self.start, self.end = float(held["start"]), float(held["end"])
        self.data = TensorDataset(torch.tensor(held["x"]), torch.tensor(held["y"]))

    def model(self) -> nn.Module:
        """The same layers as ours; the softmax is in the loss."""
        if self.name == "mlp":
            first, last = nn.Linear(2, 50), nn.Linear(50, 3)
            nn.init.kaiming_uniform_(first.weight, nonlinearity="relu")
            return nn.Sequential(first, nn.ReLU(), last)
        return nn.Sequential(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
            *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25)),
            *(nn.Flatten(), nn.Linear(64 * 5 * 5, 256), nn.ReLU(), nn.Linear(256, 10)),
        )

    def loader(self) -> DataLoader:
        """Shuffled batches."""
        return DataLoader(self.data, batch_size=self.batch, shuffle=True)

    def optimizer(self, model: nn.Module) -> torch.optim.Optimizer:
        """As ours."""
        kind = torch.optim.SGD if self.name == "mlp" else torch.optim.Adam
        return kind(model.parameters(), lr=self.start)


def torch_lr_finder(work: Work) -> int:
    """One range test of torch-lr-finder, which never stops early; the number of losses."""
    model = work.model()
    finder = LRFinder(model, work.optimizer(model), nn.CrossEntropyLoss(), device="cpu")
    finder.range_test(work.loader(), end_lr=work.end, num_iter=work.steps, diverge_th=1e30)
    return len(finder.history["loss"])


def fastai(work: Work) -> int:
    """One range test of fastai, which never stops early; the number of losses."""
    from functools import partial

    from fastai.optimizer import SGD, Adam

    with tempfile.TemporaryDirectory() as folder:
        optimizer = partial(SGD, mom=0.0) if work.name == "mlp" else Adam
        loaders = DataLoaders(work.loader(), work.loader())
        learner = Learner(loaders, work.model(), loss_func=nn.CrossEntropyLoss(), opt_func=optimizer, path=folder)
        with learner.no_bar(), learner.no_logging():
            learner.lr_find(
                start_lr=work.start,
                end_lr=work.end,
                num_it=work.steps,
                stop_div=False,
                show_plot=False,
                suggest_funcs=(),
            )
        return len(learner.recorder.losses)


FINDERS = {"torch-lr-finder": torch_lr_finder, "fastai": fastai}


def main(folder: Path) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    quiet = open(os.devnull, "w")  # noqa: SIM115, PTH123 - as long as the process
    works: dict[tuple[str, str], Work] = {}
    for line in sys.stdin:
        finder, name, steps = line.split()
        work = works.setdefault((name, steps), Work(name, folder, int(steps)))
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            began = time.perf_counter()
            kept = FINDERS[finder](work)
            spent = time.perf_counter() - began
        print(spent, kept, file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
