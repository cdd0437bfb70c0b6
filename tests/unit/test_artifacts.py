"""The artifact store: content in, the same content out, never a partial file, never a path outside."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from lrsearch.artifacts import ArtifactStore
from lrsearch.errors import NotFound, Unavailable


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_artifact_is_named_by_the_sha256_of_its_content(store: ArtifactStore) -> None:
    assert hashlib.sha256(b"weights").hexdigest() == store.put(b"weights")


def test_what_was_put_comes_back(store: ArtifactStore) -> None:
    content = os.urandom(100_000)
    name = store.put(content)
    assert content == store.get(name)
    assert content == store.path(name).read_bytes()
    assert store.has(name)


def test_the_same_content_is_stored_once(store: ArtifactStore) -> None:
    assert store.put(b"same") == store.put(b"same")
    assert 1 == len(files_below(store.root))


def test_a_deleted_artifact_is_gone_and_deleting_it_again_is_no_error(store: ArtifactStore) -> None:
    name = store.put(b"old")
    store.delete(name)
    store.delete(name)
    assert not store.has(name)
    with pytest.raises(NotFound, match=name):
        store.get(name)


@pytest.mark.parametrize(
    "name", ["", "../../etc/passwd", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", "/" + "a" * 63]
)
def test_only_hashes_become_paths(store: ArtifactStore, name: str) -> None:
    for use in (store.get, store.path, store.has, store.delete):
        with pytest.raises(NotFound, match="64 hexadecimal digits"):
            use(name)


def test_a_write_that_fails_leaves_nothing_behind(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        store.put(b"checkpoint")
    assert [] == files_below(store.root)


def test_a_partial_file_of_a_killed_process_is_never_served_and_is_removed_later(store: ArtifactStore) -> None:
    store.put(b"first")
    leftover = store.root / "partial" / "left by a killed process"
    leftover.write_bytes(b"half a check")
    hours_ago = time.time() - 7200
    os.utime(leftover, (hours_ago, hours_ago))
    fresh = store.root / "partial" / "somebody writes this now"
    fresh.write_bytes(b"half")
    store.put(b"second")
    assert not leftover.exists()
    assert fresh.exists()


def test_a_damaged_artifact_is_refused(store: ArtifactStore) -> None:
    name = store.put(b"weights")
    store.path(name).write_bytes(b"wei")
    with pytest.raises(NotFound, match="damaged"):
        store.get(name)


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(Unavailable, match="cannot be written"):
        ArtifactStore(tmp_path / "file" / "artifacts").put(b"x")
