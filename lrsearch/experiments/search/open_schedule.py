"""A schedule that the document fixes but for its greatest rate, which the search draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from pydantic import ConfigDict, Discriminator, Tag

from lrsearch.experiments.search.ranges import is_object
from lrsearch.schedules import SCHEDULES, AnySchedule
from lrsearch.spec import Spec

PEAKS: Final[Mapping[str, str]] = {
    kind.model_fields["kind"].default: next(name for name in ("max_lr", "lr", "start_lr") if name in kind.model_fields)
    for kind in SCHEDULES
    if {"max_lr", "lr", "start_lr"} & set(kind.model_fields) and "schedule" not in kind.model_fields
}
"""Schedule kind -> its field that holds the greatest rate."""


class OpenSchedule(Spec):
    """A schedule without its greatest rate: the searched `/optimizer/learning_rate` is it.

    Its other fields are those of its kind; they are checked with the rates at the corners of the space.
    """

    model_config = ConfigDict(extra="allow")

    kind: str
    """Any kind of a schedule that names its greatest rate, or `warmup` around one."""


def innermost(schedule: dict[str, Any]) -> dict[str, Any]:
    """The schedule that others are wrapped around."""
    while is_object(schedule.get("schedule")):
        schedule = schedule["schedule"]
    return schedule


def peak_pointer(schedule: dict[str, Any]) -> str | None:
    """Where the greatest rate stands in a document with this schedule; None for a kind that has no such field.

    Example:
        >>> peak_pointer({"kind": "warmup", "schedule": {"kind": "cosine"}, "warmup_steps": 10})
        '/schedule/schedule/max_lr'
    """
    at = "/schedule"
    while is_object(schedule.get("schedule")):
        schedule, at = schedule["schedule"], f"{at}/schedule"
    peak = PEAKS.get(str(schedule.get("kind")))
    return None if peak is None else f"{at}/{peak}"


def missing_peak(schedule: dict[str, Any]) -> str | None:
    """The field of the greatest rate where it is left out; None where it is there, or the kind has no such field.

    Example:
        >>> missing_peak({"kind": "warmup", "schedule": {"kind": "cosine"}, "warmup_steps": 10})
        'max_lr'
    """
    inner = innermost(schedule)
    peak = PEAKS.get(str(inner.get("kind")))
    return peak if peak is not None and inner.get(peak) is None else None


_WHOLE: Final = "a whole schedule"
_OPEN: Final = "a schedule without its greatest rate"


def _standing(value: Any) -> str:
    is_open = isinstance(value, OpenSchedule) or (is_object(value) and missing_peak(value) is not None)
    return _OPEN if is_open else _WHOLE


FixedSchedule: TypeAlias = Annotated[
    Annotated[AnySchedule, Tag(_WHOLE)] | Annotated[OpenSchedule, Tag(_OPEN)], Discriminator(_standing)
]
"""A schedule that all settings of a search share, with or without its greatest rate."""
