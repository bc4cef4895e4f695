"""How the gateway says no: what its 429 and 403 look like, when its day and its minute end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus

from certification.experiment import Experiment, Scene
from certification.finding import Finding
from certification.lab import StoppedError
from tasks.ports import Filters
from worker.limiter import reset_hour
from worker.soap import Kind, Reply

# The burst's first half is followed by so many seconds of rest, then by the second.
_REST_S = 30.0
# By then no earlier call counts.
_WHOLE_S = 62.0
# More calls than the first half at once, with a margin: only a fixed minute lets them through.
_ABOVE_HALF = 1.3
_BURST_CALLS = 5_000


def _limits(scene: Scene) -> Iterator[Finding]:
    yield _refusal_form(scene, "limit_minute", HTTPStatus.TOO_MANY_REQUESTS)
    yield _refusal_form(scene, "limit_day", HTTPStatus.FORBIDDEN)
    seen = [at + reply.wait_s for at, reply in scene.lab.limits if _is(reply, HTTPStatus.FORBIDDEN)]
    ends = seen[-1] if seen else scene.day_ends_at
    yield _day(ends)


def _is(reply: Reply, status: HTTPStatus) -> bool:
    return reply.status == status


def _refusal_form(scene: Scene, name: str, status: HTTPStatus) -> Finding:
    replies = [reply for _, reply in scene.lab.limits if _is(reply, status)]
    if not replies:
        return Finding.unknown(name, f"no {status.value} was met")
    reply = replies[-1]
    form = _form(reply.retry_after)
    words = scene.lab.redactor.words(reply.body)
    says = f"a {status.value} has {form} in Retry-After, and says {words!r}"
    return Finding(name, says, {"retry_after": form, "body": words})


def _form(header: str | None) -> str:
    if header is None:
        return "nothing"
    return "seconds" if header.strip().isdigit() else "a date"


def _day(ends: float | None) -> Finding:
    name = "day_reset"
    if ends is None:
        return Finding.unknown(name, "no quota answer has told yet when the day ends")
    at = datetime.fromtimestamp(ends, UTC)
    hour = reset_hour(ends)
    if hour is None:
        says = f"the quota's day ends at {at:%H:%M} UTC, which is not a whole hour"
        return Finding(name, says, {"at": f"{at:%H:%M}", "hour_utc": None})
    settings = {"day_reset_hour": str(hour), "day_reset_timezone": "UTC"}
    says = f"the quota's day ends at {hour}:00 UTC"
    return Finding(name, says, {"at": f"{at:%H:%M}", "hour_utc": hour}, settings)


def _burst(scene: Scene) -> Iterator[Finding]:
    """Half of the minute at once, a rest, then all until a 429; then as much as there is.

    In a sliding minute only the first half comes free after the wait that the 429 asks for; in a
    fixed one all of it.
    """
    half = scene.lab.budget.calls_per_minute // 2
    most = 4 * half
    scene.lab.clock.sleep(_WHOLE_S)
    with scene.lab.budget.beyond_limits():
        if _until_429(scene, half) is not None:
            yield Finding.unknown("minute", "half of the minute was refused: others use the key")
            return
        scene.lab.clock.sleep(_REST_S)
        refusal = _until_429(scene, most)
        if refusal is None:
            yield Finding.unknown("minute", f"no 429 came within {most + half} calls")
            return
        scene.lab.clock.sleep(refusal.wait_s)
        is_fixed = _until_429(scene, int(half * _ABOVE_HALF) + 1) is None
    kind = "fixed" if is_fixed else "sliding"
    yield Finding("minute", f"the gateway's minute is {kind}", kind)


def _until_429(scene: Scene, most: int) -> Reply | None:
    filters = Filters(ids=(scene.anchor,))
    for _ in range(most):
        reply = scene.lab.probe.query(filters, scene.lab.session())
        scene.lab.note(reply, "in a burst")
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            return reply
        if reply.kind in {Kind.CLOSED, Kind.WAIT}:
            raise StoppedError(scene.lab.redactor.words(reply.message))
    return None


EXPERIMENTS = (
    Experiment(
        "burst",
        "Does the gateway's minute slide, or is it fixed?",
        _BURST_CALLS,
        _burst,
        option="--burst",
        duration="three minutes, in which nobody else can call",
    ),
    Experiment(
        "limits",
        "What do a 429 and a quota answer look like, and when does the day end?",
        0,
        _limits,
    ),
)
