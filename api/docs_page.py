"""The interactive documentation at /docs, with Swagger UI from a package instead of a CDN: it works offline."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.staticfiles import StaticFiles

ASSETS = "/swagger"
"""Where the browser finds Swagger UI's files."""


def install(app: FastAPI) -> None:
    """Serve the page at /docs, its files below `ASSETS`, and lead / there."""
    app.mount(ASSETS, StaticFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")
    app.add_api_route("/docs", _page, include_in_schema=False)
    app.add_api_route("/", _home, include_in_schema=False)


async def _page() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="lrsearch",
        swagger_js_url=f"{ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{ASSETS}/favicon-32x32.png",
    )


async def _home() -> RedirectResponse:
    return RedirectResponse("/docs")
