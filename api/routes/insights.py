"""What the service remembers of its advice: which suggestion rule held."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from api import openapi, samples, schemas
from api.deps import NO_UNKNOWN_PARAMETERS, DatabaseDep, Text
from lrsearch import jobs
from lrsearch.experiments.regret import HELD

router = APIRouter(prefix="/v1/insights", tags=["insights"], dependencies=NO_UNKNOWN_PARAMETERS)


@router.get(
    "/rules",
    response_model=schemas.RuleInsights,
    responses={200: openapi.answer("How the rules held.", samples.RULE_INSIGHTS)} | openapi.problems(422),
)
def rules(
    *,
    database: DatabaseDep,
    model: Annotated[Text | None, Query(description="Only range tests of this model.")] = None,
    data: Annotated[Text | None, Query(description="Only range tests on this data set.")] = None,
    optimizer: Annotated[Text | None, Query(description="Only range tests with this optimizer.")] = None,
    rule: Annotated[Text | None, Query(description="Only answers of this rule; `race` is that of a race.")] = None,
    metric: Annotated[
        Literal["loss", "accuracy", "val_loss"], Query(description="Only range tests whose rules read this.")
    ] = "loss",
    trained: Annotated[
        jobs.Trained,
        Query(description="Judge by trainings at a constant rate, or by the greatest rate of those under a schedule."),
    ] = "constant",
) -> schemas.RuleInsights:
    """Which suggestion rule held: every answer to a range test beside what trainings of the same task ended with."""
    found = jobs.rule_insights(
        database, model=model, data=data, optimizer=optimizer, rule=rule, metric=metric, trained=trained
    )
    return schemas.RuleInsights(
        rules=[_shown(view) for view in found.rules],
        groups=[_shown(view) for view in found.groups],
        outcomes=found.outcomes,
        held_regret=HELD,
    )


def _shown(view: jobs.RuleView) -> schemas.RuleHeld:
    fields = dataclasses.asdict(view)
    summed = fields.pop("held")
    return schemas.RuleHeld(**fields, held=summed.pop("share"), held_interval=summed.pop("interval"), **summed)
