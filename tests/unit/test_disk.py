"""Whether a folder takes what will be written to it."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from lrsearch import disk
from lrsearch.errors import Misconfigured


def test_a_folder_that_cannot_be_made_is_named_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Misconfigured, match=r"cannot be written \(Not a directory\); free some space.*LRSEARCH_HOME"):
        disk.require_space(tmp_path / "file" / "artifacts")


def test_a_disk_without_room_is_told_before_anything_starts(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (disk.LEAST_FREE_BYTES // 2, hard))
    try:
        with pytest.raises(Misconfigured, match=r"cannot be written \(File too large\)"):
            disk.require_space(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    disk.require_space(tmp_path)
    assert [] == list(tmp_path.iterdir())
