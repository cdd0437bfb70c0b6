"""How much memory this process may use: that of the machine, or of the container it is in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import psutil

CGROUPS: Final = Path("/sys/fs/cgroup")
"""Where Linux shows what containers are limited to."""


def allowed_bytes() -> int:
    """Memory this process may use at most: the machine's, or the limit of a control group it is in."""
    return min([psutil.virtual_memory().total, *_limits()])


def free_bytes() -> int:
    """Memory this process may take now: what the machine has available, at most what its control group has left."""
    return max(0, min([psutil.virtual_memory().available, *_left()]))


def _limits() -> list[int]:
    return [limit for limit, _ in _groups()]


def _left() -> list[int]:
    return [limit - used for limit, used in _groups()]


def _groups() -> list[tuple[int, int]]:
    """Limit and use of each control group of this process that has a limit, in both versions of Linux' control groups."""
    found: list[tuple[int, int]] = []
    for folder in _folders():
        for limit_name, used_name in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            limit, used = _number(folder / limit_name), _number(folder / used_name)
            if limit is not None:
                found.append((limit, used or 0))
    return found


def _folders() -> list[Path]:
    """The groups of this process, from its own up to the root; in a container its own may look like the root."""
    found = [CGROUPS, CGROUPS / "memory"]
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in {"", "memory"}:
            root = CGROUPS / controllers
            own = root / path.lstrip("/")
            found += [folder for folder in (own, *own.parents) if folder != root and root in folder.parents]
    return found


def _number(path: Path) -> int | None:
    """The number in a file; None where there is none, as in `max`."""
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
