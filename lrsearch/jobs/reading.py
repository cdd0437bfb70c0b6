"""The verbs that only read."""

from __future__ import annotations

import base64
import binascii
import statistics
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from lrsearch.db import Database
from lrsearch.db.repository import job_rows, trial_rows
from lrsearch.errors import InvalidDocument, NotFound, Problem
from lrsearch.experiments.base import TrialRecord
from lrsearch.jobs.closing import Experiments, experiment_of
from lrsearch.jobs.views import EventView, JobView, job_views

_ALIKE: Final = ("model", "data", "batch_size", "engine")
_LOOKED_AT: Final = 200
_MEDIAN_OF: Final = 20
# The newest tell of this machine as it is now; among the last 200 of a kind there are enough, or it is a rare one.


def get(db: Database, job_id: str, *, with_result: bool = False) -> JobView:
    """One job.

    Raises:
        NotFound: there is none with this id.
    """
    with db.session() as session:
        job = None if "\0" in job_id else job_rows.one(session, job_id, with_result=with_result)
        if job is None:
            raise unknown(job_id)
        return job_views(session, [job], with_result=with_result)[0]


def seconds_per_update(
    db: Database, document: Mapping[str, Any], *, experiments: Experiments | None = None
) -> float | None:
    """What an estimated update cost lately: the median over the newest succeeded jobs like `document`, in wall-clock seconds.

    Jobs are alike in kind, model, data, batch size and engine. The time is that from the first claim to the end, so
    compiling, testing and waiting for other packs count; a job much longer than those before it is overestimated.

    Returns:
        Seconds; None when no such job has succeeded.
    """
    with db.session() as session:
        rows = job_rows.succeeded(session, document["kind"], limit=_LOOKED_AT)
        alike = [row for row in rows if all(row.document.get(name) == document.get(name) for name in _ALIKE)]
    # over what was estimated, not over what was made: runs that end early make fewer, and those to come will too
    costs = [
        (row.finished_at - row.started_at).total_seconds() / estimated
        for row in alike[:_MEDIAN_OF]
        if row.finished_at is not None
        and row.started_at is not None
        and (estimated := _estimated_updates(row.document, experiments)) > 0
    ]
    return statistics.median(costs) if costs else None


def _estimated_updates(document: Mapping[str, Any], experiments: Experiments | None) -> float:
    """What a stored document is estimated to take; 0 where an earlier version stored what this one does not take."""
    try:
        return experiment_of(document, experiments).estimate().updates
    except ValidationError:
        return 0


def unknown(job_id: str) -> NotFound:
    """The error for an id without a job."""
    return NotFound(f"There is no job {job_id!r}; it never existed or was deleted.")


def find(
    db: Database,
    *,
    kind: str | None = None,
    status: str | None = None,
    label: str | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    parent_id: str | None = None,
    page_token: str | None = None,
    limit: int = 50,
) -> tuple[list[JobView], str | None]:
    """Jobs, newest first, and the token of the next page, None on the last.

    A page token says where its page ended, so jobs that arrive meanwhile neither repeat nor hide any.

    Args:
        db: the database.
        kind: only jobs of this kind.
        status: only jobs in this status.
        label: only jobs with this label, `"key:value"`.
        created_after: start of the range of creation times, included; UTC unless it says.
        created_before: its end, not included.
        parent_id: the children of this job; left out, only jobs that are no children.
        page_token: what the page before returned.
        limit: jobs a page, 1 to 1000.

    Raises:
        InvalidDocument: the label, the page token or the limit is none.
    """
    problems = [*_text_problems(kind=kind, status=status, label=label, parent_id=parent_id), *_limit_problems(limit)]
    if problems:
        raise InvalidDocument(problems)
    before_seq = None if page_token is None else _read_token(page_token)
    key_value = None if label is None else _read_label(label)
    with db.session() as session:
        rows = job_rows.page(
            session,
            kind=kind,
            status=status,
            label=key_value,
            created_after=created_after,
            created_before=created_before,
            parent_id=parent_id,
            before_seq=before_seq,
            limit=limit + 1,
        )
        has_more = len(rows) > limit
        rows = rows[:limit]
        return job_views(session, rows), _write_token(rows[-1].seq) if has_more else None


def _text_problems(**filters: str | None) -> list[Problem]:
    return [
        Problem(f"/{name}", "no_nul", value, f"{name} contains a NUL character.", "Remove it.")
        for name, value in filters.items()
        if value is not None and "\0" in value
    ]


def _limit_problems(limit: int) -> list[Problem]:
    if 1 <= limit <= 1000:
        return []
    return [Problem("/limit", "range", limit, f"limit is {limit}.", "Ask for 1 to 1000 jobs a page.")]


def _read_label(label: str) -> tuple[str, str]:
    key, colon, value = label.partition(":")
    if not colon or not key:
        message = f"label is {label!r}, which names no key and value."
        raise InvalidDocument([Problem("/label", "key_value", label, message, "Write it as key:value.")])
    return key, value


def _write_token(seq: int) -> str:
    return base64.urlsafe_b64encode(f"seq:{seq}".encode()).decode().rstrip("=")


def _read_token(token: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().partition(":")
        if word == "seq" and 0 <= (seq := int(number)) < 2**63:
            return seq
    except (binascii.Error, ValueError):
        pass
    message = f"page_token {token!r} was not made by this service."
    action = "Take next_page_token of the page before, or leave it out for the first page."
    raise InvalidDocument([Problem("/page_token", "page_token", token, message, action)])


def trials(db: Database, job_id: str, *, with_arrays: bool = True) -> list[TrialRecord]:
    """The recorded trials of a job by number; without their arrays when only the table is wanted.

    Raises:
        NotFound: there is no such job.
    """
    with db.session() as session:
        if "\0" in job_id or job_rows.one(session, job_id, with_result=False) is None:
            raise unknown(job_id)
        return trial_rows.records(session, job_id, with_arrays=with_arrays)


def trial(db: Database, job_id: str, number: int) -> TrialRecord:
    """One recorded trial.

    Raises:
        NotFound: there is no such job, or its trial of this number is not recorded (yet).
    """
    with db.session() as session:
        if "\0" in job_id or job_rows.one(session, job_id, with_result=False) is None:
            raise unknown(job_id)
        found = trial_rows.records(session, job_id, number) if 0 <= number < 2**31 else []
        if not found:
            raise NotFound(f"Job {job_id} has no recorded trial {number}; GET /v1/jobs/{job_id}/trials lists them.")
        return found[0]


def events(db: Database, job_id: str, after_id: int = 0) -> list[EventView]:
    """What happened to a job after the event `after_id`, in order."""
    with db.session() as session:
        return [
            EventView(row.event_id, row.job_id, row.kind, row.data, row.happened_at)
            for row in job_rows.events(session, job_id, after_id)
        ]
