"""Pages, filters, events, and why a job waits."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest
from sqlalchemy import update

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.models import Job
from lrsearch.errors import InvalidDocument, NotFound
from lrsearch.jobs import WorkerView
from lrsearch.status import JobStatus
from tests.unit.jobs.tiny import TINY, done, record, running, submit


def ids(found: list[jobs.JobView]) -> list[str]:
    return [job.job_id for job in found]


def test_pages_hold_every_job_once_newest_first_also_while_others_arrive(db: Database) -> None:
    made = [submit(db).job.job_id for _ in range(7)]
    seen: list[str] = []
    token = None
    while True:
        page, token = jobs.find(db, page_token=token, limit=3)
        seen += ids(page)
        submit(db)
        if token is None:
            break
    assert made[::-1] == seen


def test_a_last_page_that_is_full_has_no_next_one(db: Database) -> None:
    for _ in range(2):
        submit(db)
    page, token = jobs.find(db, limit=2)
    assert (2, None) == (len(page), token)


def test_no_jobs_make_an_empty_page(db: Database) -> None:
    assert ([], None) == jobs.find(db)


@pytest.mark.parametrize("token", ["", "x", "c2Vx", "c2VxOi0x", "%%%", "é", "c2VxOjk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"])
def test_a_page_token_of_somebody_else_is_refused(db: Database, token: str) -> None:
    with pytest.raises(InvalidDocument, match="page_token"):
        jobs.find(db, page_token=token)


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_a_limit_out_of_range_is_refused(db: Database, limit: int) -> None:
    with pytest.raises(InvalidDocument, match="limit"):
        jobs.find(db, limit=limit)


def test_jobs_are_found_by_kind_status_and_label(db: Database) -> None:
    waiting = submit(db, labels={"team": "vision", "url": "http://x:1"}).job
    finished = done(db, labels={"team": "audio"})
    assert ids([finished, waiting]) == ids(jobs.find(db, kind="tiny")[0])
    assert [] == jobs.find(db, kind="range_test")[0]
    assert ids([finished]) == ids(jobs.find(db, status=JobStatus.SUCCEEDED)[0])
    assert ids([waiting]) == ids(jobs.find(db, label="team:vision")[0])
    assert ids([waiting]) == ids(jobs.find(db, label="url:http://x:1")[0])
    assert [] == jobs.find(db, label="team:vision", status="succeeded")[0]


@pytest.mark.parametrize("label", ["team", ":vision", ""])
def test_a_label_without_key_and_value_is_refused(db: Database, label: str) -> None:
    with pytest.raises(InvalidDocument, match="label"):
        jobs.find(db, label=label)


@pytest.mark.parametrize("name", ["kind", "status", "label"])
def test_a_filter_with_a_nul_is_refused(db: Database, name: str) -> None:
    with pytest.raises(InvalidDocument, match="NUL"):
        jobs.find(db, **{name: "a:\0"})


def test_the_range_of_creation_times_includes_its_start_and_not_its_end(db: Database) -> None:
    job = submit(db).job
    assert ids([job]) == ids(jobs.find(db, created_after=job.created_at)[0])
    assert [] == jobs.find(db, created_before=job.created_at)[0]
    assert ids([job]) == ids(jobs.find(db, created_before=job.created_at + timedelta(milliseconds=1))[0])
    naive = job.created_at.astimezone(UTC).replace(tzinfo=None)
    assert ids([job]) == ids(jobs.find(db, created_after=naive)[0])


def test_a_list_shows_no_results_but_says_there_is_one(db: Database) -> None:
    done(db)
    job = jobs.find(db)[0][0]
    assert (None, True) == (job.result, job.has_result)
    assert jobs.get(db, job.job_id, with_result=True).result is not None


def test_events_go_on_after_the_last_one_seen(db: Database) -> None:
    job = done(db)
    events = jobs.events(db, job.job_id)
    assert ["status", "status", "trial", "status"] == [event.kind for event in events]
    assert sorted({event.event_id for event in events}) == [event.event_id for event in events]
    assert events[2:] == jobs.events(db, job.job_id, after_id=events[1].event_id)
    assert [] == jobs.events(db, job.job_id, after_id=events[-1].event_id)
    assert all(event.happened_at.utcoffset() == timedelta(0) for event in events)


def test_the_version_grows_with_every_change_and_stays_without_one(db: Database) -> None:
    taken = running(db)
    versions = [jobs.get(db, taken.job_id).version]
    jobs.renew(db, taken, lease_seconds=60, done=1, total=10)
    versions.append(jobs.get(db, taken.job_id).version)
    jobs.record(db, taken, record(0))
    versions.append(jobs.get(db, taken.job_id).version)
    assert sorted(set(versions)) == versions
    jobs.trials(db, taken.job_id)
    jobs.find(db)
    assert versions[-1] == jobs.get(db, taken.job_id).version


def test_trials_come_in_the_order_of_their_numbers_with_or_without_arrays(db: Database) -> None:
    taken = running(db, trials=3)
    for number in (2, 0, 1):
        jobs.record(db, taken, record(number))
    assert [0, 1, 2] == [trial.number for trial in jobs.trials(db, taken.job_id)]
    assert [{}, {}, {}] == [trial.arrays for trial in jobs.trials(db, taken.job_id, with_arrays=False)]


@pytest.mark.parametrize("number", [1, -1, 2**70])
def test_a_trial_that_is_not_recorded_is_not_found(db: Database, number: int) -> None:
    taken = running(db)
    jobs.record(db, taken, record(0))
    with pytest.raises(NotFound, match="trial"):
        jobs.trial(db, taken.job_id, number)


def test_a_queued_job_says_why_it_waits(db: Database) -> None:
    first, second = submit(db).job, submit(db).job
    assert "no worker is up" == jobs.get(db, first.job_id).waiting_because
    jobs.worker_seen(db, WorkerView("w", "host", 1, "cpu", "warming_up"))
    assert "worker is warming up" == jobs.get(db, first.job_id).waiting_because
    jobs.worker_seen(db, WorkerView("w", "host", 1, "cpu", "busy"))
    assert "position 1 in the queue" == jobs.get(db, first.job_id).waiting_because
    assert "position 2 in the queue" == jobs.get(db, second.job_id).waiting_because
    assert jobs.find(db)[0][0].waiting_because == jobs.get(db, second.job_id).waiting_because


def test_a_job_that_does_not_wait_gives_no_reason(db: Database) -> None:
    taken = running(db)
    assert jobs.get(db, taken.job_id).waiting_because is None


def test_the_cost_of_an_update_is_the_median_of_succeeded_jobs_alike(db: Database) -> None:
    document = submit(db).job.document
    assert jobs.seconds_per_update(db, document, experiments=TINY) is None
    for seconds in (1, 2, 60):
        took(db, done(db), seconds)
    assert pytest.approx(0.2) == jobs.seconds_per_update(db, document, experiments=TINY)
    assert jobs.seconds_per_update(db, document | {"batch_size": 8}, experiments=TINY) is None


def took(db: Database, job: jobs.JobView, seconds: int) -> None:
    assert job.finished_at is not None
    with db.session() as session:
        begun = job.finished_at - timedelta(seconds=seconds)
        session.execute(update(Job).where(Job.job_id == job.job_id).values(started_at=begun))
