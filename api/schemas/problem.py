"""What the API answers when something is wrong: RFC 9457."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.base import Read


class ProblemEntry(Read):
    """One thing that is wrong with a request."""

    in_: Annotated[str, Field(alias="in")]
    """Where: body, path, query or header."""
    pointer: str
    """JSON pointer (RFC 6901) to the field; empty for the whole document."""
    rule: str
    """Machine-readable name of the broken rule."""
    value: Any
    """The value received, made safe and cut to a readable length."""
    message: str
    """What is wrong."""
    action: str
    """What to do next."""


class Problem(Read):
    """An RFC 9457 problem document; `errors` names everything that is wrong, together."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    """Stable machine-readable name of the kind of problem."""
    errors: list[ProblemEntry]
    errors_left_out: int = 0
    """How many more errors there are than are listed."""
    error_id: str = ""
    """Of an internal error: the id under which the service's log has the reason."""
