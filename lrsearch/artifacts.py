"""Files by content hash, written atomically; checkpoints live here."""

from __future__ import annotations

import hashlib
import os
import re
import time
import uuid
from pathlib import Path
from typing import Final

from lrsearch.errors import NotFound, Unavailable

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_LEFTOVER_SECONDS: Final = 3600.0
# No write takes an hour: an older partial file belongs to a process that was killed.


class ArtifactStore:
    """A folder of immutable files named by the SHA-256 of their content.

    A file appears under its name complete or not at all, also when the process or the machine dies while writing.
    The folder is made by the first write.

    Example:
        >>> import tempfile
        >>> store = ArtifactStore(Path(tempfile.mkdtemp()))
        >>> store.get(store.put(b"weights"))
        b'weights'
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, content: bytes) -> str:
        """Store `content` durably and return its hash, 64 hexadecimal digits; content that is there costs no write.

        Raises:
            Unavailable: the disk is full or the folder cannot be written.
        """
        name = hashlib.sha256(content).hexdigest()
        target = self.path(name)
        if not target.is_file():
            try:
                self._write(target, content)
            except OSError as error:
                raise Unavailable(
                    f"The artifact store {self.root} cannot be written ({error.strerror}); free space or correct its "
                    "permissions."
                ) from error
        return name

    def get(self, name: str) -> bytes:
        """The content of an artifact.

        Raises:
            NotFound: it is not here, or its content is not the one it is named after.
        """
        try:
            content = self.path(name).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"There is no artifact {name}.") from None
        if hashlib.sha256(content).hexdigest() != name:
            raise NotFound(f"The artifact {name} is damaged: its content has another hash.")
        return content

    def path(self, name: str) -> Path:
        """Where the artifact is, or would be.

        Raises:
            NotFound: `name` is not a hash; nothing else ever becomes a path.
        """
        if not _HASH.fullmatch(name):
            raise NotFound(f"{name!r} is no artifact's name; those are 64 hexadecimal digits.")
        return self.root / name[:2] / name

    def has(self, name: str) -> bool:
        """Whether the artifact is here."""
        return self.path(name).is_file()

    def delete(self, name: str) -> None:
        """Remove an artifact; one that is not here is no error."""
        self.path(name).unlink(missing_ok=True)

    def _write(self, target: Path, content: bytes) -> None:
        folder = self.root / "partial"
        folder.mkdir(parents=True, exist_ok=True)
        target.parent.mkdir(exist_ok=True)
        _remove_leftovers(folder)
        partial = folder / uuid.uuid4().hex
        try:
            with partial.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        _sync_folder(target.parent)


def _remove_leftovers(folder: Path) -> None:
    oldest = time.time() - _LEFTOVER_SECONDS
    for file in folder.iterdir():
        try:
            if file.stat().st_mtime < oldest:
                file.unlink()
        except FileNotFoundError:
            continue  # another writer finished or cleaned up meanwhile


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, not only the content."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
