"""`lrsearch export` against the real application, and the job of a sweep from POST to result."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from fastapi import FastAPI

import lrsearch.client
from api.main import create_app
from lrsearch.cli import show
from lrsearch.cli.export import curves_table, export
from lrsearch.client import Client
from tests.unit.api import service

SWEEP: dict[str, Any] = {
    "schema": 1,
    "kind": "hyperparameter_sweep",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 128,
    "epochs": 40,
    "seeds": 3,
    "stress_seeds": 0,
    "vary": [{"pointer": "/optimizer/learning_rate", "values": [0.1, 1e6]}],
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    service.migrate(home / "template.db")
    return create_app(service.settings(home, home / "template.db"))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[Client]:
    with service.client_of(app) as http:
        yield Client(http=http)


@pytest.fixture(scope="module")
def job_id(client: Client, app: FastAPI) -> str:
    job_id = client.submit(SWEEP)["job_id"]
    service.succeed(app.state.database, job_id)
    return job_id


@pytest.fixture
def folder(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The command speaks to the application directly instead of over a socket."""
    monkeypatch.setattr(lrsearch.client, "Client", lambda url: _Kept(client))
    return tmp_path / "out"


class _Kept:
    """The client of the module; the command must not close it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __enter__(self) -> Client:
        return self._client

    def __exit__(self, *of: object) -> None:
        pass


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as text:
        return list(csv.DictReader(text))


def test_a_sweep_is_a_job_whose_result_summary_and_plots_can_be_read(client: Client, job_id: str) -> None:
    result = client.result(job_id)
    assert ["learning_rate=0.1", "learning_rate=1e+06"] == [row["setting"] for row in result["leaderboard"]]
    assert "diverged" in client.job(job_id)["summary"]["flags"]
    for plot in client.plots(job_id):
        assert b"\x89PNG" == client.plot(job_id, plot["name"])[:4]


def test_a_sweep_with_bad_values_is_refused_with_all_of_them(client: Client) -> None:
    with pytest.raises(lrsearch.client.ServiceError) as caught:
        client.submit(SWEEP | {"vary": [{"pointer": "/optimizer/momentum", "values": [0.5, -1, "x"]}]})
    assert ["/vary/0/values/1", "/vary/0/values/2"] == [problem.pointer for problem in caught.value.problems]


def test_csv_has_a_row_a_trial_an_update_and_an_epoch(job_id: str, folder: Path) -> None:
    export(job_id, folder, "csv", "http://x")
    trials, curves, history = (rows(folder / f"{name}.csv") for name in ("trials", "curves", "history"))
    assert ["complete"] * 3 + ["diverged"] * 3 == [row["status"] for row in trials]
    assert {"setting": "learning_rate=0.1"}.items() <= json.loads(trials[0]["setting"]).items()
    assert 9 * 40 == sum(row["trial"] == "0" for row in curves)
    assert [str(epoch) for epoch in range(1, 41)] == [row["epoch"] for row in history if row["trial"] == "0"]
    assert float(trials[0]["metrics/val_loss"]) == float(
        [row for row in history if row["trial"] == "0"][-1]["val_loss"]
    )


def test_losses_that_are_not_finite_stay_what_they_are(job_id: str, folder: Path) -> None:
    export(job_id, folder, "csv", "http://x")
    last = [row for row in rows(folder / "curves.csv") if row["trial"] == "3"][-1]
    assert "inf" == last["loss"]


def test_parquet_holds_the_same_numbers(job_id: str, folder: Path) -> None:
    export(job_id, folder, "csv", "http://x")
    export(job_id, folder, "parquet", "http://x")
    for name in ("trials", "curves", "history"):
        table = pyarrow.parquet.read_table(folder / f"{name}.parquet").to_pydict()
        written = rows(folder / f"{name}.csv")
        assert list(table) == list(written[0])
        assert len(written) == len(table[next(iter(table))])
    losses = pyarrow.parquet.read_table(folder / "curves.parquet").column("loss").to_pylist()
    read = [float(row["loss"]) for row in rows(folder / "curves.csv")]
    assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in zip(read, losses, strict=True))


def test_a_leaderboard_is_shown_with_its_flags(client: Client, job_id: str) -> None:
    from rich.console import Console

    screen = Console(record=True, width=120, file=io.StringIO())
    show.show_result(client.result(job_id), 1.0, screen)
    text = screen.export_text()
    assert all(word in text for word in ("learning_rate=0.1", "Recommendation", "too_few_seeds", "updates"))


def test_the_seconds_say_what_was_spent_waiting_for_a_worker(client: Client, job_id: str) -> None:
    from rich.console import Console

    job = {"created_at": "2026-01-01T00:00:00Z", "started_at": "2026-01-01T00:00:05.25Z"}
    screen = Console(record=True, width=120, file=io.StringIO())
    show.show_result(client.result(job_id), 6.0, screen, waited_seconds=show.waited(job))
    assert "6.0 from POST to result (waiting for a worker 5.2 s, " in screen.export_text()
    assert 0.0 == show.waited(job | {"started_at": None})


def test_momenta_are_a_column_where_a_trial_has_them_and_nan_for_the_others() -> None:
    plain = {"trial": 0, "seed": 0, "lrs": [0.1], "losses": [1.0], "momenta": None}
    cycled = plain | {"trial": 1, "momenta": [0.9]}
    assert "momentum" not in curves_table([plain])
    table = curves_table([plain, cycled])
    assert (math.isnan(table["momentum"][0]), 0.9) == (True, table["momentum"][1])
