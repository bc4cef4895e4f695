"""What is to be known about one account at Rev.io."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from settings.addresses import check_endpoint, check_wsdl
from settings.numbers import CertainNumbers
from settings.units import (
    Codes,
    Count,
    HeaderSecret,
    ReadBackLag,
    Seconds,
    Secret,
    Text,
    TimeZone,
    check_pattern,
)

_HEADROOM_SHARE = 20  # one twentieth of the minute
_RESERVE_SHARE = 30  # one thirtieth of the day
_READ_BACK_LAG_S = {"immediate": 0.0, "deferred": 300.0}


def lag_of(read_back: str | float) -> float:
    """Seconds that a value of READ_BACK stands for."""
    known = _READ_BACK_LAG_S.get(str(read_back))
    return float(read_back) if known is None else known


def _headroom(data: dict[str, Any]) -> int:
    return int(data["calls_per_minute"]) // _HEADROOM_SHARE


def _reserve(data: dict[str, Any]) -> int:
    return int(data["calls_per_day"]) // _RESERVE_SHARE


class AccountSettings(CertainNumbers):
    """One account: where it is, who we are there, and what we may use of it."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    endpoint: Annotated[str, AfterValidator(check_endpoint)] = Field(
        description="Address of the SOAP service. https, or http on this machine.",
    )
    wsdl: Annotated[str, AfterValidator(check_wsdl)] | None = Field(
        default=None,
        description="Path or address of the WSDL. If omitted, the endpoint with `?WSDL`.",
    )
    wsdl_check_s: Seconds = Field(
        default=300,
        description="Seconds after which one worker asks whether the WSDL has changed. A change "
        "for the worse pauses the account's lanes.",
    )
    wsdl_first_update_read_back: bool = Field(
        default=True,
        description="Whether, after the WSDL has changed, one update is read back before others "
        "go. It takes effect with `READ_BACK=immediate` only.",
    )
    username: Text = Field(description="Login of the API user.")
    password: Secret = Field(description="Password of the API user. A secret.")
    client_code: Text = Field(
        description="Rev.io's client code. It alone decides between production and sandbox.",
    )
    subscription_key: HeaderSecret | None = Field(
        default=None,
        description="`Ocp-Apim-Subscription-Key` of the gateway. A secret.",
    )
    calls_per_minute: Count = Field(
        default=500,
        description="Calls that we may make in any 60 seconds, wherever they start.",
    )
    calls_per_day: Count = Field(default=150_000, description="Calls that we may make in a day.")
    day_reset_hour: int = Field(
        default=0, ge=0, le=23, description="Hour (0 to 23) at which the day's calls are reset."
    )
    day_reset_timezone: TimeZone = Field(
        default="UTC", description="Time zone of that hour, an IANA name."
    )
    business_timezone: TimeZone = Field(
        default_factory=lambda data: data["day_reset_timezone"],
        description="Time zone in which campaigns' times are read and shown, an IANA name.",
        json_schema_extra={"default_text": "as `DAY_RESET_TIMEZONE`"},
    )
    bulk_headroom_per_minute: NonNegativeInt = Field(
        default_factory=_headroom,
        description="Maximum calls per minute reserved for interactive jobs. Grows when "
        "interactive calls were delayed, shrinks when they were not.",
        json_schema_extra={"default_text": "5 % of the minute (25)"},
    )
    bulk_reserve_per_day: NonNegativeInt = Field(
        default_factory=_reserve,
        description="Calls per day reserved for interactive jobs.",
        json_schema_extra={"default_text": "a thirtieth of the day (5000)"},
    )
    bulk_policy: Literal["asap", "even"] = Field(
        default="asap",
        description="`asap`: bulk calls go out as soon as the limits allow; `even`: they are "
        "spread over the time to the day's reset.",
    )
    call_timeout_s: Seconds = Field(
        default=30, description="Seconds that a call may take in all, connecting included."
    )
    connect_timeout_s: Seconds = Field(
        default=5, description="Seconds that connecting may take. Not more than the call."
    )
    execution_s: Seconds = Field(
        default=20,
        description="Seconds for which the vendor may still be executing a call that it gave no "
        "answer to. Only after that a query can tell what became of it.",
    )
    max_answer_bytes: Count = Field(
        default=64 * 1024 * 1024, description="Bytes of an answer beyond which it is refused."
    )
    session_lifetime_s: Seconds = Field(
        default=1200, description="Seconds after which a session is renewed unasked."
    )
    session_expired_codes: Annotated[Codes, NoDecode] = Field(
        default=(),
        description="Error codes, separated by commas, by which the vendor says that a session "
        "has expired.",
    )
    session_expired_message: Annotated[str, AfterValidator(check_pattern)] | None = Field(
        default=None,
        description="Regular expression for the vendor's message of an expired session. If "
        "omitted, what such messages commonly say.",
    )
    transient_codes: Annotated[Codes, NoDecode] = Field(
        default=(),
        description="Error codes, separated by commas, of refusals that are transient, such "
        "as a deadlock. Such a call is retried.",
    )
    transient_message: Annotated[str, AfterValidator(check_pattern)] | None = Field(
        default=None,
        description="Regular expression for the messages of such refusals. If omitted: deadlock, "
        "expired time-out, maintenance, busy or temporarily unavailable service.",
    )
    login_refused_codes: Annotated[Codes, NoDecode] = Field(
        default=("S2005",),
        description="Error codes, separated by commas, by which the vendor refuses a login. A "
        "refused login is not retried: repeated failures can lock the account.",
        json_schema_extra={"default_text": "`S2005`"},
    )
    ids_per_call: int = Field(
        default=200, ge=1, le=10_000, description="Filter values that one query call may carry."
    )
    read_back: Literal["immediate", "deferred"] | ReadBackLag = Field(
        default="immediate",
        description="`immediate` if a query right after an update shows the new value; else the "
        "seconds after which it does, as `revio certify` has measured them: an update of unknown "
        "outcome is reported, never sent again; one that expects something waits for so long "
        "after the product's last update, and none is skipped as unchanged. `deferred` is 300.",
    )
    use_environment_proxies: bool = Field(
        default=False, description="Whether proxy variables such as `HTTPS_PROXY` apply to calls."
    )

    @property
    def wsdl_location(self) -> str:
        """Path or address to load the WSDL from."""
        return self.wsdl or f"{self.endpoint}?WSDL"

    @property
    def read_back_lag_s(self) -> float:
        """How long a query may lag behind a change, in seconds."""
        return lag_of(self.read_back)

    @field_validator("bulk_headroom_per_minute")
    @classmethod
    def _headroom_leaves_calls(cls, value: int, info: ValidationInfo) -> int:
        return _below(value, info.data.get("calls_per_minute"), "CALLS_PER_MINUTE")

    @field_validator("bulk_reserve_per_day")
    @classmethod
    def _reserve_leaves_calls(cls, value: int, info: ValidationInfo) -> int:
        return _below(value, info.data.get("calls_per_day"), "CALLS_PER_DAY")

    @field_validator("connect_timeout_s")
    @classmethod
    def _connecting_is_part_of_the_call(cls, value: float, info: ValidationInfo) -> float:
        call_timeout_s = info.data.get("call_timeout_s")
        if call_timeout_s is not None and value > call_timeout_s:
            raise ValueError(f"must not exceed CALL_TIMEOUT_S ({call_timeout_s:g})")
        return value


def _below(value: int, limit: int | None, name: str) -> int:
    """`limit` is None when it is itself at fault, which is reported on its own."""
    if limit is not None and value >= limit:
        raise ValueError(f"must be less than {name} ({limit}), or the bulk lane could never run")
    return value
