"""The embedded service: `python -m worker.supervisor` starts broker, API, worker and reaper, and keeps them running.

The API's address must answer within ten seconds on a busy machine, and importing the API takes most of them. So it is
started first; while it imports, this process loads what it needs itself (inside functions, for that reason) and
migrates the database; worker and reaper, which would compete for the processor, start when the API answers.
"""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lrsearch.disk import require_space
from lrsearch.errors import Misconfigured
from lrsearch.settings import Settings, service_root
from worker import device, entry, state
from worker.broker import Broker, find_binary
from worker.children import Child

if TYPE_CHECKING:
    from worker.warden import Warden

TICK_SECONDS: Final = 0.2
"""How often the children are looked after."""
STOP_SECONDS: Final = 9.0
"""All of them are gone this long after SIGTERM."""
BROKER_START_SECONDS: Final = 10.0
"""A broker that does not answer by then has failed to start."""
HEAD_START_SECONDS: Final = 15.0
"""So long worker and reaper wait at most for the API to answer first."""


class Supervisor:
    """Owns one home folder and the processes that serve it.

    Args:
        settings: `home` is made absolute; the children get it, and the broker's URL, through their environment.
        say: shows a line to the person who started the service.

    Raises:
        Misconfigured: second start on the same home, taken port, no broker to start, no GPU where one is asked for.
    """

    def __init__(self, settings: Settings, say: Callable[[str], None] = print) -> None:
        self.settings = settings.model_copy(update={"home": settings.home.resolve()})
        self.home: Path = self.settings.home
        self.say = say
        self.stopped = threading.Event()
        device.require_driver(self.settings)
        require_space(self.settings.resolved_artifacts_dir())
        self.lock = state.HomeLock(self.home)
        self.broker = None if self.settings.redis_url else Broker(self.home / "broker", find_binary())
        self.broker_url = self.broker.url if self.broker else self.settings.redis_url or ""
        self.listener = state.listen(self.settings.host, self.settings.port)
        self.url = state.url_of(self.listener)
        self.gate = state.Gate()
        # a child that is killed leaves its temporary files; here the next start, or whoever removes the home, finds them
        self._temporary = self.home / "tmp"
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir()
        self.children = {name: self._child(name, command) for name, command in self._commands().items()}
        self.warden: Warden | None = None
        self._known_pids: dict[str, int | None] = {}

    def _commands(self) -> dict[str, Callable[[], list[str]]]:
        """What each child runs, in the order of their start."""
        python = [sys.executable, "-P", "-m"]
        gates = ["--fd", str(self.listener.fileno()), "--gate", str(self.gate.fileno())]
        commands: dict[str, Callable[[], list[str]]] = {} if self.broker is None else {"broker": self.broker.command}
        return commands | {
            "api": lambda: [*python, "lrsearch.cli", "api", *gates],
            "worker": lambda: [*python, "worker"],
            "reaper": lambda: [*python, "worker.reaper"],
        }

    def _child(self, name: str, command: Callable[[], list[str]]) -> Child:
        return Child(
            name,
            command,
            log_folder=self.home / "logs",
            environment=self._environment(),
            pass_fds=(self.listener.fileno(), self.gate.fileno()) if name == "api" else (),
            # A worker in the middle of a job does not finish it first: its lease expires, the job goes on later.
            patience_seconds=2.0 if name == "worker" else 4.0,
        )

    def _environment(self) -> dict[str, str]:
        path = [str(service_root()), *filter(None, [os.environ.get("PYTHONPATH")])]
        return os.environ | {
            "LRSEARCH_HOME": str(self.home),
            "LRSEARCH_PORT": str(self.listener.getsockname()[1]),
            "REDIS_URL": self.broker_url,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self._temporary),
            "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
        }

    def run(self) -> None:
        """Start everything, look after it until SIGTERM or SIGINT, stop everything.

        Raises:
            Misconfigured: a child says that it cannot work with its settings.
            Unavailable: the database is away at the start.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.stopped.set())
        try:
            self._start()
            while not self.stopped.wait(TICK_SECONDS):
                self._look_after()
        finally:
            self._stop()

    def _start(self) -> None:
        self.children["api"].start()
        if "broker" in self.children:
            self.children["broker"].start()
        self._migrate()
        self._wait_for_broker()
        self.gate.open()
        deadline = time.monotonic() + HEAD_START_SECONDS
        while not self._is_live() and time.monotonic() < deadline and not self.stopped.wait(TICK_SECONDS / 4):
            self._look_after("broker", "api")
        self._look_after()
        self.say(f"lrsearch: {self.url}  (state and logs in {self.home}; Ctrl-C stops it)")

    def _migrate(self) -> None:
        from lrsearch.db import Database
        from worker.warden import Warden

        database = Database(self.settings.resolved_database_url())
        database.migrate()
        self.warden = Warden(database, lambda: self.children["worker"].pid)
        self.warden.start()

    def _wait_for_broker(self) -> None:
        from lrsearch import queue

        queue.configure(self.broker_url)
        deadline = time.monotonic() + BROKER_START_SECONDS
        while (broker := self.children.get("broker")) is not None and not queue.ping():
            if broker.check() is not None or time.monotonic() > deadline:
                raise Misconfigured(f"The broker does not start: {broker.last_words()} (see {broker.log}).")
            time.sleep(0.01)

    def _is_live(self) -> bool:
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=0.2)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _look_after(self, *names: str) -> None:
        """Start and restart the children of these names, or all."""
        for name in names or self.children:
            child = self.children.get(name)
            code = None if child is None else child.check()
            if child is None or code is None:
                continue
            if code == entry.MISCONFIGURED:
                said = child.last_words().removeprefix("lrsearch: ")
                raise Misconfigured(said or f"{name} cannot work with its settings; see {child.log}.")
            self.say(f"lrsearch: {name} ended (exit code {code}), starting it again; see {child.log}")
        self._write_state()

    def _write_state(self) -> None:
        pids = {name: child.pid for name, child in self.children.items()}
        if pids == self._known_pids:
            return
        state.write_state(
            self.home, {"url": self.url, "pid": os.getpid(), "broker_url": self.broker_url, "children": pids}
        )
        self._known_pids = pids

    def _stop(self) -> None:
        """End the children, the broker last: what the others still write must arrive."""
        deadline = time.monotonic() + STOP_SECONDS
        if self.warden is not None:
            self.warden.stop()
        clients = [child for name, child in self.children.items() if name != "broker"]
        for child in clients:
            child.ask_to_stop()
        for child in [*clients, *(child for name, child in self.children.items() if name == "broker")]:
            child.stop(deadline)
        state.remove_state(self.home)
        self.gate.open()
        self.listener.close()
        self.lock.release()


def work(settings: Settings) -> None:
    """Run the service of `settings.home`.

    Raises:
        Misconfigured, Unavailable: as `Supervisor`.
    """
    Supervisor(settings).run()


if __name__ == "__main__":
    sys.exit(entry.run("supervisor", work))
