"""Curves measured anywhere in, suggestions out, at once."""

from __future__ import annotations

import json
from typing import Annotated, Final, Self

import numpy as np
from fastapi import APIRouter, Depends, Request
from pydantic import Field, TypeAdapter, model_validator

from api import bodies, openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS, SettingsDep
from lrsearch import reports
from lrsearch.curves import Curve, smooth
from lrsearch.experiments.base import Line, Mark, PlotSpec, Span
from lrsearch.experiments.range_test_answers import answer_of
from lrsearch.spec import Rate, Spec, broken
from lrsearch.suggestions import RULES, RuleName, suggest
from lrsearch.suggestions.base import Suggestion

MAX_POINTS: Final = 100_000
"""Most points of one curve."""
MAX_CURVES: Final = 64
"""Most curves of one analysis."""
BODY_FACTOR: Final = 8
"""A curve is larger than a job document: so many times the document limit is accepted."""

Loss = Annotated[float, Field(strict=True)] | None
"""A loss, or null where it was not finite."""


class MeasuredCurve(Spec):
    """Learning rates and the batch losses measured under them."""

    lrs: Annotated[list[Rate], Field(min_length=1, max_length=MAX_POINTS)]
    losses: Annotated[list[Loss], Field(min_length=1, max_length=MAX_POINTS)]
    """Same length; null for a loss that was not finite."""

    @model_validator(mode="after")
    def _lengths_agree(self) -> Self:
        if len(self.lrs) != len(self.losses):
            raise broken(
                "losses",
                "same_length",
                f"There are {len(self.lrs)} learning rates and {len(self.losses)} losses.",
                "Send one loss for each learning rate, null where it was not finite.",
            )
        return self

    def measured(self) -> Curve:
        """The curve as the rules take it."""
        return Curve(self.lrs, [np.nan if loss is None else loss for loss in self.losses])


class AnalysisRequest(Spec):
    """One curve or several repeats, measured with any framework."""

    curve: MeasuredCurve | None = None
    curves: Annotated[list[MeasuredCurve], Field(max_length=MAX_CURVES, default_factory=list)]
    rule: RuleName = "consensus"
    optimizer: Annotated[str, Field(max_length=64)] | None = None
    """Name of the optimizer the curves were measured with."""

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.curve is None) == (not self.curves):
            raise broken(
                "curve", "one_of", "Exactly one of curve and curves must be given.", 'Send "curve" or "curves".'
            )
        return self

    def measured(self) -> list[Curve]:
        """All curves of the request."""
        return [one.measured() for one in ([self.curve] if self.curve else self.curves)]


REQUEST: TypeAdapter[AnalysisRequest] = TypeAdapter(AnalysisRequest)
router = APIRouter(prefix="/v1/analyses", tags=["analyses"], dependencies=NO_UNKNOWN_PARAMETERS)


async def _body(request: Request, settings: SettingsDep) -> bytes:
    return await bodies.read(request, settings.max_document_bytes * BODY_FACTOR)


@router.post(
    "",
    response_model=schemas.Analysis,
    responses={200: openapi.answer("What the rules read.", samples.ANALYSIS)} | openapi.problems(413, 415, 422),
    openapi_extra=openapi.body({"$ref": openapi.ANALYSIS}, {"one_curve": samples.ANALYSIS_REQUEST}),
)
def analyse(body: Annotated[bytes, Depends(_body)]) -> schemas.Analysis:
    """Read curves measured in any framework with every rule; nothing is stored."""
    request = bodies.validated(REQUEST, body)
    curves = request.measured()
    answers = {rule: suggest(curves, rule=rule, optimizer=request.optimizer) for rule in RULES}
    chosen = answers[request.rule]
    return schemas.Analysis(
        verdict=chosen.verdict.value,
        suggestion=schemas.Suggestion(**answer_of(request.rule, chosen)),
        rules=[
            schemas.RuleAnswer(**answer_of(rule, answer), verdict=answer.verdict.value)
            for rule, answer in answers.items()
        ],
        plot=json.loads(reports.render(_plot(curves, chosen), "json")),
    )


def _plot(curves: list[Curve], chosen: Suggestion) -> PlotSpec:
    """Raw and smoothed losses over the rate, the bounds shaded, the suggestion marked."""
    lines = [Line(f"losses {i}", curve.lrs.tolist(), curve.losses.tolist(), "raw") for i, curve in enumerate(curves)]
    lines += [
        Line(f"smoothed {i}", curve.lrs.tolist(), smooth(curve).tolist(), "main") for i, curve in enumerate(curves)
    ]
    low, high = chosen.min_lr, chosen.max_lr
    return PlotSpec(
        name="loss_over_lr",
        title="Loss over learning rate",
        x_label="learning rate (log scale)",
        y_label="training loss of the batch",
        x_log=True,
        lines=lines,
        spans=[] if low is None or high is None else [Span(f"bounds {low:.2g} to {high:.2g}", low, high)],
        marks=[] if chosen.lr is None else [Mark(f"suggestion {chosen.lr:.2g}", chosen.lr)],
    )
