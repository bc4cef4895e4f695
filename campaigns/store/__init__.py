"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.operator_store import Approval, OperatorStore, RunView
from campaigns.store.run_store import FEEDER, RedisRuns

__all__ = ["FEEDER", "Approval", "OperatorStore", "RedisRuns", "RunView"]
