"""The certificate: an account's findings, as JSON and as lines for its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from certification.finding import Finding

FORMAT = 1
_DAY_S = 86_400.0
OLD_DAYS = 180


@dataclass(frozen=True, slots=True)
class Section:
    """One experiment's part."""

    name: str
    question: str
    calls: int
    findings: tuple[Finding, ...]
    evidence: tuple[Mapping[str, Any], ...]

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "question": self.question,
            "calls": self.calls,
            "findings": [finding.document() for finding in self.findings],
            "evidence": [dict(exchange) for exchange in self.evidence],
        }


@dataclass(frozen=True, slots=True)
class Certificate:
    """Holds no secret and nothing of a customer: it may be sent with a question."""

    account: str
    made_at: float
    """Unix time, seconds."""
    wsdl_sha256: str
    login: str
    products: int
    """Number of products that were named."""
    is_read_only: bool
    sections: tuple[Section, ...]

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From `document`. Raises ValueError for another format."""
        if document.get("format") != FORMAT:
            raise ValueError(f"a certificate of format {document.get('format')}")
        fields = {**document}
        for name in ("format", "made", "settings", "unknown", "calls"):
            fields.pop(name)
        sections = tuple(
            Section(
                section["name"],
                section["question"],
                section["calls"],
                tuple(map(Finding.of, section["findings"])),
                tuple(section["evidence"]),
            )
            for section in fields.pop("sections")
        )
        return cls(sections=sections, **fields)

    @property
    def calls(self) -> int:
        return sum(section.calls for section in self.sections)

    @property
    def findings(self) -> dict[str, Finding]:
        """By name."""
        return {f.name: f for section in self.sections for f in section.findings}

    @property
    def settings(self) -> dict[str, str]:
        """Settings that follow for the account, by field name."""
        return {
            name: value
            for finding in self.findings.values()
            for name, value in finding.settings.items()
        }

    @property
    def unknown(self) -> dict[str, str]:
        """What stays unknown, and why."""
        return {f.name: f.says for f in self.findings.values() if not f.is_known}

    def env_lines(self) -> Iterator[str]:
        """For `.env`."""
        prefix = f"REVIO_ACCOUNTS__{self.account.upper()}__"
        return (f"{prefix}{name.upper()}={_quoted(value)}" for name, value in self.settings.items())

    def age_days(self, now: float) -> float:
        return (now - self.made_at) / _DAY_S

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "format": FORMAT,
            "account": self.account,
            "made": datetime.fromtimestamp(self.made_at, UTC).isoformat(timespec="seconds"),
            "made_at": self.made_at,
            "wsdl_sha256": self.wsdl_sha256,
            "login": self.login,
            "products": self.products,
            "is_read_only": self.is_read_only,
            "calls": self.calls,
            "settings": self.settings,
            "unknown": self.unknown,
            "sections": [section.document() for section in self.sections],
        }


def _quoted(value: str) -> str:
    is_plain = value.replace(".", "").replace("_", "").isalnum()
    return value if is_plain else f"'{value}'"
