"""An account at the vendor, from the settings."""

from __future__ import annotations

from settings import AccountSettings, Settings
from worker.soap import SESSION_EXPIRED_MESSAGE, TRANSIENT_MESSAGE, SoapConfig


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
        call_timeout_s=account.call_timeout_s,
        connect_timeout_s=account.connect_timeout_s,
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
