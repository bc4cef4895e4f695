"""`make demo`: real jobs through real Redis, real Celery workers and a real SOAP exchange."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType
from typing import Never

from redis import Redis
from rich.console import Console

from cli.dev.campaign_story import CampaignStory
from cli.dev.rates import CUSTOMERS, SEED, read
from cli.dev.service import ServiceError
from cli.dev.stack import ROOT, local_stack
from cli.dev.story import Story
from revio_jobs import RevioJobs
from revio_jobs.contracts import DEFAULT_ACCOUNT
from revio_jobs.errors import RevioError
from sandbox.local.embedded_redis import NoRedisError

_RATES = ROOT / "examples" / "new-rates.csv"
_CALLS_PER_MINUTE = 6000
_INTERRUPTED = 130  # as shells have it

_WHERE = (
    "Everything here runs on this machine, in processes that end with the demonstration: a Redis, "
    "two Celery workers (one for callers who wait, one for bulk work), the console, and a sandbox "
    f"that stands in for Rev.io's SOAP service, with {CUSTOMERS:,} customers."
)
_HOW_FAST = (
    "Rev.io allows an account 500 calls per minute, so 2,000 updates would take four. To save you "
    f"the wait, the sandbox allows {_CALLS_PER_MINUTE:,} per minute here, and so do the workers."
)


def main() -> int:
    """The exit code: 0 if all went as told, 1 if not, 130 after Ctrl-C."""
    console = Console(highlight=False, markup=False, emoji=False)
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    began = time.monotonic()
    try:
        told_the_truth = _demonstrate(console)
    except KeyboardInterrupt:
        console.print("\nStopped. Nothing is left running.")
        return _INTERRUPTED
    except (ServiceError, NoRedisError, RevioError, TimeoutError) as exc:
        console.print(f"\n{exc}")
        return 1
    console.print(f"\nIt took {time.monotonic() - began:.0f} s. Nothing is left running.")
    return 0 if told_the_truth else 1


def _demonstrate(console: Console) -> bool:
    console.print(_WHERE, _HOW_FAST, sep="\n\n")
    with ExitStack() as block:
        with console.status("starting them"):
            stack = block.enter_context(
                local_stack(
                    console=True,
                    sandbox={
                        "customers": CUSTOMERS,
                        "seed": SEED,
                        "calls_per_minute": _CALLS_PER_MINUTE,
                    },
                    environment={
                        f"REVIO_ACCOUNTS__{DEFAULT_ACCOUNT.upper()}__CALLS_PER_MINUTE": str(
                            _CALLS_PER_MINUTE
                        )
                    },
                )
            )
        console.print(f"\nWatch it in a browser: {stack.console}")
        jobs = block.enter_context(RevioJobs.connect(stack.redis.url))
        redis = block.enter_context(Redis.from_url(stack.redis.url))
        story = Story(console, stack.sandbox, jobs)
        campaign = CampaignStory(console, stack.sandbox, jobs, redis)
        story_is_right = story.tell(read(_RATES), calls_per_minute=_CALLS_PER_MINUTE)
        return campaign.tell() and story_is_right


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
