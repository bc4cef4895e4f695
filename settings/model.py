"""All settings of the application."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from settings.account import AccountSettings
from settings.addresses import check_redis_url
from settings.campaigns import CampaignSettings
from settings.console import ConsoleSettings
from settings.numbers import CertainNumbers
from settings.units import FernetKey, Seconds, Text, WholeSeconds, secret

# Besides its wait and its call, a job needs a moment for Redis and for itself.
_LEASE_MARGIN_S = 10

AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]


def _upper(value: Any) -> Any:  # noqa: ANN401 - any value of a source; pydantic validates it next
    return value.upper() if isinstance(value, str) else value


def _user_cache_dir() -> Path | None:
    try:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # an account without a home keeps no copy
        return None
    return root / "revio" / "wsdl"


class RedisSettings(CertainNumbers):
    """Where Redis is: all that a producer needs.

    Made directly it reads no environment; `settings.load_redis` does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    redis_url: Annotated[SecretStr, secret(check_redis_url)] = Field(
        default=SecretStr("redis://127.0.0.1:6379/0"),
        description="Redis of queues, limits, ledger and results: `redis://`, `rediss://` (TLS), "
        "`unix://`, `sentinel://host:26379/0;sentinel://…` or `sentinels://` (TLS); see "
        "docs/redis.md. A secret when it holds a password.",
    )
    redis_sentinel_master: Text = Field(
        default="mymaster", description="Name of the master that the sentinels watch."
    )


class Settings(ConsoleSettings, CampaignSettings, RedisSettings):
    """Immutable and complete: whoever holds one needs to check nothing.

    Made directly it reads no environment; `settings.load` does.
    """

    accounts: dict[AccountName, AccountSettings] = Field(
        min_length=1, description="The accounts at Rev.io by name; at least one."
    )
    key_retention_s: WholeSeconds = Field(
        default=7 * 86_400,
        description="Seconds for which an idempotency key is remembered after its job ended.",
    )
    result_retention_s: WholeSeconds = Field(
        default=86_400,
        description="Seconds for which a result can be collected. Not more than the key's.",
    )
    dead_letter_retention_s: WholeSeconds = Field(
        default_factory=lambda data: data["key_retention_s"],
        description="Seconds for which a job that failed for good is kept for `revio dead`. Not "
        "more than the key's: a retry must still hear what newer jobs have set.",
        json_schema_extra={"default_text": "as the key"},
    )
    max_permit_wait_s: Seconds = Field(
        default=15,
        description="Seconds that a job waits in a worker for its permit; then it is requeued.",
    )
    result_inline_bytes: int = Field(
        default=128 * 1024,
        ge=0,
        description="Bytes of JSON beyond which a query's records are stored as compressed pages "
        "next to the Celery result.",
    )
    answer_cache_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=0,
        description="Bytes of JSON that a worker keeps of answers to queries with a `max_age`.",
    )
    lease_s: Seconds = Field(
        default=45,
        description="Seconds after which the job of a silent worker goes to another one. It is "
        "renewed before each update call, and must outlast the wait and the call.",
    )
    visibility_timeout_s: WholeSeconds = Field(
        default=30,
        ge=15,
        description="Seconds after which messages of a silent worker are delivered again. A worker "
        "reports every 5 seconds what it holds.",
    )
    stop_grace_s: Seconds = Field(
        default=30,
        description="Seconds after which a worker that was told to stop leaves while nothing runs, "
        "even if Redis does not answer.",
    )
    threads: int = Field(
        default=16,
        ge=1,
        le=512,
        description="Threads of a worker for its jobs, and so updates at a time.",
    )
    query_threads: int = Field(
        default=128,
        ge=1,
        le=1024,
        description="Queries that a worker holds besides, each in a thread of its own: they wait "
        "together and share calls.",
    )
    sweep_interval_s: Seconds = Field(
        default=2, description="Seconds between two searches for jobs that the queue has lost."
    )
    sweep_after_s: Seconds = Field(
        default=20,
        description="Seconds for which a job must be missing from its queue to count as lost.",
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = (
        Field(
            default="INFO",
            description="Least severe level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`.",
        )
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json`, `console`, or `auto`: `console` on a terminal, `json` elsewhere.",
    )
    heartbeat_dir: Path | None = Field(
        default=None,
        description="Directory in which a worker touches the file `alive` every 5 seconds, and "
        "`ready` while it takes jobs; `deploy/probe.sh` looks at them. One directory per worker.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65_535,
        description="Port at which a worker serves its own metrics for Prometheus; 0: it does not. "
        "Workers on one host need one each.",
    )
    metrics_address: Text = Field(
        default="127.0.0.1",
        description="Address of that port; `0.0.0.0` for all of the host's.",
    )
    session_key: FernetKey | None = Field(
        default=None,
        description="Fernet key that encrypts the vendor's sessions in Redis. A secret. If "
        "omitted, each process keeps its own session.",
    )
    wsdl_cache_dir: Path | None = Field(
        default_factory=_user_cache_dir,
        description="Directory for copies of the WSDLs, used when the vendor's cannot be had.",
        json_schema_extra={"default_text": "`revio/wsdl` in the user's cache directory"},
    )

    @field_validator("result_retention_s", "dead_letter_retention_s")
    @classmethod
    def _key_outlives_the_rest(cls, value: int, info: ValidationInfo) -> int:
        key_s = info.data.get("key_retention_s")
        if key_s is not None and value > key_s:
            raise ValueError(f"must not exceed REVIO_KEY_RETENTION_S ({key_s})")
        return value

    @field_validator("lease_s")
    @classmethod
    def _lease_outlasts_a_job(cls, value: float, info: ValidationInfo) -> float:
        wait_s = info.data.get("max_permit_wait_s", 0.0)
        calls = [account.call_timeout_s for account in info.data.get("accounts", {}).values()]
        needed_s = max([wait_s, *calls]) + _LEASE_MARGIN_S
        if value < needed_s:
            raise ValueError(
                f"could end during a call: it must be at least {needed_s:g}, the longer of "
                f"REVIO_MAX_PERMIT_WAIT_S and CALL_TIMEOUT_S, plus {_LEASE_MARGIN_S} seconds"
            )
        return value
