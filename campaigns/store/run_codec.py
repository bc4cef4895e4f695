"""A run's specification, state and gate, from and to their forms in Redis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, time
from typing import Any

from campaigns.guard_rails.rails import Rails
from campaigns.run.send_check import SendRules
from campaigns.run.spec import RunSpec, SendingHours, Timetable
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
    return json.dumps({**document, "window": _hours_document(spec.sending_hours)})


def read_spec(text: bytes) -> RunSpec:
    """From `dump_spec`."""
    document = json.loads(text)
    hours = document.pop("window")
    return RunSpec(
        **{
            **document,
            "stages": tuple(document["stages"]),
            "halt": HaltRules(**document["halt"]),
            "sending_hours": _hours(hours),
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


def dump_gate(
    rails: Rails,
    overrides: Mapping[str, str],
    effective: str | None,
    timetable: Timetable | None = None,
) -> str:
    """As JSON. Of the timetable, the hours alone: before its start nothing is sent at all."""
    guards = [str(guard) for guard in rails.guards]
    document: dict[str, object] = {"rails": guards, "overrides": list(overrides)}
    document["effective"] = effective
    if timetable and timetable.sending_hours:
        document["window"] = _hours_document(timetable.sending_hours)
    if timetable and timetable.zone != Timetable().zone:
        document["zone"] = timetable.zone
    return json.dumps(document)


def read_gate(status: str, text: str, moved_to: str | None = None) -> SendRules:
    """From `dump_gate`. `moved_to`: the start, if somebody has moved it since."""
    document: dict[str, Any] = json.loads(text)
    effective = document["effective"]
    return SendRules(
        status,
        is_open=status == Status.RUNNING,
        rails=Rails.parse(document["rails"]),
        overrides=frozenset(document["overrides"]),
        effective=date.fromisoformat(effective) if effective else None,
        timetable=Timetable(
            float(moved_to or 0.0),
            _hours(document.get("window")),
            document.get("zone", Timetable().zone),
        ),
    )


def _hours_document(hours: SendingHours | None) -> dict[str, str] | None:
    if hours is None:
        return None
    begins, ends = hours.begins.isoformat("minutes"), hours.ends.isoformat("minutes")
    return {"begins": begins, "ends": ends, "zone": hours.zone}


def _hours(document: Mapping[str, str] | None) -> SendingHours | None:
    if document is None:
        return None
    begins, ends = time.fromisoformat(document["begins"]), time.fromisoformat(document["ends"])
    return SendingHours(begins, ends, document["zone"])


def _numbered(fields: Mapping[str, str], prefix: str) -> dict[str, int]:
    return {
        name.removeprefix(prefix): int(value)
        for name, value in fields.items()
        if name.startswith(prefix)
    }
