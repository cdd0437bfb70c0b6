"""Which plans share one compiled program although they differ: by what their updates cost beside compiling one."""

from __future__ import annotations

from lrsearch.training.keras.compiled.stacking import Traits
from lrsearch.training.plan import Plan

WIDTHS = (16, 64, 256)
"""Samples that batches of shared programs are padded to."""
LARGEST_OWN = 8
"""Batches up to this size have programs of their own: beside their updates the padding would weigh."""
MOST_WORK = 2**17
"""Samples of a padded batch times weights up to which padding costs little: some 20 us an update on a core."""
MOST_UPDATES = 12_000
"""Updates of a run from which a program of its own is worth its compiling, some 0.7 s."""


def shared_width(plan: Plan, traits: Traits) -> int | None:
    """Samples to which the plan's batches are padded in a program that plans of other sizes share; None: it has its own.

    A plan that goes on from a checkpoint keeps what the checkpoint names. By plan and model alone, so that the same plan
    has the same program everywhere.
    """
    width = next((width for width in WIDTHS if width >= plan.batch_size), None)
    if width is None or not traits.takes_padding or width * traits.weights > MOST_WORK:
        return None
    if plan.resume_from is not None:
        return width if plan.resume_from.facts.get("shares_program") else None
    return width if plan.batch_size > LARGEST_OWN and plan.steps < MOST_UPDATES else None
