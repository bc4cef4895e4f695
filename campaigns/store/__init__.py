"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.operator_store import OperatorStore
from campaigns.store.plan_decisions import Approval, PlanDecisions
from campaigns.store.run_store import FEEDER, RedisRuns
from campaigns.store.run_view import RunList, RunView

__all__ = [
    "FEEDER",
    "Approval",
    "OperatorStore",
    "PlanDecisions",
    "RedisRuns",
    "RunList",
    "RunView",
]
