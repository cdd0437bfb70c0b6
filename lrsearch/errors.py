"""What can go wrong, as values (`Problem`) and as exceptions that carry them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document, and what to do about it.

    Attributes:
        pointer: RFC 6901 JSON pointer to the offending field, "" for the whole document.
        rule: short machine name of the broken rule, for example `greater_than`.
        value: the value received; made JSON-safe when it is shown, not here.
        message: one sentence a person understands without the source code.
        action: one sentence that says what to do next.
    """

    pointer: str
    rule: str
    value: Any
    message: str
    action: str

    def moved(self, to: str, *, of: str = "") -> Problem:
        """The same problem of the document that this one's is a part of: `of` at its pointer's beginning becomes `to`.

        A problem of another part stays as it is.

        Example:
            >>> Problem("/schedule/max_lr", "missing", None, "", "").moved("/schedules/2", of="/schedule").pointer
            '/schedules/2/max_lr'
        """
        if not f"{self.pointer}/".startswith(f"{of}/"):
            return self
        return replace(self, pointer=to + self.pointer.removeprefix(of))


class LrsearchError(Exception):
    """Base of every error this package raises on purpose.

    `code` is stable and machine-readable; the one place that maps it to HTTP is `api/errors.py`.
    """

    code = "error"


class InvalidDocument(LrsearchError):
    """A document was refused; `problems` names everything that is wrong with it, together."""

    code = "invalid_document"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{p.pointer or '/'}: {p.message}" for p in problems))

    def below(self, pointer: str) -> list[Problem]:
        """The problems of a part of a document that stands at `pointer`, pointing from the document's root."""
        return [problem.moved(pointer) for problem in self.problems]


class NotFound(LrsearchError):
    """The thing asked for does not exist (or was deleted)."""

    code = "not_found"


class Conflict(LrsearchError):
    """The thing exists, and its state does not allow what was asked."""

    code = "conflict"


class Unavailable(LrsearchError):
    """A server this process depends on is away for now; trying again later is right."""

    code = "unavailable"


class DataUnavailable(LrsearchError):
    """A data set is neither on this machine nor may or can be downloaded."""

    code = "data_unavailable"


class LostLease(LrsearchError):
    """A worker wrote with an attempt token that is no longer valid: it was declared dead, its write is refused."""

    code = "lost_lease"


class Misconfigured(LrsearchError):
    """The settings cannot work; the message names the setting and the remedy. Commands exit with code 2."""

    code = "misconfigured"
