"""What a search costs beside Optuna, and what more workers save; `python -m benchmarks search`.

The second part needs the servers of the tests: Valkey and Postgres from their wheels, workers as processes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from pydantic import TypeAdapter

from benchmarks.rows import Row, at_least, at_most, table
from lrsearch.experiments.search import Search
from lrsearch.experiments.search.storage import close_storage, open_storage
from lrsearch.experiments.search.study import SearchStudy
from lrsearch.spec import validate
from tests.integration.stack.plain import PlainStack
from tests.servers.postgres import PostgresServer
from tests.servers.service import QUICK

TITLE = "Search"
TRIALS, EPOCHS = 1_000, 4
TOY_TRIALS, TOY_STEPS = 48, 36
"""Updates of a toy trial: one epoch of `digits` less its held-out share."""
WORKERS = (1, 2, 4)
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "search",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 32,
    "epochs": EPOCHS,
    "space": {
        "/optimizer/learning_rate": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
        "/optimizer/momentum": {"type": "float", "low": 0.0, "high": 0.95},
    },
    "sampler": {"kind": "tpe"},
    "objective": {"metric": "loss"},
    "budget": {"trials": TRIALS},
}


def report(quick: bool = False) -> str:
    """The rows as Markdown."""
    words = (
        "Ask to tell: the same sampler, pruner, space and intermediate values on the same SQLite file, one trial of each "
        "side in turn; plain Optuna is `study.ask`, `trial.suggest_float`, `trial.report`, `trial.should_prune`, "
        "`study.tell`. That a worker takes the setting beforehand, one transaction on the service's tables, is part of the "
        "speed-up. Speed-up: a search of toy trials that wait 1 s each, real Redis protocol, real Postgres, every "
        "worker a process of its own."
    )
    return f"{words}\n\n{table([_overhead(20 if quick else TRIALS), *_speed_ups(quick)])}"


def _overhead(trials: int) -> Row:
    """Our share of a trial against plain Optuna's, over so many trials."""
    search: Search = validate(TypeAdapter(Search), DOCUMENT | {"budget": {"trials": trials}})
    values = np.random.default_rng(0).random((trials, EPOCHS))
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/studies.db"
        storage = open_storage(url)
        try:
            ours, plain = _ours(search, url), _plain(search, storage)
            spent = np.array([[_timed(side, losses) for side in (plain, ours)] for losses in values])
        finally:
            close_storage(url)
    theirs, own = spent.sum(axis=0)
    detail = f"{1000 * own / trials:.1f} ms a trial against {1000 * theirs / trials:.1f} ms"
    what = f"ask to tell of {trials:,} trials of a study in the database, against plain Optuna"
    return Row(what, own / theirs, "", detail, at_most(1.2))


def _timed(side: Any, losses: np.ndarray) -> float:
    began = time.perf_counter()
    side(losses)
    return time.perf_counter() - began


def _ours(search: Search, url: str) -> Any:
    study = SearchStudy(
        "ours",
        search.search_space,
        search.sampler,
        search.pruner,
        directions=[True],
        seed=0,
        stream=0,
        epochs=EPOCHS,
        url=url,
        attributes={},
    )
    slots = iter(range(search.settings))

    def trial(losses: np.ndarray) -> None:
        study.catch_up()
        asked = study.ask(next(slots), {})
        for epoch, loss in enumerate(losses, start=1):
            if study.report(asked, epoch, float(loss)):
                return study.tell(asked, None)
        return study.tell(asked, [float(losses[-1])])

    return trial


def _plain(search: Search, storage: Any) -> Any:
    study = optuna.create_study(
        study_name="plain",
        storage=storage,
        sampler=search.sampler.build(0, search.search_space),
        pruner=search.pruner.build(is_minimized=True, epochs=EPOCHS),
    )

    def trial(losses: np.ndarray) -> None:
        one = study.ask()
        one.suggest_float("learning_rate", 1e-5, 1.0, log=True)
        one.suggest_float("momentum", 0.0, 0.95)
        for epoch, loss in enumerate(losses, start=1):
            one.report(float(loss), epoch)
            if one.should_prune():
                study.tell(one, state=optuna.trial.TrialState.PRUNED)
                return
        study.tell(one, float(losses[-1]))

    return trial


def _speed_ups(quick: bool) -> list[Row]:
    """A row for each number of workers above one: the share of linear speed-up, and that no trial ran twice."""
    trials, counts = (4, (2,)) if quick else (TOY_TRIALS, WORKERS)
    wait = {"LRSEARCH_TOY_SECONDS_PER_STEP": str((0.1 if quick else 1.0) / TOY_STEPS)}
    document = DOCUMENT | {"epochs": 1, "budget": {"trials": trials}, "pruner": {"kind": "none"}, "together": 1}
    taken = {count: _seconds(document, count, trials, wait) for count in counts}
    one, _ = taken[counts[0]]
    return [
        Row(
            f"{trials} trials on {count} workers: share of linear speed-up",
            one / seconds / count,
            "",
            f"{seconds:.1f} s against {one:.1f} s on one; {_times(repeated)} run twice",
            at_least(0.85),
        )
        for count, (seconds, repeated) in taken.items()
        if count > 1
    ]


def _times(repeated: int) -> str:
    return "no trial" if repeated == 0 else f"**{repeated} trials**"


def _seconds(document: dict[str, Any], workers: int, trials: int, settings: dict[str, str]) -> tuple[float, int]:
    """Seconds from the job's first claim to its end, and how many trials the study began more than once."""
    with (
        tempfile.TemporaryDirectory() as folder,
        PostgresServer.running() as postgres,
        PlainStack(Path(folder), postgres, **QUICK, **settings) as stack,
    ):
        stack.up(workers=workers)
        # the first search of a worker opens Optuna's storage, once a process
        stack.wait_for(stack.submit(document | {"budget": {"trials": 2 * workers}}), "succeeded", seconds=300)
        job_id = stack.submit(document)
        stack.wait_for(job_id, "succeeded", seconds=300)
        ((seconds,),) = stack.rows(
            "SELECT extract(epoch FROM finished_at::timestamptz - started_at::timestamptz)"
            f" FROM jobs WHERE job_id = '{job_id}'"
        )
        ((begun,),) = stack.rows(
            f"SELECT count(*) FROM trials JOIN studies USING (study_id) WHERE study_name = 'job-{job_id}'"
        )
        ((stored,),) = stack.rows(f"SELECT count(*) FROM job_trials WHERE job_id = '{job_id}'")
    if stored != trials:
        raise SystemExit(f"{stored} of {trials} trials are stored.")
    return float(seconds), int(begun) - trials
