"""Suggestion rules: the curve of a range test in, a learning rate out, or the reason why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, get_args

import numpy as np

from lrsearch.curves import Curve
from lrsearch.errors import InvalidDocument, Problem
from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, Verdict, nothing, read
from lrsearch.suggestions.consensus import Consensus
from lrsearch.suggestions.divergence_over_k import DivergenceOverK
from lrsearch.suggestions.minimum_over_10 import MinimumOver10
from lrsearch.suggestions.ranks import SIGNIFICANT_RANKS, ranked
from lrsearch.suggestions.slide import Slide
from lrsearch.suggestions.smith import Smith
from lrsearch.suggestions.steepest import Steepest
from lrsearch.suggestions.valley import Valley
from lrsearch.suggestions.window import Window

RuleName = Literal[
    "consensus", "valley", "steepest", "minimum_over_10", "slide", "window", "smith", "divergence_over_k"
]
"""The kinds of `RULES`, for type checkers and request schemas."""

RULES: Final[Mapping[RuleName, type[SuggestionRule]]] = {
    "consensus": Consensus,
    "valley": Valley,
    "steepest": Steepest,
    "minimum_over_10": MinimumOver10,
    "slide": Slide,
    "window": Window,
    "smith": Smith,
    "divergence_over_k": DivergenceOverK,
}
"""Every suggestion rule by kind; a kind is the name of its file."""


def suggest(curves: Curve | Sequence[Curve], rule: str = "consensus", optimizer: str | None = None) -> Suggestion:
    """Read one range test, or several repeats of it, with a rule.

    lr, min_lr and max_lr are medians in log lr over the repeats that gave a suggestion; `interval` is the range of the
    repeats' own suggestions, None with fewer than two, which `consensus` cuts to where the regret benchmark found good
    rates. Repeats that are each lost in noise are read once more together by `consensus`. The verdict is the one most repeats gave (a tie goes to
    `suggestion`, then to the first seen); without a majority for `suggestion` there is no rate.

    Args:
        curves: one curve or its repeats; losses may be NaN or infinite.
        rule: a kind of `RULES`.
        optimizer: kind of the optimizer that measured the curves; only `consensus` looks at it.

    Returns:
        A suggestion; never an exception for a curve, whatever it holds.

    Raises:
        InvalidDocument: `rule` is not a kind of `RULES`.

    Example:
        >>> from lrsearch.curves import Curve, ramp_rates
        >>> suggest(Curve(ramp_rates(1e-7, 10.0, 100), [2.3] * 100)).verdict.value
        'flat'
    """
    return advise([curves] if isinstance(curves, Curve) else curves, _rule(rule, optimizer))


def read_together(curves: Sequence[Curve]) -> Reading | None:
    """What repeats show as ranks when each of them alone is lost in its noise; None where that is nothing either."""
    curve = ranked(curves)
    reading = None if curve is None else read(curve, SIGNIFICANT_RANKS)
    return reading if isinstance(reading, Reading) else None


def advise(
    curves: Sequence[Curve],
    rule: SuggestionRule,
    together: Callable[[Sequence[Curve]], Reading | None] = read_together,
) -> Suggestion:
    """Read the repeats of one range test with any rule, its constants set as you like; see `suggest`.

    `together` reads repeats as one; a caller that reads the same ones with many rules may remember what it found.
    """
    answers = [rule.read(curve) for curve in curves]
    if not answers:
        return nothing(
            Verdict.TOO_FEW_POINTS, "There is no curve to read: run the range test with at least one repeat."
        )
    if len(answers) == 1:
        return answers[0]
    combined = _combined(answers)
    if combined.verdict is not Verdict.FLAT:
        return _narrowed(combined, rule)
    reading = together(curves) if rule.reads_ranks else None
    return combined if reading is None else _pooled(rule, reading)


def _narrowed(answer: Suggestion, rule: SuggestionRule) -> Suggestion:
    """The interval cut to where the rule's rates are known to be good."""
    if answer.lr is None or answer.interval is None:
        return answer
    step = 10.0 ** min(rule.certain, 300.0)
    low, high = max(answer.interval[0], answer.lr / step), min(answer.interval[1], answer.lr * step)
    return replace(answer, interval=(low, high), level=rule.level_of(answer))


def _pooled(rule: SuggestionRule, reading: Reading) -> Suggestion:
    """What a rule answers to repeats that were read together."""
    answer = rule.choose(reading)
    return replace(answer, depth=None, why=f"The repeats fall only when read together, by ranks. {answer.why}")


def _rule(rule: str, optimizer: str | None) -> SuggestionRule:
    if rule == "consensus":
        return Consensus(optimizer)
    for kind, member in RULES.items():
        if kind == rule:
            return member()
    kinds = ", ".join(get_args(RuleName))
    raise InvalidDocument(
        [Problem("/rule", "known_rule", rule, f"There is no suggestion rule {rule!r}.", f"Use one of {kinds}.")]
    )


def _combined(answers: Sequence[Suggestion]) -> Suggestion:
    """The verdict of most repeats, the median of their rates."""
    given = [answer for answer in answers if answer.lr is not None]
    counts = Counter(answer.verdict for answer in answers)
    verdict = max(counts, key=lambda kind: (counts[kind], kind is Verdict.SUGGESTION))
    first = next(answer for answer in answers if answer.verdict is verdict)
    said = f"{counts[verdict]} of {len(answers)} repeats"
    interval = _range([answer.lr for answer in given])
    if verdict is not Verdict.SUGGESTION:
        return replace(first, why=f"{said}: {first.why}", interval=interval)
    return Suggestion(
        lr=_median([answer.lr for answer in given]),
        min_lr=_median([answer.min_lr for answer in given]),
        max_lr=_median([answer.max_lr for answer in given]),
        verdict=verdict,
        why=f"Median of {said}; the first says: {first.why}",
        interval=interval,
        depth=_depth(answers),
    )


def _depth(answers: Sequence[Suggestion]) -> float | None:
    """Median of the depths; None unless each repeat has one."""
    known = [answer.depth for answer in answers if answer.depth is not None]
    return float(np.median(known)) if len(known) == len(answers) else None


def _range(rates: Sequence[float | None]) -> tuple[float, float] | None:
    known = [rate for rate in rates if rate is not None]
    return (min(known), max(known)) if len(known) > 1 else None


def _median(rates: Sequence[float | None]) -> float | None:
    """Median in log lr of the rates that are known."""
    known = [rate for rate in rates if rate is not None]
    return float(10.0 ** np.median(np.log10(known))) if known else None
