"""A vendor in this process, on a clock that waiting moves: a run of hours takes a second."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from certification.budget import ExperimentBudget
from certification.catalogue import chosen
from certification.certificate import Certificate
from certification.journal import Journal
from certification.lab import Lab
from certification.redaction import Redactor
from certification.run import Certification
from sandbox.assembly import assemble
from sandbox.contract.http import Delivery, Request, Response
from sandbox.options import Options, parse
from worker.limiter import LimitRules, MemoryLimiter, WaitingPermits
from worker.soap import Probe, SoapConfig
from worker.soap.http.wire import HttpResponse, MaybeExecutedError
from worker.soap.probe import RecordingTransport

ACCOUNT = "default"
ENDPOINT = "http://127.0.0.1:1/v20/default.asmx"
TIMEOUT_S = 30.0
EXECUTION_S = 20.0


class Killed(BaseException):
    """The process has died."""


class VirtualClock:
    """Implements the clocks of certification and of the sandbox."""

    def __init__(self, now: float = 1_790_000_000.0) -> None:
        self._now = now
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()

    def now(self) -> float:
        return self._now

    def schedule(self, seconds: float, call: Callable[[], object]) -> None:
        heapq.heappush(self._due, (self._now + seconds, next(self._order), call))

    def sleep(self, seconds: float) -> None:
        self.run_until(self._now + seconds, lambda: False)

    def run_until(self, end: float, is_over: Callable[[], bool]) -> None:
        """Up to `end`, or to the event after which it is over."""
        while not is_over() and self._due and self._due[0][0] <= end:
            self._now, _, call = heapq.heappop(self._due)
            call()
        if not is_over():
            self._now = max(end, self._now)


class World:
    """One vendor, whose state outlives the runs."""

    def __init__(self, flags: Iterable[str], *, calls_per_minute: int = 500) -> None:
        self.options: Options = parse(["--customers=40", *flags])
        self.clock = VirtualClock()
        self.vendor = assemble(
            self.options,
            clock=self.clock.now,
            schedule=self.clock.schedule,
            outage=lambda _: None,
            wall=self.clock.now,
        )
        self.calls_per_minute = calls_per_minute
        rules = LimitRules(calls_per_minute=calls_per_minute, calls_per_day=1_000_000)
        self.limiter = MemoryLimiter({ACCOUNT: rules}, self.clock.now)
        self.patience_s = 900.0
        self.kill_after: int | None = None
        """Calls until the process dies."""
        self.config = SoapConfig(
            account=ACCOUNT,
            endpoint=ENDPOINT,
            username=self.options.account.username,
            password=SecretStr(self.options.account.password),
            client_code=self.options.account.client_code,
            subscription_key=SecretStr(self.options.account.subscription_key),
            call_timeout_s=TIMEOUT_S,
        )

    def truth(self) -> dict[int, dict[str, str | None]]:
        """Every product as it is."""
        products = self.vendor.service.products
        return {id_: dict(products[id_].truth) for id_ in products.ids()}

    def received(self) -> int:
        """Calls that have come in; the WSDL is not among them."""
        count = self.vendor.journal.summary()["received"]
        assert isinstance(count, int)
        return count

    def certify(
        self,
        journal: Path,
        products: list[int],
        *,
        options: Iterable[str] = (),
        read_only: bool = False,
    ) -> Certificate:
        """A run to its end, or up to its death. A journal that is there is gone on with."""
        with closing(self.run(journal, products, options=options, read_only=read_only)) as run:
            return run.run()

    def run(
        self,
        journal: Path,
        products: list[int],
        *,
        options: Iterable[str] = (),
        read_only: bool = False,
    ) -> Certification:
        self.budget = ExperimentBudget(
            self._permits(30.0), self._permits(0.0), calls_per_minute=self.calls_per_minute
        )
        probe = Probe(self.config, self.budget, _Line(self), now=self.clock.now)
        account = self.options.account
        secrets = (account.password, account.username, account.client_code)
        redactor = Redactor([*secrets, account.subscription_key])
        lab = Lab(
            probe,
            self.budget,
            self.clock,
            redactor,
            execution_s=EXECUTION_S,
            patience_s=self.patience_s,
        )
        return Certification(
            lab,
            Journal(journal, ACCOUNT),
            chosen(read_only=read_only, options=frozenset(options)),
            account=ACCOUNT,
            products=products,
            read_only=read_only,
        )

    def _permits(self, patience_s: float) -> WaitingPermits:
        return WaitingPermits(self.limiter, patience_s, self.clock.now, self.clock.sleep)


class _Line(RecordingTransport):
    """Hands requests to the vendor in this process."""

    def __init__(self, world: World) -> None:
        super().__init__(world.config)
        self._world = world

    def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        before_send: Callable[[], None],
    ) -> HttpResponse:
        before_send()
        world, parts = self._world, urlsplit(url)
        names = {name.lower(): value for name, value in {**headers, "Host": parts.netloc}.items()}
        request = Request(method, parts.path, parts.query, names, body, keep_alive=True)
        answers: list[Response] = []
        world.vendor.handle(request, answers.append)
        if world.kill_after is not None:
            world.kill_after -= 1
            if world.kill_after < 0:
                raise Killed
        world.clock.run_until(world.clock.now() + TIMEOUT_S, lambda: bool(answers))
        return self._received(answers)

    def _received(self, answers: list[Response]) -> HttpResponse:
        if not answers or answers[0].delivery is Delivery.SILENT:
            self._world.clock.sleep(TIMEOUT_S if answers else 0)
            raise MaybeExecutedError("no answer in time")
        answer = answers[0]
        if answer.delivery is not Delivery.WHOLE:
            raise MaybeExecutedError("the connection broke")
        headers = {"content-type": answer.content_type}
        headers |= {name.lower(): value for name, value in answer.headers}
        return HttpResponse(answer.status, headers, answer.body)
