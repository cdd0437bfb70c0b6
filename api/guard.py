"""Who may talk to a service without keys: programs of this machine, not web pages that a browser here has open."""

from __future__ import annotations

import ipaddress
from typing import Final

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem_response
from lrsearch.errors import Misconfigured, Problem
from lrsearch.settings import Settings

SAFE_METHODS: Final = {"GET", "HEAD", "OPTIONS"}


def is_loopback(host: str) -> bool:
    """Whether the address reaches this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def require_safe_binding(settings: Settings) -> None:
    """Refuse to serve others without keys unless somebody said so aloud.

    Raises:
        Misconfigured: the service is bound beyond loopback and LRSEARCH_AUTH is not none.
    """
    if not is_loopback(settings.host) and settings.auth != "none":
        raise Misconfigured(
            f"LRSEARCH_HOST is {settings.host}, which others can reach, and API keys do not exist in this version. "
            "Bind to 127.0.0.1, or set LRSEARCH_AUTH=none where a firewall or proxy keeps strangers out."
        )


class LocalGuard:
    """Refuses what a foreign web page could make a browser on this machine send.

    A page may rebind its name to 127.0.0.1 (its requests carry that name as Host), or post a form across sites (the
    browser says so in Sec-Fetch-Site). Programs are not affected.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400 to such a request, hand on all others."""
        problem = _problem(scope) if scope["type"] == "http" else None
        if problem is None:
            await self.app(scope, receive, send)
            return
        response = problem_response(
            Request(scope), 400, problem.rule, "Bad Request", problem.message, problems=[("header", problem)]
        )
        await response(scope, receive, send)


def _problem(scope: Scope) -> Problem | None:
    headers = Headers(scope=scope)
    host = _name(headers.get("host", ""))
    if not _is_local_name(host):
        message = f"The Host header names {host!r}; this service answers to localhost only."
        action = "Use http://127.0.0.1 or http://localhost, or bind with LRSEARCH_HOST and LRSEARCH_AUTH=none."
        return Problem("/host", "foreign_host", host, message, action)
    site = headers.get("sec-fetch-site")
    if scope["method"] not in SAFE_METHODS and site == "cross-site":
        message = "A web page of another site sent this request."
        return Problem("/sec-fetch-site", "cross_site", site, message, "Send it from a program or from our own pages.")
    return None


def _name(host: str) -> str:
    """The Host header without its port."""
    return host.split("]", maxsplit=1)[0].lstrip("[") if host.startswith("[") else host.rsplit(":", 1)[0]


def _is_local_name(host: str) -> bool:
    """Rebinding needs a name; a number or localhost cannot be rebound."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return is_loopback(host.lower())
    return True
