"""Settings from the environment, read at the edges only (command line, API and worker start)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything that can be set, with its unit and default. Variables are `LRSEARCH_<NAME>` unless said otherwise."""

    model_config = SettingsConfigDict(env_prefix="LRSEARCH_", extra="ignore", use_attribute_docstrings=True)

    home: Path = Path(".lrsearch")
    """Folder for the embedded service's state: database, broker files, artifacts, logs."""

    host: str = "127.0.0.1"
    """Address the API binds to; anything but loopback needs API keys or `LRSEARCH_AUTH=none`."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port the API binds to; 0 takes a free one."""

    auth: Literal["auto", "none"] = "auto"
    """`none` says aloud that a service bound beyond loopback runs without API keys."""

    database_url: str | None = Field(
        default=None, validation_alias=AliasChoices("DATABASE_URL", "LRSEARCH_DATABASE_URL")
    )
    """SQLAlchemy URL, `postgresql://...`; left out, SQLite under `home`. Variable: DATABASE_URL."""

    redis_url: str | None = Field(default=None, validation_alias=AliasChoices("REDIS_URL", "LRSEARCH_REDIS_URL"))
    """`redis://...` of the broker; left out, the embedded service starts its own. Variable: REDIS_URL."""

    artifacts_dir: Path | None = None
    """Folder of the artifact store; left out, `home`/artifacts."""

    data_dir: Path | None = None
    """Where data sets are looked for first."""

    downloads: Literal["auto", "never"] = "auto"
    """`never` refuses a job whose data is not on the machine at submission; `auto` lets the worker fetch it."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """What the worker trains on; `gpu` refuses to start without one."""

    trainer: Literal["keras", "toy"] = "keras"
    """`toy` trains a noisy quadratic bowl instead of Keras models: for trying and testing the service itself."""

    lease_seconds: Annotated[float, Field(gt=0)] = 15.0
    """How long a claimed pack stays claimed without a sign of life from its worker."""

    heartbeat_seconds: Annotated[float, Field(gt=0)] = 3.0
    """How often a worker renews its lease."""

    reap_seconds: Annotated[float, Field(gt=0)] = 2.0
    """How often the reaper looks for expired leases and lost messages."""

    resend_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A queued pack that nobody claimed for so long is sent to the broker again."""

    max_attempts: Annotated[int, Field(ge=1)] = 3
    """Attempts without progress after which a job fails."""

    checkpoint_seconds: Annotated[float, Field(ge=0)] = 10.0
    """Least time between two checkpoints of a running training."""

    max_document_bytes: Annotated[int, Field(ge=1024)] = 1_000_000
    """Largest job document accepted; larger ones answer 413."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe log line written."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """`auto` writes JSON unless a person's terminal is attached."""

    def resolved_database_url(self) -> str:
        """The database to use: the one set, else SQLite under `home`."""
        return self.database_url or f"sqlite:///{(self.home / 'lrsearch.db').resolve()}"

    def resolved_artifacts_dir(self) -> Path:
        """The artifact store's folder: the one set, else below `home`."""
        return self.artifacts_dir or self.home / "artifacts"


def service_root() -> Path:
    """The folder that holds the packages `api`, `worker` and `migrations`.

    In a checkout they stand beside `lrsearch/`; in an installed wheel below `lrsearch/_service/`, so that nobody's
    site-packages gets packages with such general names. Child processes get this folder first on PYTHONPATH.
    """
    package = Path(__file__).resolve().parent
    installed = package / "_service"
    return installed if installed.is_dir() else package.parent
