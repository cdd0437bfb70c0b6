"""Whether a run is compiled by XLA: decided by device, model and length of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Device = Literal["cpu", "gpu"]

FEWEST_UPDATES = 400
"""Updates of runs alike from which compiling is worth it: some 0.5 s more than tracing, once, and 0.1 ms less an update."""


@dataclass(frozen=True, slots=True)
class XlaChoice:
    """Whether XLA is used, and the reason in one sentence."""

    is_on: bool
    reason: str


def choose_xla(
    device: Device, has_convolutions: bool, updates: int, *, is_stack: bool = False, asked: bool | None = None
) -> XlaChoice:
    """Decide about XLA; the answer does not depend on what is compiled already, since XLA changes the last bits.

    Args:
        device: where the run takes place.
        has_convolutions: whether the model has convolutions; inside a loop XLA's are 100 times slower on a CPU.
        updates: of all runs alike that are to be trained: they share what is compiled.
        is_stack: whether several members run as one; without XLA their last bits would depend on their places.
        asked: what the plan asks for, None to leave it to the rule.

    Example:
        >>> choose_xla("cpu", True, 10_000).is_on
        False
        >>> choose_xla("cpu", False, 1_000).is_on
        True
    """
    if asked is not None:
        return XlaChoice(asked, f"the plan asks for XLA {'on' if asked else 'off'}")
    if device == "cpu" and has_convolutions:
        return XlaChoice(False, "the model has convolutions, which XLA slows down 100 times on a CPU")
    if is_stack:
        return XlaChoice(True, "a stack: with XLA a member's bits do not depend on its place")
    if updates < FEWEST_UPDATES:
        return XlaChoice(False, f"{updates} updates are too few to repay compiling (fewer than {FEWEST_UPDATES})")
    place = "a GPU" if device == "gpu" else "a CPU without convolutions"
    return XlaChoice(True, f"{updates} updates on {place} repay compiling")
