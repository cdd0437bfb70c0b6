"""An embedded service as a child of a command: started by command line in a folder of its own, ended with the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lrsearch.cli.service import command, environment
from lrsearch.errors import LrsearchError, Misconfigured
from lrsearch.settings import service_root

START_SECONDS: Final = 60.0
"""A service whose API does not answer by then has failed; it takes some three seconds on an idle machine."""
STOP_SECONDS: Final = 15.0
"""The supervisor needs ten at most."""
MISCONFIGURED: Final = 2
"""Exit code of a supervisor whose settings cannot work."""
NOT_INHERITED: Final = ("REDIS_URL", "DATABASE_URL", "LRSEARCH_REDIS_URL", "LRSEARCH_DATABASE_URL")
"""Variables the child does not see: a demo must neither write to the user's database nor take jobs from their queue."""


class StartError(LrsearchError):
    """The service did not come up; the message is its own last line."""

    code = "start_failed"


class EmbeddedService:
    """Use as a context manager: `url` answers inside the block, and everything is stopped after it.

    Args:
        home: folder for its state and logs.

    Raises:
        Misconfigured: it says that its settings cannot work.
        StartError: it ended, or does not answer in time.
    """

    def __init__(self, home: Path) -> None:
        self.home = home.resolve()
        self.log = self.home / "logs" / "supervisor.log"
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(), env=self._environment(), stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.url = self._wait_for_url(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _command(self) -> list[str]:
        """The supervisor on a tether: a killed command takes its service with it."""
        tether = str(service_root() / "worker" / "tether.py")
        ends_with = [str(os.getpid()), str(int(signal.SIGTERM))]
        return [sys.executable, "-I", "-S", tether, *ends_with, *command("worker.supervisor")]

    def _environment(self) -> dict[str, str]:
        wanted = environment({"LRSEARCH_HOME": str(self.home), "LRSEARCH_HOST": "127.0.0.1", "LRSEARCH_PORT": "0"})
        return {name: value for name, value in wanted.items() if name not in NOT_INHERITED}

    def _wait_for_url(self, process: subprocess.Popen[bytes]) -> str:
        """Until the API answers."""
        import httpx2

        deadline = time.monotonic() + START_SECONDS
        with httpx2.Client(timeout=5.0, trust_env=False) as http:
            while time.monotonic() < deadline:
                if process.poll() is not None:
                    raise self._failure(process.returncode)
                if (url := self._url()) and _is_live(http, url):
                    return url
                time.sleep(0.05)
        raise StartError(f"The service did not answer within {START_SECONDS:.0f} s; see the logs in {self.log.parent}.")

    def _url(self) -> str:
        try:
            return json.loads((self.home / "service.json").read_text(encoding="utf-8"))["url"]
        except FileNotFoundError:
            return ""

    def _failure(self, code: int) -> LrsearchError:
        lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = lines[-1].removeprefix("lrsearch: ") if lines else f"The service ended with exit code {code}."
        return Misconfigured(last) if code == MISCONFIGURED else StartError(last)

    def _stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # its children are tethered to it
            self._process.wait()


def _is_live(http: object, url: str) -> bool:
    import httpx2

    assert isinstance(http, httpx2.Client)
    try:
        return http.get(f"{url}/livez").status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
