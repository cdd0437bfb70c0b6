"""optuna-dashboard at /optuna: the searches' studies, live, to look at. Loaded on the first visit; changes nothing.

The dashboard is written for the root of a server. Its page and its script name a few addresses of their own, and those
are put below /optuna here.
"""

from __future__ import annotations

import gzip
import importlib.resources
import sys
import threading
from functools import cache
from typing import Any, Final

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import problem_response
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, Problem, Unavailable

PREFIX: Final = "/optuna"
MOVED: Final[tuple[tuple[str, str], ...]] = (
    ('"/dashboard"', f'"{PREFIX}/dashboard"'),
    ("${this.baseURL}/api/", f"${{this.baseURL}}{PREFIX}/api/"),
    ("`/csv/", f"`{PREFIX}/csv/"),
)
"""What is replaced in the dashboard's script; a test holds that each is there."""
READING: Final = ("GET", "HEAD")
EMPTY_PAGE: Final = "/trialTable"
"""Of a study: the dashboard (0.21) still knows this address, and shows nothing there."""
TABLE_PAGE: Final = "/smartSelection"
"""Where its table of trials is now."""


def install(app: FastAPI, database: Database) -> None:
    """Serve the dashboard below `PREFIX`."""
    app.mount(PREFIX, StudiesPage(database), name="optuna")


class StudiesPage:
    """The dashboard as an ASGI application that is made on the first request.

    Args:
        database: the service's; Optuna's tables are beside ours.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._dashboard: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request below the prefix."""
        if scope["type"] != "http":
            return
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if (answer := await self._own_answer(request, path)) is not None:
            await answer(scope, receive, send)
            return
        try:
            dashboard = await run_in_threadpool(self._opened)
        except LrsearchError as error:
            await problem_response(request, 503, error.code, "A server is away", str(error))(scope, receive, send)
            return
        await dashboard(scope, receive, send)

    async def _own_answer(self, request: Request, path: str) -> Response | None:
        """What the dashboard itself would answer for the root of a server, or would change."""
        if request.method not in READING:
            problem = Problem(
                "/method",
                "method_not_allowed",
                request.method,
                "The dashboard only shows studies here; jobs write them.",
                "Delete a study with its job: DELETE /v1/jobs/{job_id}.",
            )
            allowed = {"Allow": ", ".join(READING)}
            title = "Method Not Allowed"
            return problem_response(
                request, 405, problem.rule, title, problem.message, problems=[("method", problem)], headers=allowed
            )
        if path == "/":
            return RedirectResponse(f"{PREFIX}/dashboard")
        if path == "/static/bundle.js":
            headers = {"Content-Encoding": "gzip", "Cache-Control": "max-age=3600"}
            return Response(await run_in_threadpool(_script), media_type="text/javascript", headers=headers)
        if path.startswith("/dashboard/studies/") and path.endswith(EMPTY_PAGE):
            return RedirectResponse(f"{PREFIX}{path.removesuffix(EMPTY_PAGE)}{TABLE_PAGE}")
        if path == "/dashboard" or path.startswith("/dashboard/"):
            return HTMLResponse(_page())
        return None

    def _opened(self) -> ASGIApp:
        """The dashboard on the database's studies.

        Raises:
            Unavailable: the database is away.
        """
        with self._lock:
            if self._dashboard is not None:
                return self._dashboard
            from optuna_dashboard import wsgi

            from lrsearch.experiments.search.storage import open_storage

            self._database.check()
            try:
                storage = open_storage(self._database.url.render_as_string(hide_password=False))
            except Exception as error:
                raise Unavailable("Optuna's storage cannot be opened; try again in a moment.") from error
            application: Any = WSGIMiddleware(wsgi(storage), workers=4)  # pyright: ignore[reportArgumentType] - two packages' names for one protocol
            self._dashboard = application
            return application


def close(database: Database) -> None:
    """Close the connections of Optuna's storage, where it was opened."""
    if "lrsearch.experiments.search.storage" in sys.modules:
        from lrsearch.experiments.search.storage import close_storage

        close_storage(database.url.render_as_string(hide_password=False))


def _read(*parts: str) -> str:
    return importlib.resources.files("optuna_dashboard").joinpath(*parts).read_text(encoding="utf-8")


@cache
def _page() -> str:
    icon = f'<link rel="icon" href="{PREFIX}/favicon.ico">'  # else the browser asks the root of the server for one
    return _read("index.html").replace('"/static/', f'"{PREFIX}/static/').replace("<head>", f"<head>{icon}", 1)


@cache
def _script() -> bytes:
    """The dashboard's script with its addresses moved, compressed: every browser takes gzip."""
    text = _read("public", "bundle.js")
    for old, new in MOVED:
        text = text.replace(old, new)
    return gzip.compress(text.encode(), compresslevel=5, mtime=0)
