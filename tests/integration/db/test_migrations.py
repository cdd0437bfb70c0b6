"""Migrations make exactly the models, forth and back, beside Optuna's tables, one migrator at a time."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

from lrsearch.db import Database, migration
from lrsearch.db.models import Base
from lrsearch.errors import Misconfigured

OURS = set(Base.metadata.tables)


@pytest.fixture
def db(empty_url: str) -> Iterator[Database]:
    with Database(empty_url) as database:
        yield database


def tables(db: Database) -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"sqlite_sequence"}


def differences(db: Database) -> list[object]:
    with db.engine.connect() as connection:
        options = migration.context_options(connection)
        metadata = options.pop("target_metadata")
        context = MigrationContext.configure(connection, opts={**options, "target_metadata": metadata})
        return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_models(db: Database) -> None:
    db.migrate()
    assert OURS | {migration.VERSION_TABLE} == tables(db)
    assert [] == differences(db)
    assert db.head_is_current()


def test_a_difference_between_models_and_tables_is_seen(db: Database) -> None:
    db.migrate()
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE jobs ADD COLUMN surplus INTEGER"))
        connection.execute(text("DROP INDEX ix_job_labels_key_value"))
    assert 2 == len(differences(db))


def test_migrating_again_changes_nothing(db: Database) -> None:
    db.migrate()
    db.migrate()
    assert [] == differences(db)


def test_down_and_up_again(db: Database) -> None:
    db.migrate()
    migration.downgrade(db.engine, "base")
    assert {migration.VERSION_TABLE} == tables(db)
    assert not db.head_is_current()
    db.migrate()
    assert [] == differences(db)


@pytest.mark.parametrize("fails", [False, True])
def test_foreign_keys_are_on_again_after_a_migration(tmp_path: Path, fails: bool) -> None:
    with Database(f"sqlite:///{tmp_path / 'lrsearch.db'}") as db, db.engine.connect() as connection:
        if fails:
            connection.execute(text("CREATE TABLE packs (in_the_way INTEGER)"))
            connection.commit()
            with pytest.raises(OperationalError, match="packs"):
                migration.upgrade(db.engine)
        else:
            db.migrate()
    with Database(f"sqlite:///{tmp_path / 'lrsearch.db'}") as db:
        for _ in range(2):
            with contextlib.suppress(OperationalError):
                migration.upgrade(db.engine)
            with db.engine.connect() as connection:
                assert 1 == connection.execute(text("PRAGMA foreign_keys")).scalar_one()


def test_a_migration_that_fails_leaves_the_database_as_it_was(db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("CREATE TABLE packs (in_the_way INTEGER)"))
    with pytest.raises(Exception, match="packs"):
        db.migrate()
    assert {"packs"} == tables(db)


def test_a_database_newer_than_the_program_is_refused_in_one_sentence_and_left_alone(db: Database) -> None:
    db.migrate()
    with db.engine.begin() as connection:
        connection.execute(text(f"UPDATE {migration.VERSION_TABLE} SET version_num = '20990101_later'"))
    for use in (db.migrate, db.require_head):
        with pytest.raises(Misconfigured, match=r"'20990101_later'.*newer version.*Update lrsearch"):
            use()
    assert not db.head_is_current()
    assert OURS | {migration.VERSION_TABLE} == tables(db)


MIGRATE = """
import sys
from lrsearch.db import Database, migration
migration.head_revision()
print("ready", flush=True)
sys.stdin.readline()
with Database(sys.argv[1]) as db:
    db.migrate()
    assert db.head_is_current()
"""


@pytest.mark.service
def test_processes_that_migrate_at_once_all_succeed(db: Database, empty_url: str) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, empty_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert b"ready\n" == process.stdout.readline()
    for process in processes:
        process.communicate(b"go\n", timeout=60)
    assert [0] * 4 == [process.returncode for process in processes]
    assert [] == differences(db)


@pytest.mark.service
def test_a_second_migrator_waits_for_the_first(db: Database, empty_url: str) -> None:
    with migration.exclusive(db.engine):
        second = subprocess.Popen([sys.executable, "-c", MIGRATE, empty_url], stdin=subprocess.PIPE)
        assert second.stdin is not None
        second.stdin.write(b"go\n")
        second.stdin.close()
        time.sleep(3)
        assert second.poll() is None
    assert 0 == second.wait(timeout=60)
    assert db.head_is_current()


@pytest.mark.service
@pytest.mark.parametrize("is_optuna_first", [False, True])
def test_optuna_lives_in_the_same_database(db: Database, empty_url: str, is_optuna_first: bool) -> None:
    if not is_optuna_first:
        db.migrate()
    storage = optuna_study(empty_url)
    theirs = tables(db) - OURS - {migration.VERSION_TABLE}
    db.migrate()
    assert len(theirs) >= 10
    assert [] == differences(db)
    assert db.head_is_current()
    migration.downgrade(db.engine, "base")
    assert theirs | {migration.VERSION_TABLE} == tables(db)
    assert [0.25] == [trial.value for trial in storage.get_all_trials(storage.get_study_id_from_name("beside"))]
    storage.engine.dispose()


def optuna_study(url: str):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, study_name="beside")
    study.optimize(lambda trial: trial.suggest_float("lr", 0.25, 0.25), n_trials=1)
    # A second process opens what the first one made: Optuna checks the revision it finds.
    optuna.storages.RDBStorage(url).engine.dispose()
    return storage
