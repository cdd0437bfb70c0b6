"""`lrsearch insights` against the real application."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

import lrsearch.client
from api.main import create_app
from lrsearch.cli.insights import insights
from lrsearch.client import Client
from tests.unit.api import service


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FastAPI]:
    service.migrate(tmp_path / "template.db")
    app = create_app(service.settings(tmp_path, tmp_path / "template.db"))
    yield app
    app.state.database.dispose()


@pytest.fixture
def client(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The command speaks to the application directly instead of over a socket."""
    monkeypatch.setattr(lrsearch.client, "Client", lambda url: Client(http=service.client_of(app)))
    return Client(http=service.client_of(app))


def test_before_any_range_test_it_says_so(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    insights(url="http://test")
    assert "No range test" in capsys.readouterr().out


def test_rules_are_shown_as_a_table_or_as_json(
    client: Client, app: FastAPI, capsys: pytest.CaptureFixture[str]
) -> None:
    document = service.DOCUMENT | {"confirm": {"steps": 72, "seeds": 2}, "optimizer": {"kind": "sgd"}}
    service.succeed(app.state.database, client.submit(document)["job_id"])
    insights(url="http://test", rule="consensus")
    shown = capsys.readouterr().out
    for words in ("Regret of the rules, by 32 trainings", "digits_mlp", "sgd", "consensus"):
        assert words in shown
    insights(url="http://test", as_json=True)
    assert client.rule_insights() == json.loads(capsys.readouterr().out)
