"""An account at the vendor, from the settings."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog

from revio_jobs.contracts import Lane
from revio_jobs.errors import Unavailable
from settings import AccountSettings, Settings
from worker.limiter import DayEnds, LanePauses, LimitRules, Pause, day_disagreement
from worker.soap import SESSION_EXPIRED_MESSAGE, TRANSIENT_MESSAGE, SoapConfig

_log = structlog.get_logger(__name__)

_WORKER = "the worker"


def soap_config(name: str, account: AccountSettings, settings: Settings) -> SoapConfig:
    """The gateway's view of an account."""
    return SoapConfig(
        account=name,
        endpoint=account.endpoint,
        username=account.username,
        password=account.password,
        client_code=account.client_code,
        subscription_key=account.subscription_key,
        wsdl=account.wsdl,
        wsdl_cache=settings.wsdl_cache_dir,
        wsdl_check_s=account.wsdl_check_s,
        proves_first_update=account.wsdl_first_update_read_back and not account.read_back_lag_s,
        call_timeout_s=account.call_timeout_s,
        connect_timeout_s=account.connect_timeout_s,
        execution_s=account.execution_s,
        max_answer_bytes=account.max_answer_bytes,
        max_connections=settings.threads,
        session_lifetime_s=account.session_lifetime_s,
        session_expired_codes=frozenset(account.session_expired_codes),
        session_expired_message=account.session_expired_message or SESSION_EXPIRED_MESSAGE,
        transient_codes=frozenset(account.transient_codes),
        transient_message=account.transient_message or TRANSIENT_MESSAGE,
        login_refused_codes=frozenset(account.login_refused_codes),
        use_environment_proxies=account.use_environment_proxies,
    )


def pause_lanes(pauses: LanePauses, account: str, reason: str) -> None:
    """Stop the account until an operator has looked at the reason.

    An operator's pause stays, and gives this reason too. If several workers find the same, only the
    one that stops the account logs it.
    """
    ours = Pause(reason, _WORKER, datetime.now(UTC))
    is_news = [pauses.pause(account, lane, ours) for lane in Lane]
    if not any(is_news):
        return
    fix = "see revio doctor; revio lane resume once updates are safe"
    _log.error("updates_stopped", account=account, reason=reason, fix=fix)


def note_day_end(ends: DayEnds, account: str, rules: LimitRules, ends_at: float) -> None:
    """Store when the vendor's day ends. Never raises: the answer that said so is handled anyway."""
    try:
        ends.note(account, ends_at)
    except Unavailable as exc:
        _log.warning("day_end_not_noted", account=account, reason=str(exc))
    if differs := day_disagreement(ends_at, rules):
        fix = "set DAY_RESET_HOUR and DAY_RESET_TIMEZONE; revio doctor says to what"
        _log.warning("day_reset_differs", account=account, reason=differs, fix=fix)
