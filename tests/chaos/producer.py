"""A producer in a process of its own: submits its list, and records what became of each line.

    python -m tests.chaos.producer KIND REDIS_URL LIST.json RECORD.jsonl PAUSE_S

Killed and started again, a producer of updates through the client begins again, which keys make
harmless. The others go on after the last line that they have recorded.
"""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from celery import Celery, Signature, chain, chord, group
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from revio_jobs import Lane, RevioJobs, UpdateJob
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import DEFAULT_ACCOUNT, QUERY_TASK, UPDATE_TASK, queue_name
from tests.chaos.records import repair

QUEUE = queue_name(DEFAULT_ACCOUNT, Lane.BULK)
BATCH = 5
_PAUSE_AFTER_ERROR_S = 0.2

Line = dict[str, Any]


class Producer(ABC):
    """One kind of producer."""

    begins_again = False
    """Whether it submits all lines again after it was killed."""

    @abstractmethod
    def submit(self, lines: list[Line]) -> list[Line]:
        """Returns what is to be recorded of each line.

        Raises RedisError or OperationalError; then it is called again with the same lines.
        """


class ClientProducer(Producer):
    """Updates through the client, several at once, with keys."""

    begins_again = True

    def __init__(self, jobs: RevioJobs) -> None:
        self._jobs = jobs

    def submit(self, lines: list[Line]) -> list[Line]:
        updates = [UpdateJob.model_validate(line["job"]) for line in lines]
        handles = self._jobs.submit(updates, Lane.BULK)
        return [
            {"number": line["number"], "kind": line["kind"], "submission": handle.submission}
            for line, handle in zip(lines, handles, strict=True)
        ]


class RawProducer(Producer):
    """Updates without the client. A repeated message has the same task id and is the same job."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def submit(self, lines: list[Line]) -> list[Line]:
        for line in lines:
            self._app.send_task(UPDATE_TASK, kwargs=line["job"], task_id=line["task"], queue=QUEUE)
        return [{"number": line["number"], "task": line["task"]} for line in lines]


class CanvasProducer(Producer):
    """Chains, chords and links. One that failed to be sent, perhaps in part, is not repeated."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def submit(self, lines: list[Line]) -> list[Line]:
        return [self._submitted(line) for line in lines]

    def _submitted(self, line: Line) -> Line:
        record = {"number": line["number"], "form": line["form"]}
        try:
            return record | {"task": self._apply(line)}
        except (OperationalError, RedisError):
            return record | {"task": None}

    def _apply(self, line: Line) -> str:
        updates = [self._signature(UPDATE_TASK, job) for job in line["jobs"]]
        query = self._signature(QUERY_TASK, {"ids": [line["product"]]})
        match line["form"]:
            case "chain":
                return str(chain(*updates, query, app=self._app).apply_async().id)
            case "chord":
                header = group(updates, app=self._app)
                return str(chord(header, app=self._app)(query).id)
            case _:
                linked = query.freeze().id
                updates[0].apply_async(link=query)
                return str(linked)

    def _signature(self, task: str, kwargs: dict[str, Any]) -> Signature:
        return self._app.signature(task, kwargs=kwargs, queue=QUEUE, immutable=True)


class QueryProducer(Producer):
    """Queries through the client."""

    def __init__(self, jobs: RevioJobs) -> None:
        self._jobs = jobs

    def submit(self, lines: list[Line]) -> list[Line]:
        return [
            {"ids": line["ids"], "task": self._jobs.query(ids=line["ids"], lane=Lane.BULK).job_id}
            for line in lines
        ]


def main(kind: str, redis_url: str, list_file: str, record_file: str, pause_s: str) -> None:
    """Submit all lines and record the end."""
    lines = json.loads(Path(list_file).read_text(encoding="utf-8"))
    recorded = repair(Path(record_file))
    with ExitStack() as ends, Path(record_file).open("a", encoding="utf-8") as record:
        producer = _producer(kind, redis_url, ends)
        if not producer.begins_again:
            lines = lines[recorded:]
        batch = BATCH if producer.begins_again else 1
        for start in range(0, len(lines), batch):
            written = _persistently(producer, lines[start : start + batch])
            record.writelines(json.dumps(entry) + "\n" for entry in written)
            record.flush()
            time.sleep(float(pause_s))
        record.write(json.dumps({"done": True}) + "\n")


def _producer(kind: str, redis_url: str, ends: ExitStack) -> Producer:
    if kind in {"client", "queries"}:
        jobs = ends.enter_context(RevioJobs.connect(redis_url))
        return ClientProducer(jobs) if kind == "client" else QueryProducer(jobs)
    app = producer_app(redis_url)
    ends.callback(app.close)
    return RawProducer(app) if kind == "raw" else CanvasProducer(app)


def _persistently(producer: Producer, lines: list[Line]) -> Iterable[Line]:
    while True:
        try:
            return producer.submit(lines)
        except (OperationalError, RedisError):
            # It is not known whether these were accepted: the same once more.
            time.sleep(_PAUSE_AFTER_ERROR_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
