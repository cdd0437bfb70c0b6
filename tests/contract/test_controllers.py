"""What every controller of the registry keeps: its name, its source, its document, and a state that goes on exactly."""

from __future__ import annotations

import doctest
import importlib
import json
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch import controllers
from lrsearch.controllers import CONTROLLERS, AnyController, Controller, ControllerState, Decision, ProbeRange, SetRate
from lrsearch.curves import Curve

ADAPTER: TypeAdapter[Controller] = TypeAdapter(AnyController)
EPOCHS = 40


def kind_of(member: type[Controller]) -> str:
    return member.model_fields["kind"].default


every_controller = pytest.mark.parametrize("member", CONTROLLERS, ids=kind_of)


def test_every_file_of_the_folder_is_registered_under_its_name() -> None:
    files = {path.stem for path in Path(controllers.__file__).parent.glob("*.py")} - {"__init__", "base"}
    assert files == {kind_of(member) for member in CONTROLLERS}
    assert [f"lrsearch.controllers.{kind_of(member)}" for member in CONTROLLERS] == [c.__module__ for c in CONTROLLERS]


def test_the_registry_is_the_union() -> None:
    assert get_args(get_args(AnyController)[0]) == CONTROLLERS
    assert {member.__name__ for member in CONTROLLERS} <= set(controllers.__all__)


@every_controller
def test_it_says_its_source_its_fields_and_an_example(member: type[Controller]) -> None:
    assert member.cites
    assert all(member.cites)
    assert ">>> " in (member.__doc__ or "")
    assert [] == [name for name, field in member.model_fields.items() if name != "kind" and not field.description]


@every_controller
def test_its_example_runs(member: type[Controller]) -> None:
    result = doctest.testmod(importlib.import_module(member.__module__))
    assert result.failed == 0
    assert result.attempted > 0


@every_controller
def test_its_document_survives_json(member: type[Controller]) -> None:
    controller = ADAPTER.validate_python({"kind": kind_of(member)})
    assert controller == ADAPTER.validate_json(json.dumps(controller.model_dump(mode="json")))
    assert member() == controller


def play(state: ControllerState, first: int, last: int, lr: float) -> tuple[list[Decision], float]:
    """What the controller decides over some epochs of a training that stalls, and the rate it ends at."""
    losses = np.random.default_rng(7).normal(1.0, 0.1, EPOCHS)
    made: list[Decision] = []
    for epoch in range(first, last):
        made.append(state.at_epoch_end(epoch, {"val_loss": float(losses[epoch])}, lr))
        if isinstance(probe := made[-1], ProbeRange):
            made.append(state.at_probe_end(Curve(probe.rates(), np.cos(np.linspace(0.0, 5.0, probe.steps)))))
        lr = made[-1].lr if isinstance(made[-1], SetRate) else lr
    return made, lr


@every_controller
@pytest.mark.parametrize("cut", range(0, EPOCHS, 3))
def test_a_restored_state_decides_as_if_it_had_never_stopped(member: type[Controller], cut: int) -> None:
    fields = {"patience": 3} if "patience" in member.model_fields else {}
    controller = ADAPTER.validate_python({"kind": kind_of(member), **fields})
    whole, _ = play(controller.start(), 0, EPOCHS, 0.1)
    before = controller.start()
    head, lr = play(before, 0, cut, 0.1)
    after = controller.start()
    after.restore(json.loads(json.dumps(before.snapshot())))
    assert before.memory == after.memory
    tail, _ = play(after, cut, EPOCHS, lr)
    assert whole == head + tail
    assert len({type(decision) for decision in whole}) > 1


@every_controller
def test_starting_twice_gives_two_states(member: type[Controller]) -> None:
    controller = member()
    one, other = controller.start(), controller.start()
    one.at_epoch_end(0, {"val_loss": 1.0}, 0.1)
    assert one.memory != other.memory
