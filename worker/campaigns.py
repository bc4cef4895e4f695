"""Campaigns in a worker: the feeder of each account, and the gate before each call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from celery import Celery
from redis import Redis

from campaigns.rounding import Rounding
from campaigns.store import BulkJobs, RedisRuns
from campaigns.terms import Terms, fingerprint
from revio_jobs import Lane, RevioJobs
from revio_jobs.contracts import CustomerProductRecord
from revio_jobs.results import ResultStore
from settings import Settings
from tasks.campaign import CampaignFeeder, FeederLimits
from tasks.campaign_run import HaltRules
from tasks.errors import Unavailable
from tasks.gate import CampaignGate
from tasks.ports import Call, Filters, Gateway, Purpose
from tasks.rails import Guard, Rails

# How long a query may lag behind a change, by the account's READ_BACK.
_READ_BACK_PATIENCE_S = {"immediate": 5.0, "deferred": 300.0}


class VendorProducts:
    """Implements the feeder's Products port on an account's gateway."""

    def __init__(self, account: str, gateway: Gateway) -> None:
        self._call = Call(account, Lane.BULK, Purpose.QUERY)
        self._gateway = gateway

    def read(self, ids: Sequence[int]) -> dict[int, CustomerProductRecord]:
        """See the port."""
        found = self._gateway.query(Filters(ids=tuple(ids)), self._call)
        return {record["customer_product_id"]: record for record in found}


@dataclass(frozen=True, slots=True)
class CampaignWork:
    """What of campaigns runs in this process."""

    gate: CampaignGate
    runs: RedisRuns
    feeders: Mapping[str, CampaignFeeder]
    """By account; each needs a thread of its own, since reading waits for the vendor."""

    def close(self) -> None:
        """Other workers go on at once; if Redis is away, when the lease ends."""
        with suppress(Unavailable):
            for feeder in self.feeders.values():
                feeder.release()


def open_campaigns(
    settings: Settings, redis: Redis, app: Celery, gateways: Mapping[str, Gateway]
) -> CampaignWork:
    """Connects lazily."""
    runs = RedisRuns(redis, lease_s=settings.lease_s, keep_s=settings.campaign_retention_s)
    jobs = BulkJobs(RevioJobs(app, redis), ResultStore(app, redis))
    return CampaignWork(
        CampaignGate(runs, setting_rails(settings)),
        runs,
        {
            name: CampaignFeeder(
                name,
                runs=runs,
                jobs=jobs,
                products=VendorProducts(name, gateways[name]),
                limits=FeederLimits(
                    window=settings.campaign_window,
                    ids_per_call=account.ids_per_call,
                    fresh_s=settings.campaign_fresh_s,
                    read_back_patience_s=_READ_BACK_PATIENCE_S[account.read_back],
                ),
            )
            for name, account in settings.accounts.items()
        },
    )


def setting_rails(settings: Settings) -> Rails:
    """The guard rails that the settings ask for."""
    return Rails(tuple(Guard.parse(rail, text) for rail, text in settings.rails.items()))


def campaign_terms(settings: Settings, account: str) -> Terms:
    """What the settings hold an account's campaigns to. Raises KeyError for an unknown account."""
    known = settings.accounts[account]
    return Terms(
        account,
        fingerprint(known.endpoint, known.client_code),
        ids_per_call=known.ids_per_call,
        rails=setting_rails(settings),
        rounding=Rounding(settings.campaign_round_step, settings.campaign_round_mode),
        four_eyes=settings.campaign_four_eyes,
        halt=HaltRules(
            float(settings.campaign_halt_errors_percent),
            float(settings.campaign_halt_drift_percent),
            settings.campaign_halt_after,
        ),
        zone=known.day_reset_timezone,
        keep_s=settings.campaign_retention_s,
    )
