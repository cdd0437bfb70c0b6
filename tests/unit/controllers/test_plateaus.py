"""The controllers that watch for a plateau: what they decide, and that their state goes on exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest

from lrsearch.controllers import Decision, FindOnPlateau, KeepRate, ProbeRange, ReduceOnPlateau, SetRate
from lrsearch.controllers.find_on_plateau import FindOnPlateauState
from lrsearch.curves import Curve
from lrsearch.errors import InvalidDocument

FLAT = [1.0] * 30


def rates(controller: ReduceOnPlateau, losses: Sequence[float | None], lr: float = 1.0) -> list[float]:
    """Rate after each epoch."""
    state, found = controller.start(), list[float]()
    for epoch, loss in enumerate(losses):
        decision = state.at_epoch_end(epoch, {"val_loss": loss}, lr)
        lr = decision.lr if isinstance(decision, SetRate) else lr
        found.append(lr)
    return found


def test_a_falling_metric_keeps_the_rate() -> None:
    assert [1.0] * 20 == rates(ReduceOnPlateau(patience=1), [1 / (epoch + 1) for epoch in range(20)])


def test_a_flat_metric_lowers_the_rate_every_patience_epochs() -> None:
    assert [1.0, 1.0, 0.5, 0.5, 0.25] == rates(ReduceOnPlateau(patience=2, factor=0.5), FLAT[:5])


def test_no_waiting_is_counted_in_the_cooldown() -> None:
    assert [1.0, 0.5, 0.5, 0.5, 0.25] == rates(ReduceOnPlateau(patience=1, factor=0.5, cooldown=3), FLAT[:5])


def test_the_rate_never_goes_under_the_least_one() -> None:
    assert [1.0, 0.5, 0.4, 0.4, 0.4] == rates(ReduceOnPlateau(patience=1, factor=0.5, min_lr=0.4), FLAT[:5])


def test_a_change_within_min_delta_is_no_improvement() -> None:
    assert [1.0, 0.5] == rates(ReduceOnPlateau(patience=1, factor=0.5, min_delta=0.1), [1.0, 0.95])
    assert [1.0, 1.0] == rates(ReduceOnPlateau(patience=1, factor=0.5, min_delta=0.01), [1.0, 0.95])


def test_an_accuracy_improves_upwards() -> None:
    state = ReduceOnPlateau(monitor="val_accuracy", patience=1).start()
    decisions = [state.at_epoch_end(epoch, {"val_accuracy": value}, 1.0) for epoch, value in enumerate((0.5, 0.6, 0.5))]
    assert [KeepRate, KeepRate, SetRate] == [type(decision) for decision in decisions]


def test_epochs_without_the_metric_are_passed_over_and_said_so() -> None:
    state = ReduceOnPlateau(patience=1, factor=0.5).start()
    state.at_epoch_end(0, {"val_loss": 1.0}, 1.0)
    before = state.snapshot()
    for metrics in ({}, {"val_loss": None, "loss": 0.5}):
        decision = state.at_epoch_end(1, metrics, 1.0)
        assert isinstance(decision, KeepRate)
        assert "val_loss was not measured" in decision.why
    assert before == state.snapshot()
    assert decision.why.endswith("measured: loss.")


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_is_an_epoch_without_improvement_even_the_first(bad: float) -> None:
    assert [1.0, 1.0, 0.5] == rates(ReduceOnPlateau(patience=2, factor=0.5), [1.0, bad, bad])
    assert [1.0, 1.0, 1.0, 0.5] == rates(ReduceOnPlateau(patience=2, factor=0.5), [bad, 1.0, bad, 1.0])


def feed(state: FindOnPlateauState, losses: Sequence[float], lr: float = 0.01, first: int = 0) -> Decision:
    decision: Decision = KeepRate()
    for epoch, loss in enumerate(losses, first):
        decision = state.at_epoch_end(epoch, {"val_loss": loss}, lr)
    return decision


def bowl(probe: ProbeRange, best: float = 0.1) -> Curve:
    """A range test that falls up to `best` and rises after it."""
    found = probe.rates()
    return Curve(found, 2.0 + np.abs(np.log10(found / best)))


FINDER = FindOnPlateau(patience=2, min_lr=1e-6, max_lr=1.0, steps=200, rule="minimum_over_10")


def test_a_plateau_asks_for_a_range_test_between_the_bounds() -> None:
    decision = feed(FINDER.start(), [1.0, 1.0, 1.0])
    assert isinstance(decision, ProbeRange)
    assert (1e-6, 1.0, 200) == (decision.min_lr, decision.max_lr, len(decision.rates()))
    assert decision.why == "val_loss has not improved by more than 0.0001 for 2 epochs."


def test_training_goes_on_with_the_rate_the_test_suggests() -> None:
    state = FINDER.start()
    probe = feed(state, [1.0, 1.0, 1.0])
    assert isinstance(probe, ProbeRange)
    decision = state.at_probe_end(bowl(probe))
    assert isinstance(decision, SetRate)
    assert decision.lr == pytest.approx(0.01, rel=0.1)


def test_the_rate_rises_at_most_by_the_cap_relative_to_the_current_one() -> None:
    state = FINDER.model_copy(update={"max_increase": 2.0}).start()
    probe = feed(state, [1.0, 1.0, 1.0], lr=1e-5)
    assert isinstance(probe, ProbeRange)
    decision = state.at_probe_end(bowl(probe))
    assert isinstance(decision, SetRate)
    assert decision.lr == 2e-5
    assert "capped" in decision.why
    assert state.tests[0].suggested_lr == pytest.approx(0.01, rel=0.1)
    assert state.tests[0].new_lr == 2e-5


def test_the_old_rate_stays_when_the_test_finds_nothing_and_the_test_is_recorded() -> None:
    state = FINDER.start()
    probe = feed(state, [1.0, 1.0, 1.0], lr=0.003)
    assert isinstance(probe, ProbeRange)
    decision = state.at_probe_end(Curve(probe.rates(), np.ones(200)))
    assert decision == KeepRate("The range test found no rate (flat), so 0.003 stays.")
    record = state.tests[0]
    assert (2, 0.003, None, 0.003, "flat") == (
        record.epoch, record.old_lr, record.suggested_lr, record.new_lr, record.verdict,
    )  # fmt: skip


def test_waiting_starts_anew_after_a_test_and_after_its_cooldown() -> None:
    state = FINDER.model_copy(update={"cooldown": 2}).start()
    probe = feed(state, [1.0, 1.0, 1.0])
    assert isinstance(probe, ProbeRange)
    state.at_probe_end(bowl(probe))
    assert isinstance(feed(state, [1.0, 1.0], first=3), KeepRate)
    assert isinstance(feed(state, [1.0], first=5), ProbeRange)


def test_no_more_tests_are_made_than_allowed() -> None:
    state = FINDER.model_copy(update={"max_tests": 1}).start()
    probe = feed(state, [1.0, 1.0, 1.0])
    assert isinstance(probe, ProbeRange)
    state.at_probe_end(bowl(probe))
    decision = feed(state, FLAT, first=3)
    assert isinstance(decision, KeepRate)
    assert "all 1 tests were made" in decision.why


def test_a_test_that_was_not_answered_is_a_clear_fault() -> None:
    state = FINDER.start()
    feed(state, [1.0, 1.0, 1.0])
    with pytest.raises(RuntimeError, match="call at_probe_end"):
        feed(state, [1.0], first=3)


def test_a_curve_nobody_asked_for_is_a_clear_fault() -> None:
    for state in (FINDER.start(), ReduceOnPlateau().start()):
        with pytest.raises(RuntimeError, match="did not ask for a range test"):
            state.at_probe_end(Curve([0.1], [1.0]))


def test_a_test_in_flight_survives_the_snapshot() -> None:
    state, restored = FINDER.start(), FINDER.start()
    probe = feed(state, [1.0, 1.0, 1.0])
    restored.restore(json.loads(json.dumps(state.snapshot())))
    assert isinstance(probe, ProbeRange)
    assert state.at_probe_end(bowl(probe)) == restored.at_probe_end(bowl(probe))
    assert state.snapshot() == restored.snapshot()


def test_a_snapshot_of_another_controller_or_a_damaged_one_is_refused() -> None:
    with pytest.raises(InvalidDocument, match="kind"):
        FINDER.start().restore(ReduceOnPlateau().start().snapshot())
    with pytest.raises(InvalidDocument, match="wait"):
        ReduceOnPlateau().start().restore({"kind": "reduce_on_plateau", "wait": -1})
