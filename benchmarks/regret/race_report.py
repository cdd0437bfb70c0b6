"""The tables of docs/advice.md about races."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import rows as added
from benchmarks.regret import wider
from benchmarks.regret.evaluate import advice, figures, log_rates, regrets
from benchmarks.regret.further_seeds import first_alone
from benchmarks.regret.intervals import holds
from benchmarks.regret.measure import GRID, TRUTH_SEEDS, VERDICT_TASKS
from benchmarks.regret.races import DEFAULT_LENGTH, LENGTHS, chosen_anew, middles, moved, replays, winners
from benchmarks.regret.store import load_case_races, load_verdicts
from benchmarks.regret.truth import Measured
from lrsearch.experiments.confirmation import CERTAIN
from lrsearch.experiments.held_out_check import LEAST_GAIN, LEAST_HELD_OUT
from lrsearch.experiments.race import Race, smoothed_places
from lrsearch.suggestions.consensus import Consensus
from lrsearch.training import catalog
from lrsearch.training.data_order import kept_samples

if TYPE_CHECKING:
    from benchmarks.regret.report import Report

Floats = NDArray[np.float64]
Tasks = Sequence[Measured]

RACES: Final = ((9, 1, 2), (9, 3, 2), (11, 3, 2), (15, 3, 0), (15, 3, 1), (15, 3, 2), (15, 3, 3))
"""Races of the table: candidates, seeds, place of the length in `LENGTHS`."""
CHEAP: Final = (
    Race(candidates=3, seeds=1, spacing=0.5),
    Race(candidates=5, seeds=1, spacing=0.5),
    Race(candidates=7, seeds=1, spacing=0.5),
    Race(candidates=9, seeds=1),
    Race(candidates=5, seeds=3, spacing=0.5),
    Race(candidates=7, seeds=3, spacing=0.5),
    Race(candidates=7, seeds=3),
    Race(),
)
"""Races of the table of costs, the cheapest first."""


SINCE: Final = frozenset(task.name for task in wider.tasks()[len(wider.FAMILIES) :] if not task.family.is_slow)
"""The tasks whose races were measured after the design of widening: all harder models but with their first optimizer."""


def default_races(tasks: Tasks, answers: Floats) -> Floats:
    """The winners of the default race around answers: shape (tasks, draws)."""
    return winners(tasks, answers, Race(), DEFAULT_LENGTH)


def race_rows(report: Report) -> list[list[str]]:
    """The job with `confirm: true`, by length and size of the race, and what its parts are worth; on the first tasks."""
    tasks, answers = report.raced, report.held_out[report.has_race]
    rows = [_raced(tasks, answers, Race(candidates=size, seeds=seeds), length) for size, seeds, length in RACES]
    around = middles(tasks, answers)
    rows += [
        _raced(tasks, answers, Race(widenings=0), DEFAULT_LENGTH, "the default race, never widened"),
        _raced(tasks, answers, Race(pull=0.0), DEFAULT_LENGTH, "the default race without pull"),
        _row("the default race, judged at the job's own candidates", tasks, moved(around, report.won), rows[-2][-1]),
        _row(
            f"the default race, judged by {len(TRUTH_SEEDS)} seeds alone",
            [first_alone(task) for task in tasks],
            report.won,
            rows[-2][-1],
        ),
        _row(
            "pull, size and smoothing chosen anew without each data set",
            tasks,
            np.where(np.isnan(report.won), np.nan, chosen_anew(tasks, answers)),
            "-",
        ),
    ]
    return rows


def cost_rows(report: Report) -> list[list[str]]:
    """Regret against extra updates on all tasks with races, the first and the later ones; the rule alone first."""
    tasks, answers = report.all_raced
    rows = [_row("no race", tasks, answers, "0")]
    for race in CHEAP:
        name = f"{race.candidates} rates, {race.spacing:g} decades apart, {race.seeds} seed{'s' * (race.seeds > 1)}"
        rows.append(_raced(tasks, answers, race, DEFAULT_LENGTH, name))
    return [*rows, _raced(tasks, answers, Race(widenings=0), DEFAULT_LENGTH, "the last, never widened")]


def widened_rows(report: Report) -> list[list[str]]:
    """The default race never widened and as it is, on the tasks with races when widening was designed, and on those measured since."""
    tasks, answers = report.all_raced
    since = [task.task.name in SINCE for task in tasks]
    rows: list[list[str]] = []
    for said, is_since in (("designed on", False), ("since", True)):
        chosen = [i for i, one in enumerate(since) if one == is_since]
        kept = [tasks[i] for i in chosen]
        for name, race in (("never widened", Race(widenings=0)), ("widened", Race())):
            rows.append(_raced(kept, answers[chosen], race, DEFAULT_LENGTH, f"{said}, {len(kept)} tasks: {name}"))
    return rows


def _raced(tasks: Tasks, answers: Floats, race: Race, checkpoint: int, name: str | None = None) -> list[str]:
    said = f"{race.candidates} rates, {race.seeds} seed{'s' * (race.seeds > 1)}, {LENGTHS[checkpoint]}"
    won, further = replays(tasks, answers, race, checkpoint)
    return _row(name or said, tasks, won, f"{updates(tasks, race, checkpoint, further):,.0f}")


def updates(tasks: Tasks, race: Race, checkpoint: int, further: NDArray[np.int64]) -> float:
    """Updates of a race, mean over tasks and draws; `further`: its further rounds, shape (tasks, draws)."""
    steps = np.array([task.race_steps[checkpoint] for task in tasks])[:, None]
    return float(np.mean(steps * (race.trials + race.further_trials * further)))


def _row(name: str, tasks: Tasks, answers: Floats, cost: str) -> list[str]:
    return [name, *figures(regrets(tasks, answers)).cells(), cost]


def interval_rows(report: Report) -> Iterator[list[str]]:
    """How often intervals around the winner of the default race hold, around the rule as it ships, on all tasks with races."""
    tasks, _ = report.all_raced
    won = default_races(tasks, report.all_shipped)
    for reach in (0.0, CERTAIN, 0.125):
        yield [
            f"winner of the race ± {reach} decades",
            "100%",
            f"{share_held(tasks, won, reach):.0%}",
            f"{2 * reach:.2f}",
        ]


def share_held(tasks: Tasks, won: Floats, reach: float = CERTAIN) -> float:
    """Share of the winners, log10 of shape (tasks, draws), around which every rate within so many decades is good."""
    held = [
        holds(task, x - reach, x + reach) for task, row in zip(tasks, won, strict=True) for x in row[~np.isnan(row)]
    ]
    return float(np.mean(held))


def case_rows() -> list[list[str]]:
    """What the default race says of the cases without a right rate."""
    added.register()
    races, rows = load_case_races(), list[list[str]]()
    for case in load_verdicts():
        name = next(name for name, task in VERDICT_TASKS.items() if task == case.task)
        rows.append([name, _raced_case(case, races[name])])
    return rows


def _raced_case(case: Measured, losses: Floats) -> str:
    """The winner around the median suggestion, or around the default rate, and what it must stay under."""
    around = float(np.median(middles([case], log_rates(advice(case, Consensus()))[None])))
    race, middle = Race(), int(np.argmin(np.abs(GRID - around)))
    half = race.candidates // 2
    part = slice(max(0, middle - half), middle + half + 1)
    tried = losses[1:][part]
    places = smoothed_places(tried) + race.pulls(GRID[part] - GRID[middle])
    winner = int(np.argmin(places))
    row = catalog.datasets()[case.task.family.data]
    nothing = min(float(losses[0].mean()), float(np.log(row.outputs)) if row.task == "classification" else np.inf)
    if not np.isfinite(tried).any():
        return "every candidate diverged"
    held_out = row.train_size - kept_samples(row.train_size, race.held_out)
    few = f"; {held_out} samples held out" + (", too few" if held_out < LEAST_HELD_OUT else "")
    limit = nothing - LEAST_GAIN * abs(nothing)
    return f"{10.0 ** GRID[part][winner]:.2g}: {tried[winner].mean():.3f}, limit {limit:.3f}{few}"
