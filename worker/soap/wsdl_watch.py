"""Notices that the vendor has changed its WSDL, and stops updates if that is for the worse.

A release of the vendor may make a field required that was optional before. A worker that goes by
the WSDL it read at its start would go on leaving the field out, and the new service would set it to
0. So one process every few minutes asks whether the document has changed, and all of them look at
what it found before they update.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from revio_jobs.errors import RevioError, Throttled
from worker.soap.config import SoapConfig
from worker.soap.service import LazyVendorService, VendorService
from worker.soap.wsdl.description import changes_for_the_worse, differences, facts
from worker.soap.wsdl.schema import UnfitWsdlError
from worker.soap.wsdl.state import WsdlState, WsdlStates

_log = structlog.get_logger(__name__)

# How often a process looks at what the others have found; Redis answers that in a millisecond.
_LOOK_S = 5.0
# For how long an update goes back to its queue. By then the lanes are paused.
_STOPPED_S = 30.0


class WsdlWatch:
    """Thread-safe."""

    def __init__(
        self,
        config: SoapConfig,
        service: LazyVendorService,
        states: WsdlStates,
        on_worse: Callable[[str], None],
        *,
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_worse` stops the account's updates, with a reason for people; `now`: Unix time."""
        self._config = config
        self._service = service
        self._states = states
        self._on_worse = on_worse
        self._now = now
        self._clock = clock
        self._looked_at = float("-inf")
        self._state: WsdlState | None = None
        self._lock = threading.Lock()

    def check(self, fetch: Callable[[str], bytes], max_age_s: float) -> WsdlState:
        """Make sure that the WSDL we go by is at most so old, asking the vendor if need be.

        Raises Throttled if it has changed for the worse, and what loading it for the first time
        raises; a vendor that does not serve its WSDL just now is logged.
        """
        service = self._service.get(fetch)
        with self._lock:
            if self._state and self._clock() - self._looked_at < min(_LOOK_S, max_age_s):
                return self._state
            state = self._known(service)
            self._looked_at, self._state = self._clock(), state
            is_due = self._now() - state.checked_at >= max_age_s
            is_ours = is_due and self._states.claim(self._config.account, "check", max_age_s / 2)
            if is_ours or dict(state.facts) != facts(service.schema):
                self._state = self._read_anew(fetch, service, state)
            return self._state

    def proven(self) -> None:
        """An update has been read back since the WSDL changed."""
        with self._lock:
            state = self._states.load(self._config.account) or self._state
            if state:
                self._state = replace(state, is_proven=True)
                self._states.save(self._config.account, self._state)

    def _known(self, service: VendorService) -> WsdlState:
        state = self._states.load(self._config.account)
        if state is None:
            state = WsdlState(service.wsdl.sha256, facts(service.schema), self._now())
            self._states.save(self._config.account, state)
        return state

    def _read_anew(
        self, fetch: Callable[[str], bytes], old: VendorService, state: WsdlState
    ) -> WsdlState:
        try:
            new = self._service.reload(fetch)
        except RevioError as exc:
            if isinstance(exc.__cause__, UnfitWsdlError):
                raise self._stopped(str(exc)) from exc
            _log.warning("wsdl_not_checked", account=self._config.account, reason=str(exc))
            return state
        if new.wsdl.is_kept_copy:
            return state
        declared = facts(new.schema)
        if declared != dict(state.facts):
            return self._adopted(new, state)
        # Perhaps another document, if the vendor's has a date in it; it says the same.
        checked = replace(state, sha256=new.wsdl.sha256, checked_at=self._now())
        self._states.save(self._config.account, checked)
        if changes_for_the_worse(facts(old.schema), declared):
            # Another process has found it and stopped the lanes; this update was on its way.
            raise Throttled(_STOPPED_S, "wsdl")
        return checked

    def _adopted(self, new: VendorService, state: WsdlState) -> WsdlState:
        """The change is judged by what all processes went by, so that one of them judges it."""
        declared = facts(new.schema)
        adopted = WsdlState(new.wsdl.sha256, declared, self._now(), is_proven=False)
        changed = differences(state.facts, declared)
        _log.warning("wsdl_changed", account=self._config.account, changed=changed)
        worse = changes_for_the_worse(state.facts, declared)
        # Before it counts as judged: nobody would stop them if Redis went in between.
        stopped = self._stopped("; ".join(worse)) if worse else None
        self._states.save(self._config.account, adopted)
        if stopped:
            raise stopped
        return adopted

    def _stopped(self, reason: str) -> Throttled:
        self._on_worse(f"the vendor's WSDL has changed: {reason}")
        return Throttled(_STOPPED_S, "wsdl")
