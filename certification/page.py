"""The certificate as a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from campaigns.pages import Column, PageTable, page
from certification.certificate import Certificate, Section


def certificate_page(certificate: Certificate) -> str:
    """HTML."""
    return page(
        "certificate.html.j2",
        title=f"Certificate of account {certificate.account}",
        facts=list(_facts(certificate)),
        lines=list(certificate.env_lines()),
        tables=[
            _unknown(certificate),
            *(table for section in certificate.sections for table in _section(section)),
        ],
    )


def _facts(certificate: Certificate) -> Iterator[tuple[str, object]]:
    yield "made", f"{datetime.fromtimestamp(certificate.made_at, UTC):%Y-%m-%d %H:%M} UTC"
    yield "WSDL", f"sha256 {certificate.wsdl_sha256}"
    yield "login by", certificate.login
    yield "calls", certificate.calls
    yield "products changed and put back", 0 if certificate.is_read_only else certificate.products


def _unknown(certificate: Certificate) -> PageTable:
    columns = (Column("what"), Column("why"))
    return PageTable.of("What stays unknown", columns, certificate.unknown.items())


def _section(section: Section) -> Iterator[PageTable]:
    known = [finding for finding in section.findings if finding.is_known]
    columns = (Column("finding"), Column("in words"), Column("settings"))
    rows = ((f.name, f.says, ", ".join(f.settings)) for f in known)
    yield PageTable.of(section.question, columns, rows)
    names = ("operation", "asked", "outcome", "status", "code", "message", "seconds", "bytes")
    evidence = ([exchange[name] for name in names] for exchange in section.evidence)
    title = f"{section.name}: {section.calls} calls, the first of them"
    yield PageTable.of(title, [Column(name) for name in names], evidence)
