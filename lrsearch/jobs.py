"""The life of a job: the verbs the API and the workers share.

Each verb is one transaction on the given session factory; states move by compare-and-set along `status.TRANSITIONS`,
and every move writes a `job_events` row in the same transaction. Time comparisons use the database's clock.

Interface (signatures are fixed; other floors are written against them):

    @dataclass(frozen=True, slots=True)
    class JobView:            # read model of one job: everything GET /v1/jobs/{id} shows
        job_id: str; kind: str; status: JobStatus
        progress_done: int; progress_total: int
        attempt: int                       # highest attempt of its packs, 0 before the first claim
        waiting_because: str | None        # for queued jobs: "no worker is up", "worker warming up", "position 3 in the queue", ...
        created_at: datetime; started_at: datetime | None; finished_at: datetime | None; updated_at: datetime
        error: dict | None                 # {"type", "message", "traceback"?, "attempts": [...]}
        document: dict; labels: dict[str, str]; result: dict | None (only with with_result=True)
        has_result: bool; version: int     # ETag; grows with every change
        cancel_requested: bool; rerun_of: str | None

    @dataclass(frozen=True, slots=True)
    class Claim:              # what a worker holds while it works on a pack
        pack_id: str; job_id: str; token: str; attempt: int
        document: dict; trials: list[int]  # trial numbers still to do: finished ones are left out
        checkpoints: dict[int, str]        # trial number -> artifact hash an earlier attempt left
        wall_seconds_left: float

    @dataclass(frozen=True, slots=True)
    class Orders:             # what a renewal brings back to the worker
        should_cancel: bool

    @dataclass(frozen=True, slots=True)
    class Submitted:
        job: JobView; pack_ids: list[str]; is_new: bool   # is_new False: an idempotent replay

    submit(db, experiment: Experiment, document: dict, *, idempotency_key=None, body_hash=None, workers=None, rerun_of=None) -> Submitted
        # raises Conflict (same key in flight), InvalidDocument (same key, other body)
    claim(db, pack_id, *, worker_id, lease_seconds, max_attempts) -> Claim | None     # None: somebody has it, or it is over
    renew(db, claim, *, lease_seconds, done: int, total: int) -> Orders               # raises LostLease
    record(db, claim, record: TrialRecord) -> None                                    # raises LostLease; idempotent per number
    record_checkpoint(db, claim, trial: int, artifact: str) -> None
    finish(db, claim) -> bool        # pack done; the last pack concludes the job (result) in the same transaction; True if it closed the job
    fail(db, claim, *, error_type, message, traceback=None) -> None                   # the job fails, partial result kept
    give_up_attempt(db, claim, *, error_type, message, traceback) -> bool             # a fault: back to queued, or failed after max_attempts without progress; True if re-queued
    cancel(db, job_id) -> JobView    # queued: at once; running: requests it; raises Conflict when succeeded/failed, returns the view when already cancelled
    close_cancelled(db, claim) -> None                                                # the worker obeyed; partial result kept
    reap(db, *, resend_seconds, max_attempts) -> list[str]    # expired leases re-queued or failed; returns pack ids to (re-)send
    mark_sent(db, pack_ids) -> None
    get(db, job_id, *, with_result=False) -> JobView                                  # raises NotFound
    find(db, *, kind=None, status=None, label=None, created_after=None, created_before=None, page_token=None, limit=50) -> tuple[list[JobView], str | None]
    delete(db, job_id) -> None       # raises Conflict unless final
    trials(db, job_id) -> list[TrialRecord]; trial(db, job_id, number) -> TrialRecord
    events(db, job_id, after_id=0) -> list[EventView]
    worker_seen(db, worker: WorkerView) -> None;  workers(db, alive_within_seconds=30) -> list[WorkerView]
    # WorkerView: worker_id, host, pid, device, state ("warming_up" | "idle" | "busy"), pack_id, started_at, last_seen_at
"""
