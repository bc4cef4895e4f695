"""An experiment's calls: each gets a definite reply, despite faults and limits."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pydantic import SecretStr

from certification.budget import ExperimentBudget
from certification.clock import Clock
from certification.finding import Exchange
from certification.redaction import Redactor
from tasks.ports import Change, Filters
from worker.soap import Kind, Probe, Reply

TRIES = 5
"""How often a call is made whose answers say nothing."""
_SHOWN = 60
_BACKOFF_S = 1.0
_RENEWALS = 3

Signature = tuple[str | None, str]


class StoppedError(Exception):
    """The run cannot go on now; what it changed has to be restored by a later one."""


class ClosedError(StoppedError):
    """The vendor refuses login, key or address."""


class Lab:
    """One account, within the budget of the experiment that runs."""

    def __init__(
        self,
        probe: Probe,
        budget: ExperimentBudget,
        clock: Clock,
        redactor: Redactor,
        *,
        execution_s: float,
        patience_s: float = 900.0,
    ) -> None:
        """`execution_s`: for how long an unanswered update may still be executed; `patience_s`: the
        longest wait for a limit.
        """
        self.probe = probe
        self.budget = budget
        self.clock = clock
        self.redactor = redactor
        self.evidence: list[Exchange] = []
        self.limits: list[tuple[float, Reply]] = []
        """Refusals by the gateway's limits, as they came, and when (Unix time)."""
        self.attempts = 0
        """How often the last update was sent."""
        self._execution_s = execution_s
        self._patience_s = patience_s
        self._key: SecretStr | None = None
        self._made: list[SecretStr] = []
        self._dead: set[Signature] = set()

    def learn_expired(self, code: str | None, message: str) -> None:
        """This is how the vendor refuses a session that has ended; the message is redacted."""
        self._dead.add((code, "") if code else (None, message))

    def signature(self, reply: Reply) -> Signature:
        """What tells one refusal from another: its code, else its words."""
        return (reply.code, "") if reply.code else (None, self.redactor.words(reply.message))

    def words(self, reply: Reply) -> str:
        """What the vendor said, redacted."""
        code = self.redactor.code(reply.code) if reply.code else "no code"
        return f"{code}, {self.redactor.words(reply.message)!r}"

    def login(self) -> SecretStr:
        """A new session's key. Raises StoppedError."""
        reply = self.settled(self.probe.create_session, "a session")
        if reply.kind is not Kind.DONE or reply.session_key is None:
            raise StoppedError(f"no session was given: {self.words(reply)}")
        self._made.append(reply.session_key)
        return reply.session_key

    def query(self, filters: Filters, *, tries: int = TRIES) -> Reply:
        """Kind DONE, REFUSED, or FAILED after so many tries."""
        asked = _asked(filters)
        return self._in_session(lambda key: self.probe.query(filters, key), asked, tries)

    def update(self, change: Change) -> Reply:
        """As `query`. Resends an update that was not answered once it can no longer be executing,
        so use it only for updates that are safe to execute twice. Raises UnsupportedChange.
        """
        self.attempts = 0

        def ask(key: SecretStr | None) -> Reply:
            self.attempts += 1
            return self.probe.update(change, key)

        asked = f"one product: {', '.join([*change.values, *(f'no {n}' for n in change.clear)])}"
        return self._in_session(ask, asked, TRIES, pause_s=self._execution_s)

    def settled(
        self,
        ask: Callable[[], Reply],
        asked: str,
        tries: int = TRIES,
        pause_s: float | None = None,
    ) -> Reply:
        """Ask until the reply says something, at most `tries` times.

        A reply that asks to wait does not count as a try; it is waited for, up to the lab's
        patience. `asked` describes the question for the record; `pause_s` is the pause after a
        failure (by default it grows). The last reply may be a failure. Raises StoppedError, and
        ClosedError if the vendor refuses the account.
        """
        failures, waited_s = 0, 0.0
        while True:
            reply = ask()
            self.note(reply, asked)
            if reply.kind is Kind.WAIT:
                waited_s += reply.wait_s
                if waited_s > self._patience_s:
                    raise StoppedError(f"a limit asks to wait for {reply.wait_s:.0f} s")
                self.clock.sleep(reply.wait_s)
            elif reply.kind is Kind.CLOSED:
                raise ClosedError(self.redactor.words(reply.message))
            elif reply.kind is Kind.FAILED:
                failures += 1
                backoff_s = _BACKOFF_S * failures if pause_s is None else pause_s
                self.clock.sleep(max(backoff_s, reply.wait_s))
                if failures == tries:
                    return reply
            else:
                return reply

    def session(self) -> SecretStr | None:
        """The key for calls; None where each carries the credentials. Raises StoppedError."""
        if self._key is None and self.probe.uses_sessions:
            self._key = self.login()
        return self._key

    def end_sessions(self) -> None:
        """All that were made here, as far as the vendor still knows them; each is one call."""
        keys = [*self._made, *([self._key] if self._key else [])]
        self._made, self._key = [], None
        if not (keys and self.probe.can_end_sessions):
            return
        with self.budget.allowing(len(keys)):
            for key in dict.fromkeys(keys):
                self.probe.end_session(key)

    def is_expired(self, reply: Reply) -> bool:
        is_refused = reply.kind is Kind.REFUSED
        return reply.kind is Kind.EXPIRED or (is_refused and self.signature(reply) in self._dead)

    def _in_session(
        self,
        ask: Callable[[SecretStr | None], Reply],
        asked: str,
        tries: int,
        pause_s: float | None = None,
    ) -> Reply:
        for _ in range(_RENEWALS):
            key = self.session()
            reply = self.settled(partial(ask, key), asked, tries, pause_s)
            if not self.is_expired(reply):
                if key and reply.session_key:
                    self._key = reply.session_key
                return reply
            self._key = None
        raise StoppedError("the vendor refuses new sessions as expired")

    def note(self, reply: Reply, asked: str) -> None:
        """Keep it as evidence."""
        if reply.session_key:
            self.redactor.add_secret(reply.session_key.get_secret_value())
        for record in reply.records:
            self.redactor.add_record(record)
        if reply.kind is Kind.WAIT and reply.status:
            self.limits.append((self.clock.now(), reply))
        if len(self.evidence) < _SHOWN:
            self.evidence.append(self._exchange(reply, asked))

    def _exchange(self, reply: Reply, asked: str) -> Exchange:
        text = reply.message or reply.body
        return Exchange(
            reply.operation,
            asked,
            f"{len(reply.records)} records" if reply.records else reply.kind.value,
            reply.status,
            self.redactor.code(reply.code) if reply.code else None,
            self.redactor.words(text),
            round(reply.seconds, 3),
            reply.bytes,
        )


def _asked(filters: Filters) -> str:
    counts = {
        "ids": filters.ids,
        "customer ids": filters.customer_ids,
        "line ids": filters.line_ids,
    }
    return ", ".join(f"{len(values)} {name}" for name, values in counts.items() if values)
