"""`early_stopping` and `best_checkpoint`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lrsearch.controllers import BestCheckpoint, Controller, Decision, EarlyStopping, KeepRate, SaveBest, StopTraining


def decisions(controller: Controller, losses: Sequence[float | None], monitor: str = "val_loss") -> list[Decision]:
    state = controller.start()
    return [state.at_epoch_end(epoch, {monitor: loss}, 0.1) for epoch, loss in enumerate(losses)]


def stops(controller: EarlyStopping, losses: Sequence[float | None]) -> list[int]:
    return [epoch for epoch, made in enumerate(decisions(controller, losses)) if isinstance(made, StopTraining)]


def test_it_stops_after_patience_epochs_without_improvement_and_says_why() -> None:
    made = decisions(EarlyStopping(patience=2), [1.0, 0.5, 0.6, 0.7])
    assert made[:3] == [KeepRate()] * 3
    assert made[3] == StopTraining(
        "val_loss has not improved by more than 0 for 2 epochs; best 0.5 in epoch 1.", best_epoch=1, restore_best=False
    )


def test_with_restore_best_every_improvement_is_saved() -> None:
    made = decisions(EarlyStopping(patience=1, restore_best=True), [1.0, 0.5, 0.6])
    assert made[:2] == [SaveBest(0, 1.0), SaveBest(1, 0.5)]
    assert isinstance(made[2], StopTraining)
    assert made[2].restore_best


def test_epochs_before_the_start_and_without_the_metric_are_passed_over() -> None:
    assert [6] == stops(EarlyStopping(patience=2, start_from_epoch=3), [0.1, 0.2, 0.3, 1.0, None, 1.0, 1.0])


def test_a_baseline_that_is_not_beaten_stops_it_though_the_metric_improves() -> None:
    made = decisions(EarlyStopping(patience=2, baseline=0.1), [1.0, 0.9, 0.8, 0.8])
    assert isinstance(made[3], StopTraining)
    assert "or not beaten the baseline 0.1" in made[3].reason


def test_values_that_are_not_finite_stop_it_after_patience_epochs() -> None:
    made = decisions(EarlyStopping(patience=2), [math.nan, math.nan])
    assert isinstance(made[1], StopTraining)
    assert made[1].best_epoch is None
    assert "nothing finite was measured" in made[1].reason


def test_the_best_weights_so_far_are_saved_and_no_others() -> None:
    made = decisions(BestCheckpoint(), [1.0, 1.0, math.nan, None, 0.5, 0.7])
    assert [SaveBest(0, 1.0), SaveBest(4, 0.5)] == [one for one in made if isinstance(one, SaveBest)]


def test_nothing_is_saved_before_the_threshold_is_beaten() -> None:
    made = decisions(BestCheckpoint(monitor="accuracy", threshold=0.5), [0.4, 0.6], monitor="accuracy")
    assert made == [KeepRate(), SaveBest(1, 0.6)]
