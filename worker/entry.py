"""How every process of this package begins and ends: settings, log, one sentence and an exit code for what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final

from lrsearch import settings as environment
from lrsearch.errors import Misconfigured, Unavailable
from lrsearch.log import configure as configure_log
from lrsearch.settings import Settings

MISCONFIGURED: Final = 2
"""Exit code of a process that cannot work with its settings; starting it again would not help."""


def run(process: str, work: Callable[[Settings], None]) -> int:
    """Do the work of a process.

    Args:
        process: its name in the log.
        work: called with the settings of the environment.

    Returns:
        The exit code: 0; 2 for settings that cannot work; 75 (EX_TEMPFAIL) for a server that is away.
    """
    try:
        settings = environment.load()
        configure_log(settings, process=process)
        work(settings)
    except (Misconfigured, Unavailable) as error:
        print(f"lrsearch: {error}", file=sys.stderr)
        return MISCONFIGURED if isinstance(error, Misconfigured) else os.EX_TEMPFAIL
    return 0
