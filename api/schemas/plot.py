"""The figures of a result."""

from __future__ import annotations

from api.schemas.base import Read


class Plot(Read):
    """A figure of a result and where its renderings are."""

    name: str
    title: str
    links: dict[str, str]


class PlotList(Read):
    """The figures of a job."""

    items: list[Plot]
