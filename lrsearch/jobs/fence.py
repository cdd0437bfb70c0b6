"""What every write of a worker passes: the token of its claim must still be the pack's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrsearch.db.repository import job_rows, pack_rows
from lrsearch.errors import LostLease
from lrsearch.jobs.views import Claim

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job, Pack


def hold(session: Session, claim: Claim, **columns: Any) -> tuple[Job, Pack]:
    """Lock the job, then write to the pack if the token still fits.

    Raises:
        LostLease: it does not.
    """
    job = job_rows.lock(session, claim.job_id)
    pack = pack_rows.held(session, claim.pack_id, claim.token, **columns) if job is not None else None
    if job is None or pack is None:
        raise lost(claim)
    return job, pack


def lost(claim: Claim) -> LostLease:
    """The error of an attempt that is over."""
    return LostLease(
        f"Attempt {claim.attempt} of pack {claim.pack_id} is over (its lease ran out, or the job was ended); "
        "stop working on it and write nothing more."
    )
