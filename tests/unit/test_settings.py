"""Settings from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrsearch.errors import Misconfigured
from lrsearch.settings import Settings, service_root, variables


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)


def test_without_a_url_the_database_is_sqlite_in_the_home_folder(tmp_path: Path) -> None:
    assert f"sqlite:///{tmp_path}/lrsearch.db" == Settings(home=tmp_path).resolved_database_url()


def test_the_password_file_completes_the_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "password").write_text("a/b@c:d\n")
    monkeypatch.setenv("DATABASE_URL", "postgresql://lrsearch@postgres:5432/lrsearch")
    monkeypatch.setenv("LRSEARCH_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
    assert "postgresql://lrsearch:a%2Fb%40c%3Ad@postgres:5432/lrsearch" == Settings().resolved_database_url()


def test_a_url_without_a_password_file_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://lrsearch:secret@db/lrsearch")
    assert "postgresql://lrsearch:secret@db/lrsearch" == Settings().resolved_database_url()


@pytest.mark.parametrize("url", ["postgresql://db/lrsearch", "postgresql://lrsearch:secret@db/lrsearch"])
def test_a_url_that_leaves_no_room_for_the_password_is_refused_without_showing_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("hidden")
    monkeypatch.setenv("DATABASE_URL", url)
    settings = Settings(database_password_file=tmp_path / "password")
    with pytest.raises(Misconfigured, match="DATABASE_URL must name a user and no password") as raised:
        settings.resolved_database_url()
    assert "secret" not in str(raised.value)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(("content", "reason"), [(None, "No such file"), (b" \n", "is empty"), (b"\xff", "not text")])
def test_a_password_file_that_cannot_serve_is_named_with_the_reason(
    content: bytes | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("DATABASE_URL", "postgresql://lrsearch@db/lrsearch")
    with pytest.raises(Misconfigured, match=reason) as raised:
        Settings(database_password_file=path).resolved_database_url()
    assert str(path) in str(raised.value)


def test_the_services_packages_stand_in_the_service_root() -> None:
    assert {"api", "worker", "migrations"} <= {path.name for path in service_root().iterdir() if path.is_dir()}
