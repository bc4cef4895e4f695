"""`make dev`: everything on this machine until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import ExitStack
from types import FrameType
from typing import Never

from rich.console import Console

from cli.dev.following import following
from cli.dev.service import ServiceError
from cli.dev.stack import Stack, local_stack
from sandbox.local.embedded_redis import NoRedisError

_CHECK_EVERY_S = 0.5
_READABLE = {"REVIO_LOG_FORMAT": "console"}


def main() -> int:
    """The exit code: 0 after Ctrl-C or SIGTERM, 1 when something did not start."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    signal.signal(signal.SIGTERM, _as_ctrl_c)
    try:
        with ExitStack() as block:
            with console.status("starting Redis, the sandbox, two workers, Flower and the console"):
                stack = block.enter_context(
                    local_stack(flower=True, console=True, environment=_READABLE)
                )
            console.print(_greeting(stack))
            block.enter_context(following(stack.services.values(), console.print))
            _wait_for_the_end_of_any(stack)
    except KeyboardInterrupt:
        console.print("stopped")
    except (ServiceError, NoRedisError) as exc:
        console.print(str(exc))
        return 1
    return 0


def _greeting(stack: Stack) -> str:
    shared = stack.console.shared_environment if stack.console else {}
    variables = {**stack.environment, **shared}
    exports = "\n".join(f"  export {name}={value}" for name, value in variables.items())
    return f"""
Redis    {stack.redis.url}
sandbox  {stack.sandbox.endpoint}
Flower   {stack.flower_url}
console  {stack.console}

For the revio command or a producer in another shell:
{exports}

Ctrl-C ends everything.
"""


def _wait_for_the_end_of_any(stack: Stack) -> Never:
    """Raises ServiceError, if no Ctrl-C comes first."""
    while True:
        for service in stack.services.values():
            service.check()
        time.sleep(_CHECK_EVERY_S)


def _as_ctrl_c(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
