"""How many ids a query takes, how long it then takes, whether its answer is cut short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, cycle, islice

from certification.experiment import Experiment, Scene
from certification.finding import Finding
from certification.lab import ClosedError
from tasks.ports import Filters
from worker.soap import Kind, RawRecord, Reply

UNKNOWN_ID = 2**31 - 2
_MOST = 10_000
# Twice in a row without an answer is the request's size.
_SIZE_TRIES = 3
_STEPS = (1, 10, 100, 1000)
# A query should take no longer than a third of what a call may.
_SHARE_OF_TIMEOUT = 3
# Calls of this size are the product's default, and taken until more is known.
_USUAL = 200


def _unknown_ids(scene: Scene) -> Iterator[Finding]:
    name = "unknown_ids"
    known = (scene.anchor,) if scene.products else ()
    reply = scene.lab.query(Filters(ids=(*known, UNKNOWN_ID)))
    if reply.kind is Kind.REFUSED:
        says = f"a query with an unknown id is refused with {scene.lab.words(reply)}"
        yield Finding(name, says, "refused")
    elif reply.kind is not Kind.DONE:
        yield Finding.unknown(name, f"no answer: {scene.lab.words(reply)}")
    elif len(reply.records) > len(known):
        yield Finding(name, "a record comes for an unknown id, with hardly anything in it", "empty")
    else:
        yield Finding(name, "unknown ids are left out", "omitted")


def neighbours(middle: int, amount: int) -> list[int]:
    """The positive ids around one, the nearest first."""
    steps = (middle + sign * step for step in count() for sign in ((1, -1) if step else (1,)))
    return list(islice((id_ for id_ in steps if id_ > 0), amount))


def real_records(reply: Reply) -> list[RawRecord]:
    """Those of products that exist."""
    return [record for record in reply.records if record.id and record.values.get("customer_id")]


@dataclass
class _Sizes:
    """Queries of so many ids, each size asked once."""

    scene: Scene
    replies: dict[int, Reply | None] = field(default_factory=dict)

    def ids(self, size: int) -> Sequence[int]:
        if self.scene.known("unknown_ids") == "refused":
            return list(islice(cycle(self.scene.products), size))
        return neighbours(self.scene.anchor, size)

    def takes(self, size: int) -> bool:
        return self.reply(size) is not None

    def reply(self, size: int) -> Reply | None:
        """None if the query was refused."""
        if size not in self.replies:
            self.replies[size] = self.ask(self.ids(size))
        return self.replies[size]

    def ask(self, ids: Sequence[int]) -> Reply | None:
        try:
            reply = self.scene.lab.query(Filters(ids=tuple(ids)), tries=_SIZE_TRIES)
        except ClosedError:
            # IIS answers 404 to a request that is too long; so one that is short has to tell.
            if len(ids) == 1:
                raise
            self.ask(ids[:1])
            return None
        return reply if reply.kind is Kind.DONE else None

    def most(self) -> int:
        """The most ids that are taken, found by halving; 0 if not even one is."""
        low = _MOST
        while low and not self.takes(low):
            low //= 2
        high = min(low * 2 + 1, _MOST + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.takes(middle) else (low, middle)
        return low


def _ids_per_call(scene: Scene) -> Iterator[Finding]:
    if not scene.products:
        yield Finding.unknown("ids_per_call", "name a product: --product ID")
        return
    sizes = _Sizes(scene)
    most = sizes.most()
    if not most:
        yield Finding.unknown("ids_per_call", "not even one id is taken")
        return
    few = "" if most < _MOST else "; more were not tried"
    yield Finding("ids_taken", f"a query takes {most:,} ids{few}", most)
    whole, cut = _wholeness(scene, sizes, most)
    yield cut
    best = _quick_enough(scene, sizes, min(most, whole))
    yield _growth(sizes, most)
    says = f"{best:,} ids per call are taken, answered as a whole and soon enough"
    yield Finding("ids_per_call", says, best, {"ids_per_call": str(best)})


def _wholeness(scene: Scene, sizes: _Sizes, most: int) -> tuple[int, Finding]:
    """Up to how many ids an answer may be taken for whole."""
    name = "answer_cut"
    if scene.known("unknown_ids") == "refused":
        why = "too few products are known that could be asked for; name more"
        return max(len(scene.products), _USUAL), Finding.unknown(name, why)
    records = _count(sizes.reply(most))
    # Every second one, so that products are in both halves wherever they are.
    ids = sorted(sizes.ids(most))
    halves = [sizes.ask(part) for part in (ids[::2], ids[1::2]) if part]
    if sum(map(_count, halves)) > records:
        says = f"an answer is cut short in silence after {records:,} records"
        return records, Finding(name, says, records)
    says = f"answers of up to {records:,} records came as a whole; there were no more to ask for"
    return max(records, _USUAL), Finding(name, says, {"whole_up_to": records})


def _count(reply: Reply | None) -> int:
    return len(real_records(reply)) if reply else 0


def _quick_enough(scene: Scene, sizes: _Sizes, size: int) -> int:
    longest_s = scene.lab.probe.config.call_timeout_s / _SHARE_OF_TIMEOUT
    while size > 1:
        reply = sizes.reply(size)
        if reply and reply.seconds <= longest_s:
            break
        size //= 2
    return size


def _growth(sizes: _Sizes, most: int) -> Finding:
    asked = sorted({*(step for step in _STEPS if step <= most), most})
    replies = {size: reply for size in asked if (reply := sizes.reply(size))}
    times = {str(size): round(reply.seconds, 3) for size, reply in replies.items()}
    says = ", ".join(f"{size} ids take {seconds:.2f} s" for size, seconds in times.items())
    return Finding("ids_time", says, times)


EXPERIMENTS = (
    Experiment(
        "unknown_ids",
        "What does a query say of an id that does not exist?",
        10,
        _unknown_ids,
    ),
    Experiment(
        "ids_per_call",
        "How many ids does a query take, how does its time grow, is its answer cut short?",
        160,
        _ids_per_call,
    ),
)
