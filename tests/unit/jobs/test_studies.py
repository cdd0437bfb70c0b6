"""What is left in Optuna's tables when a search ends or is deleted: nothing that runs, nothing without a job."""

from __future__ import annotations

from collections.abc import Iterator

import optuna
import pytest
from pydantic import TypeAdapter

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, study_name_of
from lrsearch.experiments.search.storage import close_storage, open_storage
from lrsearch.jobs import Claim, studies
from lrsearch.status import JobStatus
from lrsearch.training.toy_trainer import ToyTrainer
from tests.unit.experiments.test_search import BASE

EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)
SEARCH = BASE | {"budget": {"trials": 3}}


@pytest.fixture
def url(db: Database) -> Iterator[str]:
    url = db.url.render_as_string(hide_password=False)
    yield url
    close_storage(url)


def claimed(db: Database) -> Claim:
    submitted = jobs.submit(db, EXPERIMENT.validate_python(SEARCH), SEARCH, workers=1)
    taken = jobs.claim(db, submitted.pack_ids[0], worker_id="w", lease_seconds=60, max_attempts=3)
    assert taken is not None
    return taken


def trained(db: Database, claim: Claim, url: str) -> None:
    known: set[int] = set()

    def take(groups: object, count: int) -> list[int]:
        numbers = jobs.take(db, claim, groups, count, known=known)  # pyright: ignore[reportArgumentType]
        known.update(numbers)
        return numbers

    context = Context(ToyTrainer(), lambda records: jobs.record(db, claim, *records), job_id=claim.job_id)
    context.database_url, context.take = url, take
    EXPERIMENT.validate_python(SEARCH).train(claim.trials, context)


def left_running(claim: Claim, url: str) -> None:
    """A study with a trial that its worker never ends."""
    study = optuna.create_study(study_name=study_name_of(claim.job_id), storage=open_storage(url))
    study.ask()
    study.tell(study.ask(), 0.5)


def states(claim: Claim, url: str) -> list[str]:
    study = optuna.load_study(study_name=study_name_of(claim.job_id), storage=open_storage(url))
    return [trial.state.name for trial in study.trials]


def test_a_study_is_deleted_with_its_job(db: Database, url: str) -> None:
    kept, gone = claimed(db), claimed(db)
    for claim in (kept, gone):
        trained(db, claim, url)
        assert jobs.finish(db, claim)
    assert ["COMPLETE"] * 3 == states(gone, url)
    jobs.delete(db, gone.job_id)
    assert [study_name_of(kept.job_id)] == optuna.get_all_study_names(open_storage(url))


def test_a_search_that_never_began_has_no_study_and_is_deleted_all_the_same(db: Database, url: str) -> None:
    claim = claimed(db)
    jobs.close_cancelled(db, claim)
    jobs.delete(db, claim.job_id)
    assert ([], None) == jobs.find(db)


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_what_a_killed_worker_left_running_is_failed_once_its_job_is_over(
    db: Database, url: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studies, "OBEYED_SECONDS", -1.0)
    claim = claimed(db)
    left_running(claim, url)
    settled: set[str] = set()
    jobs.settle_studies(db, settled)
    assert ["RUNNING", "COMPLETE"] == states(claim, url)  # the job still runs
    if end == "cancelled":
        jobs.cancel(db, claim.job_id)
        jobs.close_cancelled(db, claim)
    else:
        jobs.fail(db, claim, error_type="fault", message="boom")
    assert JobStatus(end) == jobs.get(db, claim.job_id).status
    jobs.settle_studies(db, settled)
    assert (["FAIL", "COMPLETE"], {claim.job_id}) == (states(claim, url), settled)
