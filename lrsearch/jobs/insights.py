"""The verb of the memory: which suggestion rule held, by what trainings of the same task ended with."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from lrsearch.db import Database
from lrsearch.db.repository import insight_rows
from lrsearch.experiments.confirmation import RULE as RACE
from lrsearch.experiments.outcomes import CONSTANT, Advice, Outcome
from lrsearch.experiments.regret import Evidence, Held, evidence, held

Trained = Literal["constant", "scheduled"]
"""At one rate for the whole run, or with a rate that moves: its greatest one is compared then."""
_Found = list[tuple[str, Outcome]]


@dataclass(frozen=True, slots=True)
class RuleView:
    """How a rule held on the tasks of one optimizer and model, or of all.

    Attributes:
        rule: its name; `race` is judged by trainings of other jobs alone.
        optimizer, model: names; None for all.
        answers: answers stored.
        without_rate: those whose verdict is no suggestion.
        without_evidence: those with a rate near which nothing was trained, or whose task's best rate is not known.
        judged: those with a regret.
        held: the regrets summed up, one vote a task.
        worst_job_id: the job with the answer of greatest regret.
    """

    rule: str
    optimizer: str | None
    model: str | None
    answers: int
    without_rate: int
    without_evidence: int
    judged: int
    held: Held
    worst_job_id: str | None


@dataclass(frozen=True, slots=True)
class RuleInsights:
    """How the rules held: over everything the filters leave, and by optimizer and model.

    Attributes:
        outcomes: trainings that the regrets were taken from.
    """

    rules: list[RuleView]
    groups: list[RuleView]
    outcomes: int


def rule_insights(
    db: Database,
    *,
    model: str | None = None,
    data: str | None = None,
    optimizer: str | None = None,
    rule: str | None = None,
    metric: str = "loss",
    trained: Trained = "constant",
) -> RuleInsights:
    """Every rule's answers to range tests, and their regrets by the outcomes of the same tasks.

    An answer's regret is the mean over the lengths and yardsticks that have evidence (`lrsearch.experiments.regret`).

    Args:
        db: the database.
        model: only answers for this model.
        data: only those for this data set.
        optimizer: only those for this optimizer.
        rule: only those of this rule; `race` is that of a race.
        metric: what the rules read.
        trained: which outcomes judge: trainings at a constant rate, or those under a schedule.
    """
    with db.session() as session:
        answers = insight_rows.advice(session, model=model, data=data, optimizer=optimizer, rule=rule, metric=metric)
        tasks = sorted({one.task for _, one in answers if one.lr is not None})
        found = insight_rows.outcomes(session, tasks)
    kept = {
        task: [pair for pair in pairs if (pair[1].shape == CONSTANT) is (trained == "constant")]
        for task, pairs in found.items()
    }
    judged = [
        _Judged(job_id, one, regret) for (job_id, one), regret in zip(answers, _regrets(answers, kept), strict=True)
    ]
    return RuleInsights(
        rules=_views(judged, lambda one: (one.advice.rule, None, None)),
        groups=_views(judged, lambda one: (one.advice.rule, one.advice.optimizer, one.advice.model)),
        outcomes=sum(map(len, kept.values())),
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    job_id: str
    advice: Advice
    regret: float | None


def _regrets(answers: Sequence[tuple[str, Advice]], found: dict[str, _Found]) -> Iterable[float | None]:
    """The regret of each answer, None where there is no evidence."""

    @cache
    def groups(task: str, left_out: str | None) -> list[Evidence]:
        return _evidence(found.get(task, []), left_out)

    for job_id, one in answers:
        lr = one.lr
        if lr is None:
            yield None
            continue
        # the race chose its winner by the very outcomes of its job
        own = job_id if one.rule == RACE else None
        known = [regret for group in groups(one.task, own) if (regret := group.regret(lr)) is not None]
        yield statistics.fmean(known) if known else None


def _evidence(pairs: _Found, left_out: str | None) -> list[Evidence]:
    """What the outcomes of a task say, for each set of those that can be compared; without a job, and reruns of its runs."""
    own = {(outcome.lr, outcome.seed) for job_id, outcome in pairs if job_id == left_out}
    comparable: dict[tuple[str, str, int], list[Outcome]] = defaultdict(list)
    for _, outcome in pairs:
        if (outcome.lr, outcome.seed) not in own:
            comparable[outcome.yardstick, outcome.shape, outcome.updates].append(outcome)
    return [said for outcomes in comparable.values() if (said := evidence(outcomes)) is not None]


_Key = tuple[str, str | None, str | None]


def _views(judged: Sequence[_Judged], key: Callable[[_Judged], _Key]) -> list[RuleView]:
    """A view for each key: optimizer and model in order, within them the rule with the least median first."""
    groups: dict[_Key, list[_Judged]] = defaultdict(list)
    for one in judged:
        groups[key(one)].append(one)
    views = [_view(name, members) for name, members in groups.items()]
    return sorted(views, key=lambda view: (view.optimizer or "", view.model or "", *_rank(view)))


def _rank(view: RuleView) -> tuple[float, str]:
    return (2.0 if view.held.median is None else view.held.median), view.rule


def _view(key: _Key, members: Sequence[_Judged]) -> RuleView:
    by_task: dict[str, list[float]] = defaultdict(list)
    for one in members:
        if one.regret is not None:
            by_task[one.advice.task].append(one.regret)
    known = [one for one in members if one.regret is not None]
    silent = sum(one.advice.lr is None for one in members)
    return RuleView(
        rule=key[0],
        optimizer=key[1],
        model=key[2],
        answers=len(members),
        without_rate=silent,
        without_evidence=len(members) - silent - len(known),
        judged=len(known),
        held=held([statistics.fmean(regrets) for regrets in by_task.values()]),
        worst_job_id=max(known, key=lambda one: one.regret or 0.0).job_id if known else None,
    )
