"""What one running service owns below its home folder: the lock, the listening socket, the state file."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any, Final

from lrsearch.errors import Misconfigured

LOCK_FILE: Final = "service.lock"
STATE_FILE: Final = "service.json"


class HomeLock:
    """Makes the calling process the only supervisor of `home` until it ends, however it ends.

    Args:
        home: the state folder; made if need be.

    Raises:
        Misconfigured: another supervisor runs on it, or it cannot be written.
    """

    def __init__(self, home: Path) -> None:
        try:
            home.mkdir(parents=True, exist_ok=True)
            self._file = (home / LOCK_FILE).open("a+", encoding="utf-8")
        except OSError as error:
            raise Misconfigured(
                f"The state folder {home} cannot be written ({error.strerror}); choose another with --home or LRSEARCH_HOME."
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            pid = self._file.read().strip() or "unknown"
            self._file.close()
            raise Misconfigured(
                f"A service already runs on {home} (pid {pid}); stop it, or choose another folder with --home."
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Let another supervisor have the folder."""
        self._file.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, inheritable by the API process; 0 takes a free port.

    The supervisor keeps it open while the API restarts: clients wait instead of being refused.

    Raises:
        Misconfigured: the port is taken, not allowed, or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        what = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror or error})"
        raise Misconfigured(
            f"Port {port} on {host} {what}; choose another with --port or LRSEARCH_PORT (0 takes a free one)."
        ) from None
    listener.set_inheritable(True)
    return listener


class Gate:
    """Lets a child prepare itself and then wait until its parent is ready: a pipe that is readable once it is open.

    A child that is restarted later finds it open.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_inheritable(self._reader, True)

    def fileno(self) -> int:
        """The end the child inherits and reads until its end."""
        return self._reader

    def open(self) -> None:
        """Let the children pass, now and later; a second call does nothing."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1


def url_of(listener: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{reachable}:{port}"


def write_state(home: Path, state: dict[str, Any]) -> None:
    """Replace the state file at once, so that a reader never sees half of it; only this user may read it."""
    temporary = home / f".{STATE_FILE}.new"
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    temporary.replace(home / STATE_FILE)


def remove_state(home: Path) -> None:
    """Say that no service runs any more."""
    (home / STATE_FILE).unlink(missing_ok=True)
