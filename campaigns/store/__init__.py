"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.operator_store import OperatorStore, RunList, RunView
from campaigns.store.plan_decisions import Approval, PlanDecisions
from campaigns.store.run_store import FEEDER, RedisRuns

__all__ = [
    "FEEDER",
    "Approval",
    "OperatorStore",
    "PlanDecisions",
    "RedisRuns",
    "RunList",
    "RunView",
]
