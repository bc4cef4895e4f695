"""Drives the campaigns of all accounts: a thread for each account that has some, while it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping

import structlog

from campaigns.run.feeder import CampaignFeeder
from revio_jobs.errors import Unavailable
from worker.celery_app.run_events import RunEvents
from worker.celery_app.tracing import untraced
from worker.redis_kit.refusal_log import log_refusal

LOOK_INTERVAL_S = 0.5
"""How often accounts without campaigns are looked at, all at once."""

_FEED_INTERVAL_S = 0.2
# Until an account that another worker feeds is looked at again.
_OTHERS_S = 1.0
# Pause after a round that failed: the interval is too short for an outage.
_OUTAGE_PAUSE_S = 2.0

_log = structlog.get_logger(__name__)


class FeederThread:
    """The body of an account's feeder thread: the feeder's steps, with their news to Flower.

    Every worker has such a thread; the feeder's lease lets one of them act at a time.
    """

    def __init__(
        self,
        feeder: CampaignFeeder,
        events: RunEvents,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._feeder = feeder
        self._events = events
        self._sleep = sleep

    def run(self) -> None:
        """Until no run is left to be fed here."""
        while self._goes_on():
            self._sleep(_FEED_INTERVAL_S)

    def _goes_on(self) -> bool:
        try:
            with untraced():
                runs = self._feeder.step()
                self._events.tell(runs or ())
        except Unavailable as exc:
            log_refusal("campaigns_failed", exc)
            self._sleep(_OUTAGE_PAUSE_S)
        except Exception:  # noqa: BLE001 - nothing else feeds the account: the next step must come
            _log.exception("campaigns_failed")
            self._sleep(_OUTAGE_PAUSE_S)
        else:
            return bool(runs)
        return True


class FeederThreads:
    """Begins a thread for each account that has runs, so that accounts without any cost nothing."""

    def __init__(
        self,
        feeders: Mapping[str, CampaignFeeder],
        with_runs: Callable[[Iterable[str]], set[str]],
        events: Callable[[], RunEvents],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`with_runs` picks the accounts that have runs; `events` makes an account's."""
        self._threads = {name: FeederThread(feeder, events()) for name, feeder in feeders.items()}
        self._with_runs = with_runs
        self._clock = clock
        self._running: set[str] = set()
        self._not_before: dict[str, float] = {}

    def start_missing(self) -> None:
        """Begin the threads that are missing. Raises Unavailable."""
        now = self._clock()
        without = self._threads.keys() - set(self._running)
        due = [account for account in without if self._not_before.get(account, now) <= now]
        for account in self._with_runs(due):
            self._running.add(account)
            threading.Thread(
                target=self._run, args=(account,), name="campaigns", daemon=True
            ).start()

    def _run(self, account: str) -> None:
        with structlog.contextvars.bound_contextvars(account=account):
            self._threads[account].run()
        self._not_before[account] = self._clock() + _OTHERS_S
        self._running.discard(account)
