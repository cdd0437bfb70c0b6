"""The sentences of docs/advice.md and README.md that have figures in them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import distances, race_sentences
from benchmarks.regret.ablations import answered, any_repeat, later
from benchmarks.regret.checked import CASES, kept
from benchmarks.regret.evaluate import DRAWS, REPEATS, Figures, advice, curves_of, summed
from benchmarks.regret.further_seeds import first_alone
from benchmarks.regret.intervals import GOOD
from benchmarks.regret.measure import TRUTH_SEEDS
from benchmarks.regret.race_report import default_races, share_held
from benchmarks.regret.race_sentences import met
from benchmarks.regret.rivals import RIVALS
from benchmarks.regret.store import load_checked, load_cycles, load_verdicts
from benchmarks.regret.truth import Measured
from lrsearch.experiments.confirmation import CERTAIN
from lrsearch.experiments.held_out_check import LEAST_GAIN
from lrsearch.suggestions.consensus import Consensus

if TYPE_CHECKING:
    from benchmarks.regret.report import Report

Floats = NDArray[np.float64]

FOUR = ("median", "mean", "p90", "worst_task")
"""The figures a rule must win by."""
WIDTH = 124
"""Columns of a line of the pages."""
AGREE = 0.1
"""Repeats agree when their suggestions lie within so many decades."""


def blocks(report: Report) -> dict[str, str]:
    """Name of the block -> sentences, in lines of the pages' width."""
    said = {
        "floor": _floor(report.raced),
        "tasks": _tasks(report.tasks),
        "rules_said": _rules_said(report),
        "later_said": _later_said(report),
        "silent_said": _silent_said(report),
        "fresh_said": _fresh_said(report),
        "intervals_said": _intervals_said(report),
        **race_sentences.sentences(report),
        "bounds_said": f"On {len(load_cycles())} tasks, {DRAWS} draws each.",
        "distances_said": distances.said(report.tasks, load_cycles()),
        "verdicts_said": _verdicts_said(report),
        "checked_said": _checked_said([*report.tasks, *report.fresh]),
    }
    return {"summary": _summary(report)} | {name: _wrapped(text) for name, text in said.items()}


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _summary(report: Report) -> str:
    here, there = summed(report.tasks, report.held_out), summed(report.tasks, report.rivals[RIVALS[0].name])
    fresh = summed(report.fresh, report.fresh_answers)
    fresh_there = summed(report.fresh, report.fresh_rivals[RIVALS[0].name])
    raced = summed(report.fresh, report.fresh_raced)
    text = (
        f"- **Advice that was measured.** On {len(report.tasks)} tasks the suggested rate loses {_percent(here.mean)} of the "
        f"achievable improvement on average (held out by data set; {RIVALS[0].name} {_percent(there.mean)}), on "
        f'{len(report.fresh)} later, harder ones {_percent(fresh.mean)} ({_percent(fresh_there.mean)}), with `"confirm": true` '
        f"{_percent(raced.mean)}. [The evidence, and where it fails](docs/advice.md)."
    )
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def _floor(raced: Sequence[Measured]) -> str:
    """The regret of the best of all rates, found with other seeds: what the noise of the measurement alone costs."""
    best = [int(np.argmin(np.nan_to_num(task.race[-1].mean(axis=1), posinf=1e9))) for task in raced]
    all_, few = (
        [task.regret(float(task.race_rates[place])) for task, place in zip(judges, best, strict=True)]
        for judges in (raced, [first_alone(task) for task in raced])
    )
    fewest, most = (choose(len(task.race_rates) for task in raced) for choose in (min, max))
    return (
        f'"Best" is the best of {fewest} to {most} noisy means, so that a small regret is partly noise: the best rate found with three *other* '
        f"seeds on all those rates has itself a median regret of {np.median(all_):.3f} (mean {np.mean(all_):.3f}). Judged by the first "
        f"{len(TRUTH_SEEDS)} seeds alone that is {np.median(few):.3f} ({np.mean(few):.3f})."
    )


def _tasks(tasks: Sequence[Measured]) -> str:
    families = {task.task.family.name: task.task.family for task in tasks}
    updates = sorted(task.task.family.updates for task in tasks)
    batches = sorted(family.batch_size for family in families.values())
    groups = {family.group for family in families.values()}
    return (
        f"{len(tasks)} tasks: {len(families)} models on {len(groups)} data sets, batches of {batches[0]} to {batches[-1]}, "
        f"{len({task.task.optimizer for task in tasks})} optimizers, {updates[0]} to {updates[-1]} updates."
    )


def _rules_said(report: Report) -> str:
    """Whether the default beats every rival by every figure, said as it is."""
    mine = summed(report.tasks, report.held_out)
    lost = {name: _not_beaten(mine, summed(report.tasks, answers)) for name, answers in report.rivals.items()}
    own = {kind: _not_beaten(mine, summed(report.tasks, answers)) for kind, answers in report.others.items()}
    best = summed(report.tasks, report.rivals[RIVALS[0].name])
    goals = [
        f"mean 0.04: {met(mine.mean <= 0.04)}",
        f"p90 0.10: {met(mine.p90 <= 0.10)}",
        f"worst 0.25: {met(mine.worst_task <= 0.25)}",
    ]
    return (
        f"{_beats('other tool', lost)} {_beats('other rule of ours', own)} Counting no answer as 1, the mean is "
        f"{mine.mean_with_failures:.3f} against {best.mean_with_failures:.3f} of {RIVALS[0].name}; the last line compares with it on the "
        f"same draws only. The goals, on tasks: {', '.join(goals)}."
    )


def _not_beaten(mine: Figures, other: Figures) -> list[str]:
    return [name.replace("_", " ") for name in FOUR if getattr(other, name) <= getattr(mine, name)]


def _beats(noun: str, lost: dict[str, list[str]]) -> str:
    """A sentence that names every figure by which something is at least as good."""
    told = "; ".join(f"{name} ({', '.join(names)})" for name, names in lost.items() if names)
    every = f"Better than every {noun} by all four of median, mean, p90 and worst task, over the answers given"
    return f"{every}." if not told else f"{every}, but for {told}."


def _later_said(report: Report) -> str:
    chosen = later(report.tasks)
    kept = [report.tasks[i] for i in chosen]
    mine, best = summed(kept, report.held_out[chosen]), summed(kept, report.rivals[RIVALS[0].name][chosen])
    return (
        f"On the {len(kept)} tasks measured afterwards, with other optimizers on the same models and data, it has {_told(mine)} "
        f"({RIVALS[0].name}: {_told(best)})."
    )


def _told(found: Figures) -> str:
    return f"median {found.median:.3f}, mean {found.mean:.3f}, p90 {found.p90:.3f}, worst task {found.worst_task:.3f}"


def _silent_said(report: Report) -> str:
    silent, rival = np.isnan(report.held_out), np.isnan(report.rivals[RIVALS[0].name])
    return (
        f"It does not always answer: {int(silent.sum())} of the {silent.size} draws have no rate ({RIVALS[0].name}: {int(rival.sum())} "
        f"of {rival.size}); such a draw counts as 1 in the last but one column. With {DRAWS} repeats "
        f"{int(np.isnan(report.repeats(DRAWS)).sum())} draws have none. The price is a rate on pure noise now and then:"
    )


def _fresh_said(report: Report) -> str:
    mine, raced = summed(report.fresh, report.fresh_answers), summed(report.fresh, report.fresh_raced)
    held = summed(report.tasks, report.held_out)
    lost = {name: _not_beaten(mine, summed(report.fresh, answers)) for name, answers in report.fresh_rivals.items()}
    kept = [i for i, task in enumerate(report.fresh) if task.can_be_learned]
    learnable = summed([report.fresh[i] for i in kept], report.fresh_answers[kept])
    return (
        f"On data it never saw the rule has {mine.mean / held.mean:.1f} times the mean that held-out data sets promised. "
        f"{_beats('other tool', lost)} The goals of 0.04, 0.10 and 0.25: mean {met(mine.mean <= 0.04)}, p90 {met(mine.p90 <= 0.10)}, "
        f"worst task {met(mine.worst_task <= 0.25)}. With the race, where one is stored: {_told(raced)}. On {len(report.fresh) - len(kept)} of the tasks no rate "
        f"gets the loss more than {LEAST_GAIN:.0%} below that of a vanishing rate, so that their regret is noise; without them the rule has "
        f"{_told(learnable)}."
    )


def _intervals_said(report: Report) -> str:
    three = [found for task in report.tasks for draw in range(DRAWS) if (found := _three(task, draw)) is not None]
    agreeing = [is_good for is_good, spread in three if spread <= AGREE]
    raced, _ = report.all_raced
    return (
        f"`consensus` reports the repeats' range cut to {Consensus.certain:g} decades to either side, and its level (`level`) with it: "
        f"{Consensus.sure_level:g} where the evidence is strong, {Consensus.level:g} elsewhere; after a race the interval is {CERTAIN:g} "
        f"decades to either side of the winner, level {share_held(raced, default_races(raced, report.all_shipped)):.2f} with the default race. The levels are those on all "
        f"{len(report.tasks) + len(report.fresh)} tasks, after a race on the {len(raced)} that have one. That the repeats agree says little by "
        f"itself: where they do to a tenth of a decade, {np.mean(agreeing):.0%} of the suggestions on the first tasks have a regret under "
        f"{GOOD:g}, against {np.mean([good for good, _ in three]):.0%} of all {len(three)} of which each repeat has one."
    )


def _three(task: Measured, draw: int) -> tuple[bool, float] | None:
    """Whether the median of the repeats' own suggestions is good, and how far they lie apart; None unless each has one."""
    answers = [Consensus().read(curves_of(task)[(draw + i) % DRAWS]).lr for i in range(REPEATS)]
    rates = [float(np.log10(lr)) for lr in answers if lr is not None]
    return None if len(rates) < REPEATS else (task.regret(float(np.median(rates))) < GOOD, float(np.ptp(rates)))


def _verdicts_said(report: Report) -> str:
    noise = [case for case in load_verdicts() if case.task.family.data.endswith("_noise")][:2]
    ours_now = [advice(task, Consensus()) for task in report.tasks]
    more = answered([any_repeat(task) for task in report.tasks]) - answered(ours_now)
    now, then = answered([advice(case, Consensus()) for case in noise]), answered([any_repeat(case) for case in noise])
    return (
        f"Giving a rate whenever any one repeat has one would answer {more} more draws of the benchmark, and "
        f"{then} of {DRAWS * len(noise)} on the first two cases of noise instead of {now}: not done."
    )


def _checked_said(tasks: Sequence[Measured]) -> str:
    """What the check costs where there is something to learn, and what the rates it refuses were worth."""
    stays, lost = kept(load_checked(), tasks)
    return (
        f"On the {sum(one.name not in CASES for one in load_checked())} dense tasks (the first, the fresh and the harder ones) of which a "
        f"ramp sees samples more than once, {len(lost)} of {len(stays) + len(lost)} rates are refused. The refused ones have a mean regret of "
        f"{np.mean(lost):.3f}, those that stay {np.mean(stays):.3f}."
    )
