"""Figures for Prometheus."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response

from api import openapi
from lrsearch.metrics import DatabaseCollector, render

router = APIRouter(tags=["service"])
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
EXAMPLE: Final = """# HELP lrsearch_jobs Jobs stored, by state.
# TYPE lrsearch_jobs gauge
lrsearch_jobs{state="queued"} 2.0
"""


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"description": "Prometheus' text format.", "content": {"text/plain": {"example": EXAMPLE}}}}
    | openapi.problems(),
)
def metrics(request: Request) -> Response:
    """Jobs by state, age of the queue, lease expiries, retries, step rate, training seconds, workers."""
    collector: DatabaseCollector = request.app.state.metrics
    return Response(render(collector), headers={"Content-Type": MEDIA_TYPE})
