"""Campaigns in a worker: the feeder of each account, and the check before each call."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from celery import Celery
from redis import Redis
from redis.exceptions import RedisError

from campaigns.run.feeder import CampaignFeeder
from campaigns.run.send_check import CampaignSendCheck
from campaigns.run.share import FeederLimits
from campaigns.store import RedisRuns
from campaigns.store.bulk_jobs import BulkJobs
from campaigns.store.keys import AccountKeys
from revio_jobs import Lane, RevioJobs
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.errors import Unavailable
from revio_jobs.results import ResultStore
from settings import Settings
from tasks.ports import Call, Filters, Gateway, PartlyReadable, Purpose, UnreadableRecord
from tasks.query.culprits import query_apart
from worker.soap.wsdl.schema import Schema
from worker.wiring.bulk_lane import CampaignLane
from worker.wiring.terms import setting_rails

# A stage of a campaign begins with a reading, and so with a schema that is no older than this.
_SCHEMA_AGE_S = 60.0

# A change that does not show at once is read again for at least this long.
_READ_BACK_PATIENCE_S = 5.0


class VendorProducts:
    """Implements the feeder's Products port on an account's gateway."""

    def __init__(self, account: str, gateway: Gateway) -> None:
        self._call = Call(account, Lane.BULK, Purpose.QUERY)
        self._gateway = gateway

    def read(self, ids: Sequence[int]) -> Mapping[int, CustomerProductRecord | UnreadableRecord]:
        """See the port."""
        self._gateway.check_schema(_SCHEMA_AGE_S)
        try:
            records = query_apart(self._gateway, Filters(ids=tuple(ids)), self._call)
        except PartlyReadable as exc:
            records, faults = exc.records, exc.unreadable
        else:
            faults = ()
        readable = {record["customer_product_id"]: record for record in records}
        named = {fault.customer_product_id: fault for fault in faults}
        unreadable = {one: fault for one, fault in named.items() if one is not None}
        # Any product that is not in the answer may be the one whose ID cannot be read.
        missing = dict.fromkeys(ids, named[None]) if None in named else {}
        return {**missing, **readable, **unreadable}


@dataclass(frozen=True, slots=True)
class CampaignWork:
    """The parts of campaigns that run in this process."""

    gate: CampaignSendCheck
    runs: RedisRuns
    feeders: Mapping[str, CampaignFeeder]
    """Feeders by account; each needs its own thread, since reading waits for the vendor."""

    def close(self) -> None:
        """Release the leases, so that other workers go on at once (else when the leases end)."""
        with suppress(Unavailable):
            for feeder in self.feeders.values():
                feeder.release()


def open_campaigns(
    settings: Settings,
    redis: Redis,
    app: Celery,
    gateways: Mapping[str, Gateway],
    lane: CampaignLane,
) -> CampaignWork:
    """Connects lazily."""
    runs = RedisRuns(redis, lease_s=settings.lease_s, keep_s=settings.campaign_retention_s)
    jobs = BulkJobs(RevioJobs(app, redis), ResultStore(app, redis))
    return CampaignWork(
        CampaignSendCheck(runs, lane, setting_rails(settings)),
        runs,
        {
            name: CampaignFeeder(
                name,
                runs=runs,
                jobs=jobs,
                products=VendorProducts(name, gateways[name]),
                lane=lane,
                limits=FeederLimits(
                    max_in_flight=settings.campaign_window,
                    ids_per_call=account.ids_per_call,
                    fresh_s=settings.campaign_fresh_s,
                    read_back_patience_s=max(account.read_back_lag_s, _READ_BACK_PATIENCE_S),
                ),
            )
            for name, account in settings.accounts.items()
        },
    )


def note_clearable(redis: Redis, account: str, schema: Schema) -> None:
    """Tell planners which fields the vendor's schema can empty. Never raises."""
    names = sorted(field.name for field in schema.changes.values() if field.can_clear)
    with suppress(RedisError):
        redis.set(AccountKeys(account).clearable, json.dumps(names))
