"""The Celery app and `enqueue(pack_ids)`: nothing but ids travels. The only Celery door besides `worker/`."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

import redis
from celery import Celery
from kombu import pools
from kombu.entity import Queue
from kombu.exceptions import LimitExceeded, OperationalError
from redis.backoff import NoBackoff
from redis.retry import Retry

from lrsearch.errors import Misconfigured, Unavailable

RUN_PACK: Final = "lrsearch.run_pack"
"""Name of the one task; its one argument is a pack id."""
QUEUE: Final = "lrsearch"
"""Name of the broker's queue, which is the key of its list in Redis."""
ACQUIRE_SECONDS: Final = 1.5
"""How long a publisher waits for one of the process' connections when all are taken."""
SCHEMES: Final = ("redis://", "rediss://", "redis+socket://")
"""What a broker URL may begin with."""

app: Final = Celery("lrsearch", set_as_current=False)
app.conf.update(  # pyright: ignore[reportAttributeAccessIssue] - celery has no types
    task_default_queue=QUEUE,
    task_queues=[Queue(QUEUE)],
    task_ignore_result=True,
    result_backend=None,
    accept_content=["json"],
    task_serializer="json",
    # The lease in the database is the only redelivery: a message is used up when the child takes it.
    task_acks_late=False,
    worker_disable_prefetch=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=1.0,
    enable_utc=True,
)


def configure(redis_url: str, *, patience_seconds: float = 0.75) -> None:
    """Tell this process where its broker is; called once, at the edge (API, worker and reaper start).

    Args:
        redis_url: `redis://[:password@]host:port/db`, `rediss://...` or `redis+socket:///path`.
        patience_seconds: > 0; how long one answer of the broker may take before it counts as away.

    Raises:
        Misconfigured: the URL is of another kind.
    """
    if not redis_url.startswith(SCHEMES):
        raise Misconfigured(
            f"REDIS_URL must begin with one of {', '.join(SCHEMES)}, not {redis_url.partition(':')[0]!r}; correct it."
        )
    app.conf.update(  # pyright: ignore[reportAttributeAccessIssue] - celery has no types
        broker_url=redis_url,
        broker_transport_options={
            "socket_connect_timeout": patience_seconds,
            "socket_timeout": patience_seconds,
            "socket_keepalive": True,
            "health_check_interval": 5,
            # What a publisher does when the broker is away: one more try at once, then the error. (Consumers
            # reconnect by the broker_connection_* settings, for ever.)
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0,
            "interval_max": 0,
        },
    )


def enqueue(pack_ids: Sequence[str]) -> None:
    """Send one message a pack id; nothing for an empty sequence. Sending an id twice is harmless: a claim is exclusive.

    Raises:
        Unavailable: the broker does not answer; known within two seconds, however many ids. The reaper sends again.
    """
    if not pack_ids:
        return
    try:
        with pools.producers[app.connection_for_write()].acquire(block=True, timeout=ACQUIRE_SECONDS) as producer:
            for pack_id in pack_ids:
                app.send_task(RUN_PACK, args=[pack_id], producer=producer, retry=False, ignore_result=True)
    except (OperationalError, LimitExceeded, redis.RedisError, OSError) as error:
        raise Unavailable(f"The broker does not answer ({error or type(error).__name__}); try again later.") from error


def ping(timeout: float = 0.5) -> bool:
    """Whether the broker answers within `timeout` seconds."""
    try:
        check(timeout)
    except (Misconfigured, Unavailable):
        return False
    return True


def check(timeout: float = 0.5) -> None:
    """Ask the broker for an answer within `timeout` seconds.

    Raises:
        Misconfigured: REDIS_URL cannot be read, or the broker refuses its user and password.
        Unavailable: nobody answers there, or not in time.
    """
    try:
        with _client(timeout) as client:
            client.ping()
    except redis.AuthenticationError as error:
        raise Misconfigured(f"The broker refuses us ({error}); correct the user and password in REDIS_URL.") from error
    except ValueError as error:
        raise Misconfigured(f"REDIS_URL cannot be read ({error}); write redis://[:password@]host:6379/0.") from error
    except (redis.RedisError, OSError) as error:
        raise Unavailable(f"The broker does not answer ({error or type(error).__name__}); start it.") from error


def waiting(limit: int = 10_000) -> list[str]:
    """The pack ids of the first `limit` messages that no worker has fetched yet, next one first.

    Raises:
        Unavailable: the broker does not answer.
    """
    try:
        with _client(1.0) as client:
            messages: list[bytes] = client.lrange(QUEUE, -limit, -1)  # pyright: ignore[reportAssignmentType] - sync client
    except (redis.RedisError, OSError) as error:
        raise Unavailable(f"The broker does not answer ({type(error).__name__}); try again later.") from error
    return [_pack_id(message) for message in reversed(messages)]


def _pack_id(message: bytes) -> str:
    """The argument of a message in kombu's envelope: base64 of JSON `[args, kwargs, embed]`."""
    arguments = json.loads(base64.b64decode(json.loads(message)["body"]))[0]
    return str(arguments[0])


def _client(timeout: float) -> redis.Redis:
    url: Any = app.conf.broker_url  # pyright: ignore[reportAttributeAccessIssue] - celery has no types
    if not url:
        raise Misconfigured("No broker is configured; call queue.configure, or set REDIS_URL.")
    return redis.Redis.from_url(
        str(url).replace("redis+socket://", "unix://"),
        socket_timeout=timeout,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
    )
