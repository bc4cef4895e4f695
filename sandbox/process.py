"""The sandbox as a process: serves until it is told to end."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys

from sandbox import assembly
from sandbox.options import Options
from sandbox.server.listener import Listener

PATH = "/v20/default.asmx"


async def serve(options: Options) -> None:
    """Until SIGTERM or SIGINT, or the end of standard input if the options say so."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    if options.exit_with_stdin:
        loop.add_reader(sys.stdin, _end_with_stdin, ended)
    _allow_many_connections()
    listener = Listener(options.host, options.port)
    application = assembly.assemble(
        options,
        clock=loop.time,
        schedule=loop.call_later,
        outage=lambda seconds: listener.outage(seconds, application),
    )
    await listener.listen(application)
    print(f"sandbox listening on http://{options.host}:{listener.port}{PATH}", flush=True)  # noqa: T201 - the ready line
    await ended.wait()
    listener.close()


def _end_with_stdin(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        ended.set()


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
