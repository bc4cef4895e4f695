"""How the vendor treats sessions: keys in answers, several at a time, the end, the lifetime."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator

from pydantic import SecretStr

from certification.experiment import Experiment, Scene
from certification.finding import Finding
from certification.lab import TRIES, StoppedError
from tasks.ports import Filters
from worker.soap import Kind, Reply

# A refusal that comes by chance does not come three times.
_CONFIRMED = 3
_MINUTE_S = 60.0
# Ages at which sessions are tried, in minutes.
AGES = (1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120)
_MARGIN = 0.9


def _use(scene: Scene, key: SecretStr, tries: int = TRIES) -> Reply:
    filters = Filters(ids=(scene.anchor,))
    return scene.lab.settled(lambda: scene.lab.probe.query(filters, key), "in a session", tries)


def _fresh(scene: Scene) -> tuple[SecretStr, Reply]:
    """A session, and how its first call is answered: one without an answer may have ended it."""
    for _ in range(TRIES):
        key = scene.lab.login()
        reply = _use(scene, key, tries=1)
        if reply.kind is not Kind.FAILED:
            return key, reply
    raise StoppedError("sessions get no answer")


def _is_dead(scene: Scene, key: SecretStr, alive: Reply) -> bool | None:
    """Whether the session is refused where another one was answered.

    None if there was no answer, and each answer brings another key, which may have ended it.
    """
    for _ in range(_CONFIRMED):
        reply = _use(scene, key, tries=1)
        if reply.kind is Kind.FAILED:
            return None
        if reply.kind is alive.kind and scene.lab.signature(reply) == scene.lab.signature(alive):
            return False
    return True


def _is_dead_after(scene: Scene, prepare: Callable[[], SecretStr], alive: Reply) -> bool:
    """As `_is_dead`, for a session that is created again until there is an answer."""
    for _ in range(TRIES):
        if (is_dead := _is_dead(scene, prepare(), alive)) is not None:
            return is_dead
    raise StoppedError("sessions get no answer")


def _sessions(scene: Scene) -> Iterator[Finding]:
    if not scene.lab.probe.uses_sessions:
        yield Finding("session_use", "each call carries the credentials: there are no sessions", "")
        return
    yield Finding("session_use", "one login serves many calls", "session")
    key, alive = _fresh(scene)
    yield _answer_key(scene, key, alive)
    yield _parallel(scene, alive)
    yield _ended(scene, alive)


def _answer_key(scene: Scene, key: SecretStr, alive: Reply) -> Finding:
    name = "session_answer_key"
    if alive.session_key is None:
        return Finding(name, "answers carry no session key", "none")
    if alive.session_key == key:
        return Finding(name, "answers repeat the session's key", "same")
    if _is_dead_after(scene, lambda: _fresh(scene)[0], alive):
        return Finding(name, "each answer carries another key, and the old one is dead", "moved")
    return Finding(name, "answers carry another key, and the old one lives", "new")


def _parallel(scene: Scene, alive: Reply) -> Finding:
    def prepare() -> SecretStr:
        key = scene.lab.login()
        scene.lab.login()
        return key

    if _is_dead_after(scene, prepare, alive):
        return Finding("session_parallel", "a login ends the sessions before it", "one")
    return Finding("session_parallel", "several sessions live side by side", "many")


def _ended(scene: Scene, alive: Reply) -> Finding:
    """With a session that was ended, else with a key that never was one."""
    key = SecretStr(secrets.token_hex(16))
    if scene.lab.probe.can_end_sessions:
        key = scene.lab.login()
        scene.lab.settled(lambda: scene.lab.probe.end_session(key), "the session's end")
    scene.lab.redactor.add_secret(key.get_secret_value())
    reply = _use(scene, key)
    if _is_dead(scene, key, alive) is False or reply.kind not in {Kind.EXPIRED, Kind.REFUSED}:
        why = f"a session that was ended is answered with {reply.kind.value}"
        return Finding.unknown("session_expired", why)
    code, message = reply.code, scene.lab.redactor.words(reply.message)
    scene.lab.learn_expired(code, message)
    says = f"an ended session is refused with {scene.lab.words(reply)}"
    value = {"code": code, "message": message, "is_recognised": reply.kind is Kind.EXPIRED}
    return Finding("session_expired", says, value, _recognising(reply, code, message))


def _recognising(reply: Reply, code: str | None, message: str) -> dict[str, str]:
    if reply.kind is Kind.EXPIRED and not code:
        return {}
    if code:
        return {"session_expired_codes": code}
    return {"session_expired_message": _pattern(message)}


def _pattern(message: str) -> str:
    """A regular expression of letters, digits, dots and stars alone, for an .env file."""
    words = (re.sub(r"[^A-Za-z0-9 ]", ".", part) for part in message.split("#"))
    return ".*".join(words)


def _lifetime(scene: Scene) -> Iterator[Finding]:
    name = "session_lifetime"
    if not scene.lab.probe.uses_sessions:
        yield Finding.unknown(name, "there are no sessions")
        return
    _, alive = _fresh(scene)
    is_many = scene.known("session_parallel") == "many"
    lived, died = (_side_by_side if is_many else _one_by_one)(scene, alive)
    if lived is None:
        yield Finding(name, f"an unused session lives for less than {died:.0f} s", [0, died])
        return
    says = f"an unused session lives for at least {lived:.0f} s"
    says += f" and less than {died:.0f} s" if died else "; longer was not tried"
    settings = {"session_lifetime_s": f"{lived * _MARGIN:.0f}"}
    yield Finding(name, says, [round(lived), round(died) if died else None], settings)


def _side_by_side(scene: Scene, alive: Reply) -> tuple[float | None, float | None]:
    """The greatest age, in seconds, at which a session lived, and the next at which one did not."""
    made = [(scene.lab.login(), scene.lab.clock.now(), age) for age in AGES]
    lived: float | None = None
    for key, at, minutes in made:
        scene.lab.clock.sleep(max(at + minutes * _MINUTE_S - scene.lab.clock.now(), 0))
        age = scene.lab.clock.now() - at
        is_dead = _is_dead(scene, key, alive)
        if is_dead:
            return lived, scene.lab.clock.now() - at
        lived = lived if is_dead is None else age
    return lived, None


def _one_by_one(scene: Scene, alive: Reply) -> tuple[float | None, float | None]:
    """As `_side_by_side`, by halving: each session waits alone."""
    low, high = 0, len(AGES)
    lived: float | None = None
    died: float | None = None
    while low < high:
        middle = (low + high) // 2
        key, at = scene.lab.login(), scene.lab.clock.now()
        scene.lab.clock.sleep(AGES[middle] * _MINUTE_S)
        age = scene.lab.clock.now() - at
        is_dead = _is_dead(scene, key, alive)
        if is_dead:
            high, died = middle, scene.lab.clock.now() - at
        elif is_dead is False:
            low, lived = middle + 1, age
    return lived, died


EXPERIMENTS = (
    Experiment(
        "sessions",
        "Do answers carry a new session key? Do sessions live side by side? How is an ended one "
        "refused?",
        60,
        _sessions,
    ),
    Experiment(
        "session_lifetime",
        "How long does a session live that nobody uses?",
        80,
        _lifetime,
        option="--slow",
        duration="up to two hours, or eight if a login ends other sessions",
    ),
)
