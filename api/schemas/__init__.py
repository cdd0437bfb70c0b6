"""Read models: what the API answers, one file for each thing it tells of."""

from api.schemas.analysis import Analysis
from api.schemas.base import AnyJson, Read
from api.schemas.catalog import Catalog, CatalogEntry
from api.schemas.comparison_result import ComparisonResult, PairedTest, Recommendation, SettingRow
from api.schemas.health import Liveness, Readiness
from api.schemas.insight import RuleHeld, RuleInsights
from api.schemas.job import Child, Estimate, Job, JobError, JobPage, Progress
from api.schemas.plot import Plot, PlotList
from api.schemas.problem import Problem, ProblemEntry
from api.schemas.range_test_result import (
    GroupResult,
    HeldOutCheck,
    RangeTestResult,
    ResultCurve,
    RuleAnswer,
    Suggestion,
)
from api.schemas.trial import Curve, Trial, TrialList
from api.schemas.worker import Worker, WorkerList

__all__ = [
    "Analysis",
    "AnyJson",
    "Catalog",
    "CatalogEntry",
    "Child",
    "ComparisonResult",
    "Curve",
    "Estimate",
    "GroupResult",
    "HeldOutCheck",
    "Job",
    "JobError",
    "JobPage",
    "Liveness",
    "PairedTest",
    "Plot",
    "PlotList",
    "Problem",
    "ProblemEntry",
    "Progress",
    "RangeTestResult",
    "Read",
    "Readiness",
    "Recommendation",
    "ResultCurve",
    "RuleAnswer",
    "RuleHeld",
    "RuleInsights",
    "SettingRow",
    "Suggestion",
    "Trial",
    "TrialList",
    "Worker",
    "WorkerList",
]
