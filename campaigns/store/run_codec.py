"""A run's specification, state and gate, from and to their forms in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, time
from typing import Any

from campaigns.guard_rails.rails import Rails
from campaigns.run.send_check import SendRules
from campaigns.run.spec import RunSpec, SendingHours
from campaigns.run.state import Phase, RunState, Status
from campaigns.terms import HaltRules

START_AT = "start_at"
"""The field of a run's control to which its start was moved."""
_COUNT = "count:"
_SINCE = "since:"


def dump_spec(spec: RunSpec) -> str:
    """As JSON, in which the sending hours are called a window."""
    document = asdict(spec)
    del document["sending_hours"]
    hours = spec.sending_hours and {
        "begins": spec.sending_hours.begins.isoformat("minutes"),
        "ends": spec.sending_hours.ends.isoformat("minutes"),
        "zone": spec.sending_hours.zone,
    }
    return json.dumps({**document, "window": hours})


def read_spec(text: bytes) -> RunSpec:
    """From `dump_spec`."""
    document = json.loads(text)
    hours = document.pop("window")
    return RunSpec(
        **{
            **document,
            "stages": tuple(document["stages"]),
            "halt": HaltRules(**document["halt"]),
            "sending_hours": hours
            and SendingHours(
                time.fromisoformat(hours["begins"]),
                time.fromisoformat(hours["ends"]),
                hours["zone"],
            ),
        }
    )


def read_state(
    spec: RunSpec,
    control: Mapping[str, str],
    progress: Mapping[str, str],
    todo: Mapping[int, int],
    in_flight: Mapping[int, int],
) -> RunState:
    """From the run's hashes."""
    moved_to = control.get(START_AT)
    return RunState(
        replace(spec, start_at=float(moved_to)) if moved_to else spec,
        Status(control["status"]),
        control["reason"],
        float(control["rate"]) if control.get("rate") else None,
        int(control["weight"]),
        Phase(progress["phase"]),
        int(progress["stage"]),
        int(progress["cursor"]),
        int(progress["checked"]),
        counts=_numbered(progress, _COUNT),
        since=_numbered(control, _SINCE),
        todo=todo,
        in_flight=in_flight,
        waits=progress.get("waits", ""),
    )


def dump_gate(rails: Rails, overrides: Mapping[str, str], effective: str | None) -> str:
    """As JSON."""
    guards = [str(guard) for guard in rails.guards]
    return json.dumps({"rails": guards, "overrides": list(overrides), "effective": effective})


def read_gate(status: str, text: str) -> SendRules:
    """From `dump_gate`."""
    document: dict[str, Any] = json.loads(text)
    effective = document["effective"]
    return SendRules(
        status,
        is_open=status == Status.RUNNING,
        rails=Rails.parse(document["rails"]),
        overrides=frozenset(document["overrides"]),
        effective=date.fromisoformat(effective) if effective else None,
    )


def _numbered(fields: Mapping[str, str], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value)
        for name, value in fields.items()
        if name.startswith(prefix)
    }
