from __future__ import annotations

import threading

from worker.ahead import Ahead

NEVER = 3600.0


class Load:
    def __init__(self) -> None:
        self.calls, self.done = 0, threading.Semaphore(0)

    def __call__(self) -> None:
        self.calls += 1
        self.done.release()


def test_a_worker_without_a_job_loads() -> None:
    load = Load()
    Ahead(load, 0.0).wait()
    assert load.done.acquire(timeout=30)


def test_a_job_that_comes_at_once_is_not_loaded_beside_but_before_the_next_one() -> None:
    load, before = Load(), set(threading.enumerate())
    ahead = Ahead(load, NEVER)
    ahead.wait()
    (timer,) = [one for one in set(threading.enumerate()) - before if isinstance(one, threading.Timer)]
    ahead.hold()
    timer.join(30)
    assert not timer.is_alive()
    assert 0 == load.calls
    ahead.begin()
    assert load.done.acquire(timeout=30)


def test_it_is_loaded_once() -> None:
    load = Load()
    ahead = Ahead(load, NEVER)
    ahead.begin()
    ahead.begin()
    assert load.done.acquire(timeout=30)
    assert not load.done.acquire(timeout=0.1)
    assert 1 == load.calls
