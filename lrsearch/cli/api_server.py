"""Serves the API with uvicorn, on an address or on a socket that the supervisor holds open for it."""

from __future__ import annotations

import os
import socket
import sys

import uvicorn

from lrsearch.log import configure as configure_log
from lrsearch.settings import Settings

APPLICATION = "api.main:create_from_environment"
"""Where uvicorn finds the application; a string, because the command line imports no API."""
GRACE_SECONDS = 2
"""How long open requests (event streams above all) may go on after SIGTERM."""


def serve(settings: Settings, fd: int | None = None, gate: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: `host`, `port`, `log_level`.
        fd: an inherited listening socket to serve on instead.
        gate: an inherited pipe; the first request is taken when its other end was closed: the database is migrated.

    Raises:
        Misconfigured: the application refuses its settings.
    """
    configure_log(settings, process="api")
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=settings.log_level == "debug",
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    config.load()
    if gate is not None:
        os.read(gate, 1)
    server = uvicorn.Server(config)
    # Not uvicorn's own --fd: it takes the socket for a Unix one, and answers over TCP then wait for Nagle's algorithm.
    server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])
    if not server.started:
        sys.exit(1)
