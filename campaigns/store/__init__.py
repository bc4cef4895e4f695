"""Campaigns in Redis: plans' approvals, runs' rows, progress and outcomes."""

from campaigns.store.bulk_jobs import BulkJobs
from campaigns.store.operator_store import Approval, OperatorStore, RunView
from campaigns.store.run_store import RedisRuns

__all__ = ["Approval", "BulkJobs", "OperatorStore", "RedisRuns", "RunView"]
