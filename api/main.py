"""The application: settings in, FastAPI out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import docs_page, errors, openapi, studies_page
from api.deps import Enqueue
from api.guard import LocalGuard, is_loopback, require_safe_binding
from api.routes import analyses, catalog, events, health, insights, jobs, metrics, plots, trials, workers
from api.watch import Watch
from lrsearch import __version__, queue
from lrsearch.db import Database
from lrsearch.errors import Unavailable
from lrsearch.metrics import DatabaseCollector
from lrsearch.settings import Settings

ROUTERS = (jobs, events, trials, plots, analyses, insights, catalog, workers, health, metrics)


def create_from_environment() -> FastAPI:
    """The application with the settings of the environment; `uvicorn api.main:create_from_environment --factory`."""
    return create_app(Settings())


def create_app(settings: Settings) -> FastAPI:
    """The application.

    Raises:
        Misconfigured: it would be open to others without keys, or a server's address cannot be read.
    """
    require_safe_binding(settings)
    app = FastAPI(title="lrsearch", version=__version__, lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.database = Database(settings.resolved_database_url())
    app.state.enqueue = _enqueue(settings)
    app.state.watch = Watch(app.state.database)
    app.state.metrics = DatabaseCollector(app.state.database)
    errors.install(app)
    if is_loopback(settings.host):
        app.add_middleware(LocalGuard)
    for module in ROUTERS:
        app.include_router(module.router)
    docs_page.install(app)
    studies_page.install(app, app.state.database)
    bodies = {"JobDocument": jobs.EXPERIMENT, "AnalysisRequest": analyses.REQUEST}
    openapi.install(app, [module.router for module in ROUTERS], bodies)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.watch.close()
    studies_page.close(app.state.database)
    app.state.database.dispose()


def _enqueue(settings: Settings) -> Enqueue:
    """The way to the broker, where there is one."""
    if settings.redis_url is None:
        return _no_broker
    queue.configure(settings.redis_url)
    return queue.enqueue


def _no_broker(pack_ids: Sequence[str]) -> None:
    raise Unavailable("REDIS_URL is not set, so there is no broker.")
