"""Figures drawn from the stored numbers of a job."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response

from api import openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS, Database, DatabaseDep, JobId
from api.errors import Refused
from api.routes.jobs import EXPERIMENT
from api.routes.trials import stored_result
from lrsearch import reports, spec
from lrsearch.errors import Problem
from lrsearch.experiments.base import PlotSpec

FORMATS = ("png", "svg", "json")
router = APIRouter(prefix="/v1/jobs/{job_id}/plots", tags=["results"], dependencies=NO_UNKNOWN_PARAMETERS)
PICTURE: dict[str, Any] = {
    "description": "The figure; `json` is a Plotly figure.",
    "content": {
        "application/json": {"schema": {"type": "object"}, "example": samples.FIGURE},
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "image/svg+xml": {"schema": {"type": "string"}},
    },
}


@router.get(
    "",
    response_model=schemas.PlotList,
    responses={200: openapi.answer("The figures.", samples.PLOTS)} | openapi.problems(404, 409, 422),
)
def plots(job_id: JobId, database: DatabaseDep) -> schemas.PlotList:
    """Names of the job's figures and where their renderings are."""
    return schemas.PlotList(items=[_plot(job_id, plot) for plot in _drawn(database, job_id)])


def _plot(job_id: str, plot: PlotSpec) -> schemas.Plot:
    links = {name: f"/v1/jobs/{job_id}/plots/{plot.name}.{name}" for name in FORMATS}
    return schemas.Plot(name=plot.name, title=plot.title, links=links)


def _drawn(database: Database, job_id: str) -> list[PlotSpec]:
    view, result = stored_result(database, job_id)
    return spec.validate(EXPERIMENT, view.document).plots(result)


@router.get(
    "/{name}.{file_format}", response_class=Response, responses={200: PICTURE} | openapi.problems(404, 409, 422)
)
def picture(
    job_id: JobId,
    name: str,
    file_format: Literal["png", "svg", "json"],
    database: DatabaseDep,
    theme: Annotated[Literal["light", "dark"], Query(description="Colours of the figure.")] = "light",
) -> Response:
    """A figure as PNG, SVG or Plotly JSON."""
    drawn = _drawn(database, job_id)
    plot = next((plot for plot in drawn if plot.name == name), None)
    if plot is None:
        names = ", ".join(plot.name for plot in drawn)
        problem = Problem("/name", "not_found", name, f"The job has no plot {name!r}.", f"Use one of {names}.")
        raise Refused(404, "not_found", problem, place="path")
    return Response(reports.render(plot, file_format, theme), media_type=reports.MEDIA_TYPES[file_format])
