"""A worker's parts, put together from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from celery import Celery

from revio_jobs.message import encode_message
from settings import Settings
from tasks.query.answer_cache import Answers, lag_left_s
from tasks.query.batcher import Batcher
from tasks.query.handler import QueryHandler, QueryTarget
from tasks.update.attempt import UpdateTarget
from tasks.update.handler import UpdateHandler
from worker.ledger import BeforeSettling, RedisLedger, RedisWrites, Sweeper
from worker.limiter import DayEnds, LaneClosures, LanePauses, RedisLimiter, WaitingPermits
from worker.meters import MeteredPermits, WorkerMetrics
from worker.redis_kit.auto_pipeline import AutoPipeline, shared_redis
from worker.redis_kit.result_pages import RedisPages
from worker.soap import RedisSessionStore, RedisWsdlStates, RevioGateway, link_waiting, open_gateway
from worker.wiring.bulk_lane import CampaignLane
from worker.wiring.campaigns import CampaignWork, note_clearable, open_campaigns
from worker.wiring.ledger import ledger_times
from worker.wiring.limits import limit_rules, open_limiter
from worker.wiring.terms import business_times
from worker.wiring.vendor import note_day_end, pause_lanes, soap_config

_LOGIN_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Application:
    """The parts that run jobs, connected."""

    redis: AutoPipeline
    limiter: RedisLimiter
    closures: LaneClosures
    gateways: Mapping[str, RevioGateway]
    queries: QueryHandler
    updates: UpdateHandler
    ledger: RedisLedger
    sweeper: Sweeper
    campaigns: CampaignWork

    def close(self) -> None:
        """End sessions at the vendor and connections to Redis."""
        self.campaigns.close()
        for gateway in self.gateways.values():
            gateway.close()
        self.redis.close()


def open_application(
    settings: Settings,
    app: Celery,
    metrics: WorkerMetrics | None = None,
    *,
    before_settling: BeforeSettling = lambda *_: None,
) -> Application:
    """Connects lazily: neither Redis nor the vendor need be up yet. `app` shapes the messages.

    `metrics`: what counts the calls, if anybody reads it. `before_settling`: see RedisLedger.
    """
    metrics = metrics or WorkerMetrics()
    redis = shared_redis(settings.redis_url.get_secret_value(), settings.redis_sentinel_master)
    limiter = open_limiter(settings, redis)
    permits = MeteredPermits(WaitingPermits(limiter, settings.max_permit_wait_s), metrics)
    slowest_call_s = max(account.call_timeout_s for account in settings.accounts.values())
    sessions = RedisSessionStore(
        redis,
        settings.session_key,
        login_s=settings.max_permit_wait_s + slowest_call_s + _LOGIN_MARGIN_S,
    )
    gateways = {
        name: open_gateway(
            soap_config(name, account, settings),
            permits,
            sessions,
            partial(note_clearable, redis, name),
            states=RedisWsdlStates(redis),
            on_wsdl_worse=partial(pause_lanes, LanePauses(redis), name),
            observer=metrics,
            on_day_end=partial(note_day_end, DayEnds(redis), name, limit_rules(account)),
        )
        for name, account in settings.accounts.items()
    }
    ledger = RedisLedger(
        redis,
        ledger_times(settings),
        encode=partial(encode_message, app),
        before_settling=before_settling,
    )
    closures, writes = LaneClosures(LanePauses(redis), limiter), RedisWrites(redis)
    lane = CampaignLane(closures, business_times(settings))
    campaigns = open_campaigns(settings, redis, app, gateways, lane)
    return Application(
        redis=redis,
        limiter=limiter,
        closures=closures,
        gateways=gateways,
        queries=QueryHandler(
            {
                name: QueryTarget(gateways[name], account.ids_per_call, account.calls_per_minute)
                for name, account in settings.accounts.items()
            },
            RedisPages(redis, settings.result_retention_s),
            Answers(
                writes,
                settings.answer_cache_bytes,
                {name: account.read_back_lag_s for name, account in settings.accounts.items()},
            ),
            inline_bytes=settings.result_inline_bytes,
            on_share=link_waiting,
        ),
        updates=UpdateHandler(
            {
                name: UpdateTarget(
                    gateways[name],
                    Batcher(
                        gateways[name],
                        account.ids_per_call,
                        account.calls_per_minute,
                        on_share=link_waiting,
                    ),
                    execution_s=account.execution_s,
                    read_lag_s=account.read_back_lag_s,
                    lag_left_s=partial(lag_left_s, writes, name, account.read_back_lag_s),
                    send_check=campaigns.gate,
                    fresh_s=settings.campaign_fresh_s,
                )
                for name, account in settings.accounts.items()
            },
            ledger,
        ),
        ledger=ledger,
        sweeper=Sweeper(
            redis,
            ledger.republisher,
            settings.accounts,
            interval_s=settings.sweep_interval_s,
            lost_after_s=settings.sweep_after_s,
        ),
        campaigns=campaigns,
    )
