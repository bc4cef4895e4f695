"""Makes the experiments one after the other, and leaves every product as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from certification.budget import BudgetSpentError
from certification.certificate import Certificate, Section
from certification.experiment import Experiment, Scene
from certification.experiments.read_back import settle_s
from certification.finding import Finding
from certification.journal import Done, Journal
from certification.lab import Lab
from certification.workbench import Workbench
from revio_jobs.errors import Retryable, UnsupportedChange
from worker.soap import Description

# To load the WSDL, and to read a product, with repetitions.
_CALLS_TO_LOAD = 40
_CALLS_PER_PRODUCT = 6
_TRIES = 5
_BACKOFF_S = 2.0
# Findings of a run that was interrupted longer ago are discarded and measured again.
_FRESH_S = 86_400.0

Progress = Callable[[str], None]


class Certification:
    """One run; a later one goes on where it was interrupted."""

    def __init__(
        self,
        lab: Lab,
        journal: Journal,
        experiments: Sequence[Experiment],
        *,
        account: str,
        products: Sequence[int],
        read_only: bool,
        day_ends_at: float | None = None,
        progress: Progress = lambda _: None,
    ) -> None:
        """`products` may be changed, unless `read_only`. `progress` is told each experiment."""
        self._lab = lab
        self.journal = journal
        self._experiments = experiments
        self._account = account
        self._products = products
        self._read_only = read_only
        self._day_ends_at = day_ends_at
        self._progress = progress
        self.bench = Workbench(lab, journal)

    def run(self) -> Certificate:
        """Raises StoppedError, or what loading the WSDL raises; then a later run goes on."""
        with self._lab.budget.allowing(_CALLS_TO_LOAD):
            description = self._described()
        self._begin(description)
        self.restore()
        for experiment in self._experiments:
            if experiment.name not in self.journal.done:
                self._progress(experiment.name)
                self.journal.end(experiment.name, self._made(experiment))
        self._lab.end_sessions()
        return self._certificate(description)

    def close(self) -> None:
        """The connection and the journal; neither is of use any more."""
        self._lab.probe.close()
        self.journal.close()

    def restore(self) -> None:
        """Restore what an interrupted run has changed. Raises StoppedError."""
        self.bench.restore()

    def _described(self) -> Description:
        for _ in range(_TRIES - 1):
            try:
                return self._lab.probe.describe()
            except Retryable:
                self._lab.clock.sleep(_BACKOFF_S * _TRIES)
        return self._lab.probe.describe()

    def _begin(self, description: Description) -> None:
        now, journal = self._lab.clock.now(), self.journal
        is_fresh = journal.begun_at is not None and now - journal.begun_at < _FRESH_S
        if not is_fresh or journal.wsdl != description.sha256:
            journal.begin(self._account, description.sha256, now)
        self._recall(self._findings())

    def _recall(self, findings: dict[str, Finding]) -> None:
        """What an interrupted run has learned already."""
        if (lag := findings.get("read_back")) and lag.is_known:
            is_immediate = lag.settings.get("read_back") == "immediate"
            self.bench.settle_s = 0.0 if is_immediate else settle_s(lag.value["max_s"])
        if (expired := findings.get("session_expired")) and expired.is_known:
            self._lab.learn_expired(expired.value["code"], expired.value["message"])

    def _findings(self) -> dict[str, Finding]:
        return {f.name: f for done in self.journal.done.values() for f in done.findings}

    def _made(self, experiment: Experiment) -> Done:
        scene = Scene(self._lab, self.bench, self._findings(), self._products, self._day_ends_at)
        self._lab.evidence.clear()
        before = self._lab.budget.used
        findings: list[Finding] = []
        if experiment.writes:
            self._admit()
        try:
            with self._lab.budget.allowing(experiment.calls):
                findings += experiment.run(scene)
        except BudgetSpentError:
            why = f"its {experiment.calls} calls did not suffice"
            findings.append(Finding.unknown(experiment.name, why))
        except UnsupportedChange as exc:
            findings.append(Finding.unknown(experiment.name, str(exc)))
        self.restore()
        evidence = tuple(exchange.document() for exchange in self._lab.evidence)
        return Done(tuple(findings), evidence, self._lab.budget.used - before)

    def _admit(self) -> None:
        """Also makes sure that they are as they were left."""
        with self._lab.budget.allowing(_CALLS_PER_PRODUCT * (len(self._products) + 1)):
            self.bench.admit(self._products)

    def _certificate(self, description: Description) -> Certificate:
        return Certificate(
            self._account,
            self._lab.clock.now(),
            description.sha256,
            description.login,
            len(self._products),
            self._read_only,
            tuple(map(self._section, self._experiments)),
        )

    def _section(self, experiment: Experiment) -> Section:
        done = self.journal.done[experiment.name]
        return Section(
            experiment.name, experiment.question, done.calls, done.findings, done.evidence
        )
