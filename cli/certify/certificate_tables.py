"""The experiments before they are made, and their findings after, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from certification.certificate import Certificate
from certification.experiment import Experiment
from certification.workbench import RESTORING_CALLS
from cli.tables import counted, table


def plan_document(experiments: Sequence[Experiment]) -> dict[str, Any]:
    """JSON values."""
    return {
        "experiments": [
            {
                "name": experiment.name,
                "question": experiment.question,
                "calls": experiment.calls,
                "writes": experiment.writes,
                "duration": experiment.duration,
            }
            for experiment in experiments
        ]
    }


def plan_tables(experiments: Sequence[Experiment]) -> Iterator[RenderableType]:
    """For people."""
    yield table(
        "experiment",
        "calls at most",
        "writes, and puts back",
        "duration",
        rows=((e.name, e.calls, e.writes or "nothing", e.duration) for e in experiments),
    )
    for experiment in experiments:
        yield f"{experiment.name}: {experiment.question}"
    calls = counted(sum(experiment.calls for experiment in experiments), "call")
    yield f"at most {calls}, and {RESTORING_CALLS} per product to put it back; usually a third"


def certificate_tables(certificate: Certificate, base: Path) -> Iterator[RenderableType]:
    """For people."""
    findings = certificate.findings.values()
    rows = ((f.name, f.says) for f in findings if f.is_known)
    yield table("what", "finding", rows=rows)
    yield table("unknown", "why", rows=certificate.unknown.items())
    yield f"{counted(certificate.calls, 'call')}; {base}.json and {base}.html hold the certificate"
    yield from certificate.env_lines()
