"""The ledger: every update that was accepted, and how far it has come."""

from worker.ledger.audit import Audit, Auditor, Balance, Discrepancy, audited_accounts
from worker.ledger.dead_letter import DeadLetter, Failure
from worker.ledger.dead_letters import DeadLetters, Retried, Wanted
from worker.ledger.history import FIRST, EndedUpdate, History
from worker.ledger.memory_ledger import MemoryLedger
from worker.ledger.overdue import Overdue, overdue_updates
from worker.ledger.redis_ledger import BeforeSettling, RedisLedger
from worker.ledger.redis_writes import RedisWrites
from worker.ledger.retention import LedgerTimes
from worker.ledger.sweep import Sweeper, Swept
from worker.ledger.withdrawals import (
    Selection,
    WaitingUpdate,
    Withdrawal,
    Withdrawals,
    latest_withdrawals,
)

__all__ = [
    "FIRST",
    "Audit",
    "Auditor",
    "Balance",
    "BeforeSettling",
    "DeadLetter",
    "DeadLetters",
    "Discrepancy",
    "EndedUpdate",
    "Failure",
    "History",
    "LedgerTimes",
    "MemoryLedger",
    "Overdue",
    "RedisLedger",
    "RedisWrites",
    "Retried",
    "Selection",
    "Sweeper",
    "Swept",
    "WaitingUpdate",
    "Wanted",
    "Withdrawal",
    "Withdrawals",
    "audited_accounts",
    "latest_withdrawals",
    "overdue_updates",
]
