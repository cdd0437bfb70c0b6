"""Structured logs: one line an event on standard error, with the job, pack and attempt it belongs to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog

from lrsearch.settings import Settings

CHATTY: Final = (
    "alembic",
    "celery.utils.functional",
    "kombu",
    "amqp",
    "h5py",
    "absl",
    "matplotlib",
    "PIL",
    "httpx2",
    "httpcore2",
)
"""Loggers of libraries whose information lines say nothing about this service."""
OWN_HANDLERS: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "celery", "celery.task")
"""Loggers that bring a format of their own; their lines go through ours instead."""


def configure(settings: Settings, *, process: str) -> None:
    """Send structlog and the standard library's loggers to standard error, in one format.

    Args:
        settings: `log_level` and `log_format`; `auto` writes JSON unless a person's terminal is attached.
        process: what this process is (`api`, `worker`, `reaper`, ...); stands in every line.
    """
    is_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Process(process),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=_last(is_json=is_json))
    )
    _route(handler, settings.log_level.upper())


def _route(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


@contextmanager
def about(**fields: Any) -> Iterator[None]:
    """Put `fields` into every line logged inside, for example `about(job_id=..., pack_id=..., attempt=...)`.

    They hold for the current thread (or async task) alone; a thread started inside binds them anew.
    """
    with structlog.contextvars.bound_contextvars(**fields):
        yield


class _Process:
    """Adds the name and id of the process."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, logger: Any, method: str, event: dict[str, Any]) -> dict[str, Any]:
        event.setdefault("process", self.name)
        # Asked for each line: a prefork child is another process than the one that configured the logs.
        event.setdefault("pid", os.getpid())
        return event


def _last(*, is_json: bool) -> list[Any]:
    tidy = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if is_json:
        return [tidy, structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    return [tidy, structlog.dev.ConsoleRenderer()]
