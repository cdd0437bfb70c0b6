"""How the service is."""

from __future__ import annotations

from api.schemas.base import Read


class Liveness(Read):
    """The process answers."""

    status: str
    version: str


class Readiness(Read):
    """Jobs can be accepted; whether workers run them stands in `workers`."""

    status: str
    checks: dict[str, bool]
    workers: dict[str, int]
    """How many workers are in which state."""
