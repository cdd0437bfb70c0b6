"""Settings from the environment, read at the edges only (command line, API and worker start)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import AliasChoices, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from lrsearch.errors import Misconfigured


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
    """SQLAlchemy URL, `postgresql://...`; left out, SQLite under `home`."""

    database_password_file: Path | None = None
    """File with the password of `database_url`, which then names a user and no password: keeps it out of the environment."""

    redis_url: str | None = Field(default=None, validation_alias=AliasChoices("REDIS_URL", "LRSEARCH_REDIS_URL"))
    """`redis://...` of the broker; left out, the embedded service starts its own."""

    artifacts_dir: Path | None = None
    """Folder of the artifact store; left out, `home`/artifacts."""

    data_dir: Path | None = None
    """Where data sets are looked for first."""

    downloads: Literal["auto", "never"] = "auto"
    """`never` refuses a job whose data is not on the machine at submission; `auto` lets the worker fetch it."""

    data_budget_bytes: Annotated[int, Field(ge=1)] | None = None
    """Memory that a data set may take in a worker; larger ones are streamed from disk, with the same results. Left out, an eighth of what the process may use, on a GPU at most a quarter of its memory."""

    device: Literal["auto", "cpu", "gpu"] = "auto"
    """What the worker trains on; `gpu` refuses to start without one."""

    trainer: Literal["keras", "toy"] = "keras"
    """`toy` trains a noisy quadratic bowl instead of Keras models: for trying and testing the service itself."""

    toy_seconds_per_step: Annotated[float, Field(ge=0)] = 0.0
    """How long the toy trainer takes for an update, beyond the microseconds it needs: makes slow jobs for tests."""

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
        """The database to use: the one set, with the password from its file; else SQLite under `home`.

        Raises:
            Misconfigured: the password file cannot be read, is empty, or does not fit the URL.
        """
        if self.database_url is None:
            return f"sqlite:///{(self.home / 'lrsearch.db').resolve()}"
        if self.database_password_file is None:
            return self.database_url
        return _with_password(self.database_url, _password_in(self.database_password_file))

    def scratch_dir(self) -> Path:
        """Folder of the files that data sets are streamed from; they have no names and end with their process."""
        return self.home / "scratch"

    def resolved_artifacts_dir(self) -> Path:
        """The artifact store's folder: the one set, else below `home`."""
        return self.artifacts_dir or self.home / "artifacts"


def load() -> Settings:
    """The settings of the environment.

    Raises:
        Misconfigured: a variable's value cannot be used; the sentence names each such variable.
    """
    try:
        return Settings()
    except ValidationError as error:
        names = {name: _variable(name, field) for name, field in Settings.model_fields.items()}
        wrong = [
            f"{names.get(str(details['loc'][0]), details['loc'][0])} is {details['input']!r} ({details['msg']})"
            for details in error.errors()
        ]
        raise Misconfigured("; ".join(wrong) + "; correct or unset it.") from None


def service_root() -> Path:
    """The folder that holds the packages `api`, `worker` and `migrations`.

    In a checkout they stand beside `lrsearch/`; in an installed wheel below `lrsearch/_service/`, so that nobody's
    site-packages gets packages with such general names. Child processes get this folder first on PYTHONPATH.
    """
    package = Path(__file__).resolve().parent
    installed = package / "_service"
    return installed if installed.is_dir() else package.parent


def variables() -> dict[str, FieldInfo]:
    """Every environment variable that is read, with its field: the source of the table in docs/operate.md."""
    return {_variable(name, field): field for name, field in Settings.model_fields.items()}


def _variable(name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"LRSEARCH_{name.upper()}"


def _password_in(path: Path) -> str:
    remedy = "write the password into it, or unset LRSEARCH_DATABASE_PASSWORD_FILE."
    try:
        password = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise Misconfigured(f"The database password file {path} cannot be read ({reason}); {remedy}") from None
    if not password:
        raise Misconfigured(f"The database password file {path} is empty; {remedy}")
    return password


def _with_password(url: str, password: str) -> str:
    """`scheme://user@rest` -> `scheme://user:password@rest`."""
    authority = urlsplit(url).netloc
    user, at, place = authority.rpartition("@")
    if not at or not user or ":" in user:
        raise Misconfigured(
            "DATABASE_URL must name a user and no password when LRSEARCH_DATABASE_PASSWORD_FILE is set: "
            "postgresql://user@host/name."
        )
    return url.replace(authority, f"{user}:{quote(password, safe='')}@{place}", 1)
