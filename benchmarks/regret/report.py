"""The report of `python -m benchmarks.regret`, as Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import bounds, corrections, fresh, race_report, sentences, unseen, wider
from benchmarks.regret.ablations import (
    FEATURE_HEAD,
    NEIGHBOUR_HEAD,
    NOISE_HEAD,
    averaged,
    feature_rows,
    neighbour_rows,
    noise_rows,
    other_rules,
)
from benchmarks.regret.checked import HEAD as CHECKED_HEAD
from benchmarks.regret.checked import case_rows
from benchmarks.regret.evaluate import (
    DRAWS,
    HEAD,
    REPEATS,
    advice,
    figures,
    log_rates,
    long_answers,
    ours,
    regrets,
    theirs,
)
from benchmarks.regret.fit import Fit, folds, folds_by_optimizer
from benchmarks.regret.intervals import evidence_rows, interval_rows, later_rows
from benchmarks.regret.measure import VERDICT_TASKS
from benchmarks.regret.race_report import default_races
from benchmarks.regret.rivals import RIVALS, Rival
from benchmarks.regret.store import load_checked, load_cycles, load_verdicts
from benchmarks.regret.truth import Measured
from benchmarks.regret.usual import USUAL_HEAD, usual_rows
from lrsearch.suggestions.base import Suggestion
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]
Tasks = Sequence[Measured]

INTERVAL_HEAD: Final = ("interval", "answers", "holds", "decades wide")
RACE_HEAD: Final = ("race", *HEAD, "extra updates")
CASE_HEAD: Final = ("case", "winner of the race, its held-out loss, and what it must stay under")
SETS: Final = {"fresh": fresh.tasks, "harder": wider.tasks, "unseen": unseen.tasks}
"""Sets of tasks measured after the rule's numbers were fitted, in their order."""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


class Report:
    """Everything the report prints; answers are computed once.

    Attributes:
        shipped: log10 of the answers of `consensus` as it ships: shape (tasks, draws).
        held_out: the same with every number of the rule fitted on other data sets.
    """

    def __init__(self, tasks: Tasks, fresh: Tasks = ()) -> None:
        self.tasks, self.fresh = tasks, fresh
        self.fit = Fit(tasks)
        self.shipped = ours(tasks, lambda _: Consensus())
        self.held_out = self.fit.held_out(folds(tasks))
        self.has_race = [i for i, task in enumerate(tasks) if np.isfinite(task.race).any()]
        self.raced = [tasks[i] for i in self.has_race]

    @cached_property
    def others(self) -> dict[str, Floats]:
        """Our other rules."""
        return other_rules(self.tasks)

    @cached_property
    def rivals(self) -> dict[str, Floats]:
        """Other tools' rules."""
        return {rival.name: theirs(self.tasks, rival) for rival in RIVALS}

    @cached_property
    def fresh_answers(self) -> Floats:
        """Of `consensus` as it ships, on the fresh tasks."""
        return ours(self.fresh, lambda _: Consensus())

    @cached_property
    def fresh_raced(self) -> Floats:
        """The winners of the default race on the fresh tasks."""
        return self.race_around(self.fresh, self.fresh_answers)

    @staticmethod
    def race_around(tasks: Tasks, answers: Floats) -> Floats:
        """The winners of the default race around answers; NaN on tasks without stored races."""
        won = default_races(tasks, answers)
        return np.where([[np.isfinite(task.race).any()] for task in tasks], won, np.nan)

    @cached_property
    def fresh_rivals(self) -> dict[str, Floats]:
        """Other tools' rules on the fresh tasks."""
        return {rival.name: theirs(self.fresh, rival) for rival in RIVALS}

    @cached_property
    def won(self) -> Floats:
        """The winners of the default race around held-out `consensus`: shape (raced tasks, draws)."""
        return default_races(self.raced, self.held_out[self.has_race])

    @cached_property
    def all_raced(self) -> tuple[Tasks, Floats]:
        """The tasks with stored races, the first and the later ones, and log10 of the rule's answers: held out, and as it ships."""
        later = [i for i, task in enumerate(self.fresh) if np.isfinite(task.race).any()]
        answers = np.concatenate([self.held_out[self.has_race], self.fresh_answers[later]])
        return [*self.raced, *(self.fresh[i] for i in later)], answers

    @cached_property
    def all_shipped(self) -> Floats:
        """log10 of the answers of the rule as it ships, on the tasks of `all_raced`."""
        return np.concatenate([self.shipped[self.has_race], self.all_raced[1][len(self.raced) :]])

    def row(self, name: str, answers: Floats, cost: str) -> list[str]:
        """One rule in the main table."""
        return [name, *figures(regrets(self.tasks, answers)).cells(), cost]

    def rules(self) -> str:
        """Our default, our other rules, and the rivals."""
        tests, default = f"{REPEATS} x 100", Consensus()
        by_optimizer = self.fit.held_out(folds_by_optimizer(self.tasks))
        shifted = self.fit.held_out(folds(self.tasks), has_shifts=True)
        rows = [
            self.row("**consensus, held out by data set**", self.held_out, tests),
            self.row("consensus, held out by optimizer", by_optimizer, tests),
            self.row("consensus as it ships (fitted on all)", self.shipped, tests),
            self.row("held out, with a shift for each optimizer", shifted, tests),
            self.row("as it ships, 1 range test", self.repeats(1), "100"),
            self.row("as it ships, 8 range tests", self.repeats(DRAWS), "8 x 100"),
            self.row("as it ships, 3 of 300 updates", long_answers(self.tasks, default), "3 x 300"),
            self.row("as it ships, the repeats' losses averaged", averaged(self.tasks), tests),
        ]
        rows += [self.row(f"ours: {kind}", answers, tests) for kind, answers in self.others.items()]
        rows += [self.row(rival.name, self.rivals[rival.name], str(rival.updates)) for rival in RIVALS]
        rows.append(self.where_it_answers(RIVALS[0]))
        return table(["rule", *HEAD, "updates"], rows)

    def where_it_answers(self, rival: Rival) -> list[str]:
        """A rival on the draws on which held-out `consensus` has an answer: it must not win by keeping silent."""
        answers = np.where(np.isnan(self.held_out), np.nan, self.rivals[rival.name])
        return self.row(f"{rival.name}, where consensus answers", answers, str(rival.updates))

    def repeats(self, count: int) -> Floats:
        """Answers from other numbers of repeats."""
        return ours(self.tasks, lambda _: Consensus(), count)

    def verdicts(self) -> str:
        """What `consensus` says where there may be nothing to say."""
        rows = [_verdict_row(case, advice(case, Consensus())) for case in load_verdicts()]
        return table(["case", "verdicts of 8 draws", "worst regret of the rates given"], rows)

    def by(self, name: str, key: Callable[[Measured], str]) -> str:
        """Held-out `consensus`, the default race around it, and the best-known rival, for each value of a key."""
        raced = np.full_like(self.held_out, np.nan)
        raced[self.has_race] = self.won
        sides = {"consensus, held out": self.held_out, "with the default race": raced}
        sides |= {RIVALS[0].name: self.rivals[RIVALS[0].name]}
        rows: list[list[str]] = []
        for value in sorted({key(task) for task in self.tasks}):
            chosen = [i for i, task in enumerate(self.tasks) if key(task) == value]
            for side, answers in sides.items():
                kept = [i for i in chosen if i in self.has_race] if answers is raced else chosen
                if kept:
                    found = figures(regrets([self.tasks[i] for i in kept], answers[kept]))
                    rows.append([value, side, str(len(kept)), *found.cells()])
        return table([name, "rule", "tasks", *HEAD], rows)

    def later_sets(self) -> dict[str, list[int]]:
        """Name of a set -> indices of its tasks among the fresh ones."""
        names = {name: {task.name for task in listed()} for name, listed in SETS.items()}
        return {
            name: [i for i, task in enumerate(self.fresh) if task.task.name in listed] for name, listed in names.items()
        }

    def sets(self) -> str:
        """The default as it ships, the default race around it where races are stored, and the best-known rival, by set."""
        rival = self.fresh_rivals[RIVALS[0].name]
        rows: list[list[str]] = []
        for name, chosen in self.later_sets().items():
            raced = [i for i in chosen if np.isfinite(self.fresh[i].race).any()]
            sides = [("consensus", self.fresh_answers, chosen), (RIVALS[0].name, rival, chosen)]
            sides += [("consensus, on tasks with a race", self.fresh_answers, raced)] if raced else []
            sides += [("with the default race", self.fresh_raced, raced)] if raced else []
            for side, answers, kept in sides:
                found = figures(regrets([self.fresh[i] for i in kept], answers[kept]))
                rows.append([name, side, str(len(kept)), *found.cells()])
        return table(["set", "rule", "tasks", *HEAD], rows)

    def usual(self) -> str:
        """What the pull to the usual rate was worth, by set."""
        sets = {"the first": self.tasks}
        sets |= {name: [self.fresh[i] for i in chosen] for name, chosen in self.later_sets().items()}
        return table(USUAL_HEAD, usual_rows(sets, "unseen"))

    def fresh_rules(self) -> str:
        """The default as it ships, and the rivals, on tasks that nothing was tuned on."""
        raced = [i for i, task in enumerate(self.fresh) if np.isfinite(task.race).any()]
        around = figures(regrets([self.fresh[i] for i in raced], self.fresh_raced[raced]))
        rows = [
            ["consensus as it ships", *figures(regrets(self.fresh, self.fresh_answers)).cells()],
            [f"with the default race, on {len(raced)} tasks", *around.cells()],
        ]
        own = other_rules(self.fresh)
        rows += [[f"ours: {kind}", *figures(regrets(self.fresh, answers)).cells()] for kind, answers in own.items()]
        found = self.fresh_rivals
        rows += [[name, *figures(regrets(self.fresh, answers)).cells()] for name, answers in found.items()]
        return table(["rule", *HEAD], rows)

    @staticmethod
    def failures(tasks: Tasks, answers: Floats, count: int) -> str:
        """The tasks on which some answers do worst."""
        found = regrets(tasks, answers)
        means = np.array([np.nanmean(row) if (~np.isnan(row)).any() else np.nan for row in found])
        missing = np.isnan(found).mean(axis=1)
        order = np.argsort(-(np.nan_to_num(means) + missing))[:count]
        rows = [
            [
                tasks[i].task.name,
                str(tasks[i].task.family.updates),
                "-" if np.isnan(means[i]) else f"{means[i]:.3f}",
                f"{missing[i]:.0%}",
                _rate(float(np.nanmedian(answers[i])) if missing[i] < 1.0 else np.nan),
                _rate(tasks[i].best),
            ]
            for i in order
        ]
        return table(
            ["task", "updates", "mean regret", "no answer", "median suggestion", "best rate of the grid"], rows
        )

    def blocks(self) -> dict[str, str]:
        """Everything that is printed, and written into the pages: name of the block -> Markdown."""
        tables = {
            "rules": self.rules(),
            "neighbours": table(NEIGHBOUR_HEAD, neighbour_rows(self.tasks)),
            "noise": table(NOISE_HEAD, noise_rows()),
            "features": table(FEATURE_HEAD, feature_rows(self.tasks, self.fresh)),
            "optimizers": self.by("optimizer", lambda task: task.task.optimizer),
            "sizes": self.by("weights", size_class),
            "data_sets": self.by("data", lambda task: task.task.family.group),
            "failures": self.failures(self.tasks, self.held_out, 12),
            "races": table(RACE_HEAD, race_report.race_rows(self)),
            "widened": table(RACE_HEAD, race_report.widened_rows(self)),
            "costs": table(RACE_HEAD, race_report.cost_rows(self)),
            "fresh": self.fresh_rules(),
            "intervals": table(
                INTERVAL_HEAD,
                [
                    *interval_rows(self.tasks),
                    *later_rows(self.tasks, self.fresh),
                    *evidence_rows(self.tasks, self.fresh),
                    *race_report.interval_rows(self),
                ],
            ),
            "bounds": table(bounds.HEAD, bounds.bounds_rows(load_cycles())),
            "sets": self.sets(),
            "usual": self.usual(),
            "corrections": table(corrections.HEAD, corrections.correction_rows([*self.tasks, *self.fresh])),
            "later_failures": self.failures(self.fresh, self.fresh_answers, 16),
            "verdicts": self.verdicts(),
            "checked": table(CHECKED_HEAD, case_rows(load_checked())),
            "verdict_races": table(CASE_HEAD, race_report.case_rows()),
        }
        return tables | sentences.blocks(self)


def _verdict_row(case: Measured, answers: Sequence[Suggestion]) -> list[str]:
    counts = Counter(answer.verdict.value for answer in answers)
    given = log_rates(answers)
    known = given[~np.isnan(given)]
    worst = f"{max(case.regret(float(x)) for x in known):.3f}" if known.size else "none given"
    name = next(name for name, task in VERDICT_TASKS.items() if task == case.task)
    return [name, ", ".join(f"{verdict} {count}" for verdict, count in counts.items()), worst]


def size_class(task: Measured) -> str:
    """Which class of model sizes a task is in."""
    return "1: under 1,000" if task.weights < 1_000 else "2: under 10,000" if task.weights < 10_000 else "3: 10,000 on"


def _rate(log_rate: float) -> str:
    return "none" if np.isnan(log_rate) else f"{10.0**log_rate:.2g}"
