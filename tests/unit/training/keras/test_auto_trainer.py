from dataclasses import replace

import numpy as np
import pytest

from lrsearch.errors import Misconfigured
from lrsearch.training.optimizer_specs import SPECS
from lrsearch.training.plan import Checkpoint, DataSpec, ModelSpec, Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Continue

pytestmark = pytest.mark.tensorflow


class SecondToy(ToyTrainer):
    name = "second"


@pytest.fixture
def trainer(monkeypatch):
    from lrsearch.training.keras import auto_trainer

    monkeypatch.setattr(auto_trainer, "ENGINES", {"toy": ToyTrainer, "fit": SecondToy})
    return auto_trainer.AutoTrainer()


def plan(engine="auto", steps=4, **changes):
    whole = Plan(ModelSpec(name="digits_mlp"), DataSpec(name="digits"), SPECS["sgd"](), 100, np.full(steps, 0.1), 0)
    return replace(whole, engine=engine, **changes)


def test_plans_go_to_their_engines_and_runs_come_back_in_order(trainer):
    runs = trainer.train([plan(steps=3), plan("fit", steps=4), plan(steps=5)])
    assert [("toy", 3), ("second", 4), ("toy", 5)] == [(run.engine, len(run.curve)) for run in runs]


def test_the_observer_is_told_the_index_among_all_plans(trainer):
    seen = []

    def watch(index, segment):
        seen.append((index, len(segment.losses)))
        return Continue()

    trainer.train([plan(steps=3), plan("fit", steps=4), plan(steps=5)], watch)
    assert [(0, 3), (1, 4), (2, 5)] == sorted(seen)


def test_an_engine_that_is_not_there_is_named_with_those_that_are(trainer):
    with pytest.raises(Misconfigured, match=r"'compiled'.*toy, fit"):
        trainer.train([plan("compiled")])


def test_a_checkpoint_goes_to_the_engine_that_made_it(trainer):
    foreign = Checkpoint(0, {}, {"engine": "elsewhere"})
    with pytest.raises(Misconfigured, match="'elsewhere'"):
        trainer.train([plan(resume_from=foreign)])


def test_the_default_trainer_trains():
    from lrsearch.training.keras import default_trainer

    (run,) = default_trainer().train([plan("fit")])
    assert ("fit", 4) == (run.engine, len(run.curve))
