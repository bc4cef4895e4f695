"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.operator_store import Approval, OperatorStore, RunView
from campaigns.store.run_store import RedisRuns

__all__ = ["Approval", "OperatorStore", "RedisRuns", "RunView"]
