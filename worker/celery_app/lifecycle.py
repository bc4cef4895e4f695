"""What a worker process does besides running jobs: logs, the sweep, an orderly end."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import structlog
from celery import Celery, signals
from celery.utils.nodenames import default_nodename
from celery.worker import state as worker_state
from prometheus_client import start_http_server

from revio_jobs.connection import connect_redis
from revio_jobs.contracts import Lane, parse_queue_name
from revio_jobs.errors import Unavailable
from settings import Settings
from worker.celery_app.control import (
    LaneCommands,
    Revoking,
    let_events_be_disabled,
    mask_stats,
    refuse_commands,
    stop_as_at_sigterm,
)
from worker.celery_app.feeder_thread import LOOK_INTERVAL_S, FeederThreads
from worker.celery_app.heartbeat import Heartbeat, Readiness
from worker.celery_app.held_messages import HOLD_INTERVAL_S, renew_what_is_left
from worker.celery_app.lane_activity import lane_activity
from worker.celery_app.lane_control import LaneControl
from worker.celery_app.log_dedup import Round
from worker.celery_app.logs import configure_logs
from worker.celery_app.oversight import OVERSIGHT_INTERVAL_S, Oversight
from worker.celery_app.redis_guard import RedisGuard, refuse_eviction
from worker.celery_app.refusals import (
    given_log_level,
    refuse_options,
    refuse_options_without_effect,
    refuse_queues,
    refuse_repeated_options,
)
from worker.celery_app.refused_queries import RefusedQueries
from worker.celery_app.restart import make_restartable, restart_by_deadline
from worker.celery_app.revocations import READ_EVERY_S, Revocations
from worker.celery_app.run_events import RunEvents
from worker.celery_app.settled_results import store_with_settlement
from worker.celery_app.start_refusal import check_before_detaching, essential, refuse_start
from worker.celery_app.stop_deadline import StopDeadline
from worker.celery_app.tracing import untrace_thread, untraced
from worker.celery_app.worker_name import WorkerNames
from worker.limiter.limits_drift import NOTED_EVERY_S, PublishedLimits
from worker.meters import RedisMeter, WorkerMetrics
from worker.redis_kit.auto_pipeline import shared_redis
from worker.redis_kit.refusal_log import log_refusal
from worker.redis_kit.scripts import fail_closed
from worker.wiring.application import Application, open_application

_log = structlog.get_logger(__name__)

_LANES_INTERVAL_S = 1.0


class Lifecycle:
    """Follows Celery's signals. The application opens when the worker starts, or at first use."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._lock = threading.Lock()
        self._application: Application | None = None
        self._names = WorkerNames(socket.gethostname())
        self.metrics = WorkerMetrics()
        """What this process counts of its jobs and calls."""
        self._lane_control: LaneControl | None = None
        self._published_limits: PublishedLimits | None = None
        self._ended = threading.Event()
        app.steps["consumer"].add(RedisGuard)
        if settings.heartbeat_dir:
            app.heartbeat = Heartbeat(settings.heartbeat_dir, self._stands_still)
            app.steps["consumer"].add(Readiness)
            signals.worker_init.connect(self._start_heartbeat)
        if settings.metrics_port:
            signals.worker_init.connect(self._serve_metrics)
        Revoking(app, settings.accounts, lambda: self.application.ledger, lambda: self._revocations)
        LaneCommands(settings.accounts, lambda: self._lane_control)
        refuse_commands()
        let_events_be_disabled()
        mask_stats()
        stop_as_at_sigterm()
        check_before_detaching(self._check_before_detaching)
        # Celery holds weak references to bound methods; this object lives as long as the app.
        signals.setup_logging.connect(self._configure_logs)
        # Celery's loop, and what it tells of itself.
        signals.celeryd_init.connect(untrace_thread)
        signals.celeryd_init.connect(self._refuse_options)
        signals.celeryd_init.connect(self._check_redis)
        signals.celeryd_init.connect(self._name_worker)
        signals.worker_ready.connect(self._start)
        signals.worker_shutting_down.connect(self._begin_to_stop)
        signals.worker_shutdown.connect(self._end)

    @property
    def application(self) -> Application:
        """The handlers and adapters of this process."""
        with self._lock:
            if self._application is None:
                self._application = open_application(
                    self._settings,
                    self._app,
                    self.metrics,
                    before_settling=partial(store_with_settlement, self._app),
                )
            return self._application

    @cached_property
    def _revocations(self) -> Revocations:
        kept_s = self._settings.key_retention_s
        return Revocations(self.application.redis, worker_state.revoked, kept_s)

    @essential
    def _configure_logs(self, logfile: str | None = None, **_: object) -> None:
        level = given_log_level() or self._settings.log_level
        configure_logs(level, self._settings.log_format, logfile)

    @essential
    def _refuse_options(self, options: Mapping[str, Any], **_: object) -> None:
        self._refuse_given(options)
        refuse_options_without_effect()
        make_restartable(sys.argv)

    def _refuse_given(self, options: Mapping[str, Any]) -> None:
        refuse_options()
        refuse_repeated_options(sys.argv)
        queues, excluded = options.get("queues"), options.get("exclude_queues")
        refuse_queues(queues, excluded, self._settings.accounts)

    def _check_before_detaching(self, options: Mapping[str, Any]) -> None:
        self._refuse_given(options)
        self._check_redis()

    @essential
    def _check_redis(self, **_: object) -> None:
        settings = self._settings
        url = settings.redis_url.get_secret_value()
        with connect_redis(url, settings.redis_sentinel_master) as redis:
            refuse_eviction(redis)

    @essential
    def _name_worker(self, instance: Any, options: dict[str, Any], **_: object) -> None:  # noqa: ANN401
        """Two workers on one host must not share a name, and an operator should know them apart."""
        if instance.hostname != default_nodename(None):
            return
        instance.hostname = self._names.take(options.get("queues") or ())

    def _stands_still(self) -> bool:
        return self._lane_control is not None and self._lane_control.stands_still

    def back_off(self, account: str, lane: Lane, seconds: float, reason: str) -> None:
        """Take no more messages of the lane for `seconds`. Returns when that holds."""
        if self._lane_control:
            self._lane_control.back_off(account, lane, seconds, reason)

    @essential
    def _start_heartbeat(self, **_: object) -> None:
        """Before Redis is asked for anything: a worker that waits for Redis is alive."""
        try:
            self._app.heartbeat.start()
        except OSError as exc:
            refuse_start(f"REVIO_HEARTBEAT_DIR: {exc}")

    @essential
    def _serve_metrics(self, **_: object) -> None:
        port, address = self._settings.metrics_port, self._settings.metrics_address
        redis = self._settings.redis_url.get_secret_value()
        shared = shared_redis(redis, self._settings.redis_sentinel_master)
        self.metrics.registry.register(RedisMeter(shared))
        try:
            start_http_server(port, address, self.metrics.registry)
        except OSError as exc:
            refuse_start(f"REVIO_METRICS_PORT: {address}:{port} cannot be listened on: {exc}")

    @essential
    def _start(self, sender: Any, **_: object) -> None:  # noqa: ANN401 - Celery's consumer
        parsed = map(parse_queue_name, self._app.amqp.queues.consume_from)
        lanes = [lane for lane in parsed if lane]
        restart_by_deadline(self._settings.stop_grace_s)
        application = self.application
        control = LaneControl(
            sender, lanes, application.closures, lane_activity, is_ending=_is_ending
        )
        self._lane_control = control
        served = {account for account, _ in lanes} & self._settings.accounts.keys()
        accounts = {name: self._settings.accounts[name] for name in served}
        self._published_limits = PublishedLimits(
            application.redis, accounts, sender.hostname, lanes=lambda: control.serving
        )
        self._repeat("limits", NOTED_EVERY_S, self._published_limits.publish, at_once=True)
        self._read_revocations()
        self._repeat("revocations", READ_EVERY_S, self._revocations.read)
        self._repeat("gates", _LANES_INTERVAL_S, control.update)
        refused = RefusedQueries(
            self._app,
            application.redis,
            application.limiter,
            lambda: [account for account, lane in control.closed if lane is Lane.INTERACTIVE],
        )
        self._repeat("refused", _LANES_INTERVAL_S, refused.end)
        self._repeat("hold", HOLD_INTERVAL_S, self._hold)
        self._repeat("sweep", self._settings.sweep_interval_s, application.sweeper.sweep)
        oversight = Oversight(application.redis, self._settings.accounts)
        self._repeat("oversight", OVERSIGHT_INTERVAL_S, oversight.check)
        runs = application.campaigns.runs
        feeders = FeederThreads(
            application.campaigns.feeders,
            runs.with_active,
            partial(RunEvents, self._app, sender.hostname, runs.load),
        )
        self._repeat("campaigns", LOOK_INTERVAL_S, feeders.start_missing)
        _log.info("worker_ready", accounts=sorted(self._settings.accounts))

    def _read_revocations(self) -> None:
        """Before the first message is taken."""
        try:
            self._revocations.read()
        except Unavailable as exc:
            log_refusal("revocations_failed", exc)

    def _hold(self) -> None:
        """While the worker stops, Celery's loop turns no more."""
        with fail_closed("the broker"):
            renew_what_is_left()

    def _repeat(
        self, name: Round, interval_s: float, work: Callable[[], object], *, at_once: bool = False
    ) -> None:
        def repeat() -> None:
            wait_s = 0.0 if at_once else interval_s
            while not self._ended.wait(wait_s):
                wait_s = interval_s
                try:
                    with untraced():
                        work()
                except Unavailable as exc:
                    log_refusal(f"{name}_failed", exc)
                except Exception:  # noqa: BLE001
                    # Nothing else does this work: the next round must come.
                    _log.exception(f"{name}_failed")

        threading.Thread(target=repeat, name=name, daemon=True).start()

    def _begin_to_stop(self, **_: object) -> None:
        StopDeadline(self._settings.stop_grace_s).start()

    def _end(self, **_: object) -> None:
        self._ended.set()
        if self._settings.heartbeat_dir:
            self._app.heartbeat.stop()
        if self._published_limits:
            self._published_limits.leave()
        with self._lock:
            if self._application is not None:
                self._application.close()


def _is_ending() -> bool:
    """Whatever told the worker to stop: a signal or a command, for good or to start anew."""
    told = (worker_state.should_stop, worker_state.should_terminate)
    return any(code is not None and code is not False for code in told)  # 0 is a code
