"""Two ends of a range: what must hold of them."""

from __future__ import annotations

from lrsearch.spec import broken


def check_ends(low: float | None, high: float | None, *, is_log: bool, otherwise: str) -> None:
    """Refuse ends that do not rise, and a logarithm of what is not positive; an end that is left out is no fault.

    Args:
        low: least value.
        high: greatest value.
        is_log: whether ratios count, not differences.
        otherwise: what to set, in the words of the document, so that differences count.

    Raises:
        ValueError: by `lrsearch.spec.broken`, at the field `low`.
    """
    if low is not None and high is not None and low >= high:
        raise broken("low", "below_high", f"low is {low:g} and high is {high:g}.", "Set low below high.")
    if is_log and low is not None and low <= 0:
        message = f"low is {low:g}; a logarithmic range has no place for it."
        raise broken("low", "above_zero_for_log", message, f"Set low above 0, or {otherwise}.")
