"""Whether a folder takes what will be written to it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from lrsearch.errors import Misconfigured

LEAST_FREE_BYTES: Final = 1_000_000
"""What must fit: one small checkpoint, or the first tables of an SQLite database."""


def require_space(folder: Path) -> None:
    """Write a file of `LEAST_FREE_BYTES` below `folder` and remove it.

    Raises:
        Misconfigured: the folder cannot be made or written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(LEAST_FREE_BYTES))
            file.flush()
    except OSError as error:
        raise Misconfigured(
            f"The folder {folder} cannot be written ({error.strerror}); free some space, give this user the right to "
            "write there, or choose another with LRSEARCH_ARTIFACTS_DIR or LRSEARCH_HOME."
        ) from None
