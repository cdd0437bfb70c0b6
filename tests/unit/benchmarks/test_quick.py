"""Every benchmark still runs: a little of each, in this process, written nowhere."""

import numpy as np
import pytest

from benchmarks.__main__ import APART, NAMES, main, section

WITH_SERVERS = ("service", "search")
WITHOUT_TENSORFLOW = ("mathematics", "bias")


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name in WITH_SERVERS:
        return [pytest.mark.service]
    return [] if name in WITHOUT_TENSORFLOW else [pytest.mark.tensorflow]


@pytest.mark.parametrize("name", [pytest.param(name, marks=_marks(name)) for name in NAMES])
def test_a_little_of_the_benchmark_runs_and_reports(name):
    made = section(name, quick=True)
    assert f"python -m benchmarks {name}" == made.command
    assert made.title
    assert made.body.strip()


def test_an_unknown_name_is_refused_with_the_names_there_are(capsys):
    assert 2 == main(["engin"])
    assert f"No benchmark is called engin; choose from {', '.join(NAMES + APART)}.\n" == capsys.readouterr().err


@pytest.mark.tensorflow
def test_the_yardstick_does_the_same_work_loss_for_loss():
    from benchmarks.plans import range_test
    from benchmarks.yardstick import Yardstick
    from lrsearch.training.keras.compiled import CompiledTrainer

    plan = range_test(100, seed=3)
    (run,) = CompiledTrainer().train([plan])
    np.testing.assert_allclose(Yardstick(plan, xla=False).run(), run.curve.losses, rtol=1e-5)
