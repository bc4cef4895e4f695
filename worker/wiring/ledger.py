"""How long the ledger keeps and reserves things, from the settings."""

from __future__ import annotations

from settings import Settings
from worker.ledger import LedgerTimes


def ledger_times(settings: Settings) -> LedgerTimes:
    """One for all accounts: the slowest of them decides how long a call may be under way."""
    return LedgerTimes(
        lease_s=settings.lease_s,
        quiet_s=max(
            account.call_timeout_s + account.execution_s for account in settings.accounts.values()
        ),
        result_retention_s=settings.result_retention_s,
        key_retention_s=settings.key_retention_s,
        dead_retention_s=settings.dead_letter_retention_s,
    )
