"""The embedded service: `python -m worker.supervisor` starts broker, API, worker and reaper, and keeps them running."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from lrsearch import queue
from lrsearch.db import Database
from lrsearch.errors import Misconfigured, Unavailable
from lrsearch.log import configure as configure_log
from lrsearch.settings import Settings, service_root
from lrsearch.startup import AWAY
from worker import device, state
from worker.broker import Broker, find_binary
from worker.children import MISCONFIGURED, Child
from worker.warden import Warden

TICK_SECONDS: Final = 0.2
"""How often the children are looked after."""
STOP_SECONDS: Final = 9.0
"""All of them are gone this long after SIGTERM."""
BROKER_START_SECONDS: Final = 10.0
"""A broker that does not answer by then has failed to start."""


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
        self.lock = state.HomeLock(self.home)
        self.broker: Broker | None = None
        if self.settings.redis_url is None:
            self.broker = Broker(self.home / "broker", find_binary())
        self.broker_url = self.settings.redis_url or (self.broker.url if self.broker else "")
        self.listener = state.listen(self.settings.host, self.settings.port)
        self.url = state.url_of(self.listener)
        self.db = Database(self.settings.resolved_database_url())
        self.children = self._children()
        worker = by_name(self.children, "worker")
        self.warden = Warden(self.db, lambda: worker.pid)
        self._known_pids: dict[str, int | None] = {}

    def _children(self) -> list[Child]:
        """In the order of their start."""
        python = [sys.executable, "-P", "-m"]
        listener = self.listener.fileno()
        commands: dict[str, Callable[[], list[str]]] = {
            "api": lambda: [*python, "lrsearch.cli", "api", "--fd", str(listener)],
            "worker": lambda: [*python, "worker"],
            "reaper": lambda: [*python, "worker.reaper"],
        }
        if self.broker is not None:
            commands = {"broker": self.broker.command} | commands
        return [
            Child(
                name,
                command,
                log_folder=self.home / "logs",
                environment=self._environment(),
                pass_fds=(listener,) if name == "api" else (),
                # A worker in the middle of a job does not finish it first: its lease expires, the job goes on later.
                patience_seconds=2.0 if name == "worker" else 4.0,
            )
            for name, command in commands.items()
        ]

    def _environment(self) -> dict[str, str]:
        path = [str(service_root()), *filter(None, [os.environ.get("PYTHONPATH")])]
        return os.environ | {
            "LRSEARCH_HOME": str(self.home),
            "LRSEARCH_PORT": str(self.listener.getsockname()[1]),
            "REDIS_URL": self.broker_url,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONUNBUFFERED": "1",
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
        queue.configure(self.broker_url)
        if self.broker is not None:
            self._start_broker(by_name(self.children, "broker"))
        self.db.migrate()
        for child in self.children:
            if child.pid is None:
                child.start()
        self.warden.start()
        self._write_state()
        self.say(f"lrsearch: {self.url}  (state and logs in {self.home}; Ctrl-C stops it)")

    def _start_broker(self, broker: Child) -> None:
        broker.start()
        deadline = time.monotonic() + BROKER_START_SECONDS
        while not queue.ping():
            if broker.check() is not None or time.monotonic() > deadline:
                raise Misconfigured(f"The broker does not start: {broker.last_words()} (see {broker.log}).")
            time.sleep(0.01)

    def _look_after(self) -> None:
        for child in self.children:
            code = child.check()
            if code == MISCONFIGURED:
                raise Misconfigured(
                    child.last_words() or f"{child.name} cannot work with its settings; see {child.log}."
                )
            if code is not None:
                self.say(f"lrsearch: {child.name} ended (exit code {code}), starting it again; see {child.log}")
        self._write_state()

    def _write_state(self) -> None:
        pids = {child.name: child.pid for child in self.children}
        if pids == self._known_pids:
            return
        state.write_state(
            self.home, {"url": self.url, "pid": os.getpid(), "broker_url": self.broker_url, "children": pids}
        )
        self._known_pids = pids

    def _stop(self) -> None:
        """End the children, the broker last: what the others still write must arrive."""
        deadline = time.monotonic() + STOP_SECONDS
        self.warden.stop()
        clients = [child for child in self.children if child.name != "broker"]
        for child in clients:
            child.ask_to_stop()
        for child in [*clients, *(child for child in self.children if child.name == "broker")]:
            child.stop(deadline)
        self.db.dispose()
        state.remove_state(self.home)
        self.listener.close()
        self.lock.release()


def by_name(children: list[Child], name: str) -> Child:
    """The child of that name."""
    return next(child for child in children if child.name == name)


def main() -> int:
    """The supervisor's process: 0 after SIGTERM or SIGINT; 2 or 75 with one sentence when it cannot start."""
    settings = Settings()
    configure_log(settings, process="supervisor")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # its plug-ins are no news for the person who starts us
    try:
        Supervisor(settings).run()
    except (Misconfigured, Unavailable) as error:
        print(f"lrsearch: {error}", file=sys.stderr)
        return MISCONFIGURED if isinstance(error, Misconfigured) else AWAY
    return 0


if __name__ == "__main__":
    sys.exit(main())
