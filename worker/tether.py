"""Runs a command that dies with the process that asked for it: `python tether.py PARENT_PID SIGNAL command ...`.

Nothing but the standard library and no third-party site-packages: it costs some 20 ms before the command starts.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Final

PR_SET_PDEATHSIG: Final = 1
"""From linux/prctl.h."""
POLL_SECONDS: Final = 0.5
"""How often a parent is looked for where the kernel does not tell (macOS)."""


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Have the kernel send `signal_number` to this process when its parent ends; it survives exec.

    The parent's *thread* that started this process must live as long as the parent does. Does nothing beyond Linux.

    Args:
        parent: pid of the parent; when it is gone already, this process ends at once.
        signal_number: what to send.
    """
    if sys.platform != "linux":
        return
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(f"The parent process {parent} is gone.")


def watch_parent(parent: int, child: subprocess.Popen[bytes], signal_number: int) -> int:
    """Wait for `child`, pass SIGTERM and SIGINT on to it, and send it `signal_number` when `parent` is gone.

    Returns:
        The child's exit code.
    """
    for passed_on in (signal.SIGTERM, signal.SIGINT):
        signal.signal(passed_on, lambda number, _frame: child.send_signal(number))
    while child.poll() is None:
        if os.getppid() != parent:
            child.send_signal(signal_number)
            return child.wait()
        time.sleep(POLL_SECONDS)
    return child.returncode


def main(arguments: list[str]) -> int:
    """Become `command` (Linux), or stand beside it (elsewhere).

    Args:
        arguments: parent pid, signal number, command and its arguments.

    Returns:
        The command's exit code, where this process stands beside it.
    """
    parent, signal_number, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        die_with_parent(parent, signal_number)
        os.execvp(command[0], command)
    return watch_parent(parent, subprocess.Popen(command, close_fds=False), signal_number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
