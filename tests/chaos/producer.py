"""A producer in a process of its own: submits its list, and tells what became of each line.

    python -m tests.chaos.producer REDIS_URL LIST.json TOLD.jsonl PAUSE_S

Killed and started again it begins anew: the keys make that harmless.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from redis.exceptions import RedisError

from revio_jobs import Lane, RevioJobs, UpdateJob

AT_ONCE = 5


def main(redis_url: str, list_file: str, told_file: str, pause_s: str) -> None:
    lines = json.loads(Path(list_file).read_text(encoding="utf-8"))
    with RevioJobs.connect(redis_url) as jobs, Path(told_file).open("a", encoding="utf-8") as told:
        for start in range(0, len(lines), AT_ONCE):
            batch = lines[start : start + AT_ONCE]
            made = [UpdateJob.model_validate(each["job"]) for each in batch]
            while True:
                try:
                    handles = jobs.submit(made, Lane.BULK)
                except RedisError:
                    # Of these it is not known whether they were accepted: the same once more.
                    time.sleep(0.2)
                else:
                    break
            for each, handle in zip(batch, handles, strict=True):
                said = {"number": each["number"], "kind": each["kind"], "is": handle.submission}
                told.write(json.dumps(said) + "\n")
            told.flush()
            time.sleep(float(pause_s))
        told.write(json.dumps({"done": True}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
