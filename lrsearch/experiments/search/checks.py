"""What may be wrong with a search beyond single fields: everything together, each with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lrsearch.errors import Problem
from lrsearch.experiments.grid import VARIABLE
from lrsearch.experiments.pointers import parts_of
from lrsearch.experiments.search.objective import Objective
from lrsearch.experiments.search.open_schedule import OpenSchedule, innermost, peak_pointer
from lrsearch.experiments.search.pruners import Wilcoxon
from lrsearch.experiments.search.ranges import FloatRange, is_object
from lrsearch.experiments.search.settings import RATE, is_rate
from lrsearch.experiments.sweep import MOST_TRIALS
from lrsearch.experiments.training import Training
from lrsearch.spec import escape

if TYPE_CHECKING:
    from lrsearch.experiments.search.document import Search


def problems_of(search: Search, of_space: list[Problem]) -> list[Problem]:
    """Everything that is wrong with the fields of the space, its ends, the sampler, the pruner, the objective, the size.

    Args:
        search: the document.
        of_space: what reading its space found.
    """
    found = [*of_space, *_field_problems(search), *_bound_problems(search)]
    if not found:
        found += search.checked[1]
    found += search.sampler.problems(search.search_space, len(search.objectives))
    found += _objective_problems(search) + _pruner_problems(search)
    if not any(one.pointer.startswith("/space") for one in found):
        found += _limit_problems(search)
    return list({(one.pointer, one.rule): one for one in found}.values())


def _field_problems(search: Search) -> list[Problem]:
    """Fields that may not be searched, or that the document fixes as well."""
    found: list[Problem] = []
    for pointer in search.space:
        place, root = f"/space/{escape(pointer)}", parts_of(pointer)[0]
        if root in Training.model_fields | {"schema": None} and root not in VARIABLE:
            message = f"{pointer} cannot be searched: runs that differ in it are not comparable."
            action = f"Search something below {', '.join(VARIABLE)}."
            found.append(Problem(place, "not_varied", pointer, message, action))
        elif (value := _fixed(search, pointer)) is not None:
            message = f"{pointer} is in the space and has a value in the document."
            found.append(Problem(pointer, "fixed_elsewhere", value, message, f"Remove it, or {pointer} from space."))
    for name in ("batch_size", "optimizer"):
        if getattr(search, name) is None and f"/{name}" not in search.space:
            message = f"{name} is neither in the document nor in the space."
            found.append(Problem(f"/{name}", "missing", None, message, f"Add {name} to one of them."))
    return found + _peak_problems(search)


def _peak_problems(search: Search) -> list[Problem]:
    """A fixed schedule whose greatest rate nobody gives, or the document and the searched rate both."""
    schedule = None if search.schedule is None else search.schedule.model_dump(mode="json")
    pointer = None if schedule is None else peak_pointer(schedule)
    if schedule is None or pointer is None:
        return []
    peak = parts_of(pointer)[-1]
    rates = {one.place for one in search.search_space.everything() if one.place in {RATE, pointer}}
    if not isinstance(search.schedule, OpenSchedule):
        if RATE not in rates:
            return []
        message = f"The schedule has {peak}, and the searched {RATE} would be it."
        action = f"Remove {peak} from the schedule, or search {pointer} instead of {RATE}."
        return [Problem(pointer, "fixed_elsewhere", innermost(schedule)[peak], message, action)]
    if rates or (search.optimizer is not None and search.optimizer.learning_rate is not None):
        return []
    message = f"The schedule has no {peak}, and no learning rate is searched that could be it."
    action = f"Add {peak} to the schedule, or {RATE} to the space."
    return [Problem(pointer, "missing", None, message, action)]


def _fixed(search: Search, pointer: str) -> Any:
    """The value that the document has at a pointer of the space though it might leave it out; None where it has none.

    A field that the document cannot leave out, as the max_lr of a schedule, may be in both: the space's value counts.
    """
    *above, last = parts_of(pointer)
    given = _below(search.model_dump(mode="json", exclude_defaults=True), above)
    if given is None or given.get(last) is None:
        return None
    document = search.model_dump(mode="json", by_alias=True)
    (_below(document, above) or {}).pop(last, None)
    try:
        without = type(search).model_validate(document)
    except ValidationError:
        return None
    opened = isinstance(without.schedule, OpenSchedule) and not isinstance(search.schedule, OpenSchedule)
    return None if opened else given[last]


def _below(place: Any, parts: Sequence[str]) -> dict[str, Any] | None:
    """The object that names lead to."""
    for part in parts:
        place = place.get(part) if is_object(place) else None
    return place if is_object(place) else None


def _bound_problems(search: Search) -> list[Problem]:
    """Ranges without ends that no prior gives."""
    found: list[Problem] = []
    for one in search.search_space.everything():
        if not isinstance(one.range, FloatRange) or (search.prior is not None and is_rate(one)):
            continue
        for end in ("low", "high"):
            if getattr(one.range, end) is None:
                message = f"{one.name} has no {end}."
                action = f'Add {end}; only a learning rate may leave it out, with "prior": "range_test".'
                found.append(Problem(f"{one.pointer}/{end}", "missing", None, message, action))
    if search.prior is not None and not any(is_rate(one) for one in search.search_space.everything()):
        message = "The prior bounds a learning rate, and the space has none."
        action = f"Add {RATE} to the space, or leave out prior."
        found.append(Problem("/prior", "needs_a_rate", search.prior, message, action))
    return found


def _objective_problems(search: Search) -> list[Problem]:
    """Metrics that are not measured, or not at epochs' ends where the objective reads them there."""
    found: list[Problem] = []
    for index, one in enumerate(search.objectives):
        pointer = "/objective" if isinstance(search.objective, Objective) else f"/objective/{index}"
        names = search.produced()
        if one.metric not in names:
            message = f"A run of this document does not measure {one.metric!r}."
            found.append(
                Problem(f"{pointer}/metric", "not_measured", one.metric, message, f"Use one of {', '.join(names)}.")
            )
        elif one.at != "end" and one.metric.startswith("test_"):
            message = f"{one.metric} is measured once, at the end, so it has no {one.at}."
            found.append(
                Problem(f"{pointer}/at", "measured_once", one.at, message, 'Use "end", or a metric of every epoch.')
            )
    if len(search.objectives) == 2 and search.objectives[0].name == search.objectives[1].name:
        message = f"Both objectives are {search.objectives[0].name}."
        found.append(Problem("/objective/1", "repeated_value", None, message, "Give another one."))
    return found


def _pruner_problems(search: Search) -> list[Problem]:
    """A pruner without anything to judge by."""
    kind = search.pruner.kind
    if kind == "none":
        return []
    if len(search.objectives) == 2:
        message = f"{kind} compares one number, and there are two objectives."
        return [Problem("/pruner/kind", "one_objective", kind, message, 'Use {"kind": "none"}.')]
    why = _nothing_to_judge(search)
    if why is None:
        return []
    message, remedy = why
    action = f'Use {{"kind": "none"}}, or {remedy}.'
    return [Problem("/pruner/kind", "no_intermediate_values", kind, message, action)]


def _nothing_to_judge(search: Search) -> tuple[str, str] | None:
    """Why the pruner sees nothing before a setting's end, and what would help."""
    kind, metric = search.pruner.kind, search.objectives[0].metric
    if isinstance(search.pruner, Wilcoxon):
        if search.seeds > search.pruner.startup_seeds:
            return None
        return f"{kind} compares settings seed by seed; seeds is {search.seeds}.", "more seeds than its startup_seeds"
    if metric.startswith("test_"):
        return f"{metric} is measured once, at the end: there is nothing to prune by.", "a metric of every epoch"
    if search.checked[0] and search.most_epochs < 2:
        return f"No run has two epochs, so {kind} has nothing to judge by before the end.", "train for at least two"
    return None


def _limit_problems(search: Search) -> list[Problem]:
    """More trials than the document's limit, or than any job may have; a limit too low for a single setting."""
    limit = min(search.limits.trials or MOST_TRIALS, MOST_TRIALS)
    if search.first + search.seeds > limit:
        least = search.first + search.seeds
        message = f"One setting takes {least} trials, with the prior's range tests; the limit is {limit}."
        return [Problem("/limits/trials", "too_many_trials", limit, message, f"Raise it to at least {least}.")]
    if search.budget.trials is None or search.trials <= limit:
        return []
    message = f"{search.settings} settings with {search.seeds} seeds are {search.trials} trials; the limit is {limit}."
    return [Problem("/budget/trials", "too_many_trials", search.budget.trials, message, "Lower it, or the seeds.")]
