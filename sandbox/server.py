"""Puts the parts together and listens until it is told to end."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
import time
import uuid
from random import Random

from sandbox import contract, wsdl
from sandbox.application import Application
from sandbox.control import ControlEndpoints
from sandbox.http import Connection, Handler
from sandbox.journal import Journal
from sandbox.limits import Gateway
from sandbox.options import Options
from sandbox.plan import Plan
from sandbox.population import populate
from sandbox.products import Products
from sandbox.service import Service
from sandbox.sessions import Sessions

PATH = "/v20/default.asmx"

_BACKLOG = 4096


class Listener:
    """The listening socket and the connections made through it."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self.port = port
        self._connections: set[Connection] = set()
        self._handler: Handler
        self._server: asyncio.Server

    async def open(self, handler: Handler) -> None:
        """Once open, `port` is the real one."""
        self._handler = handler
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Connection(handler, self._connections),
            self._host,
            self.port,
            backlog=_BACKLOG,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.abort()

    def outage(self, seconds: float) -> None:
        """Refuses connections for so long, once the answer being written is out."""
        loop = asyncio.get_running_loop()
        loop.call_soon(self.close)
        loop.call_later(seconds, lambda: loop.create_task(self.open(self._handler)))


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
    await listener.open(application(options, listener))
    print(f"sandbox listening on http://{options.host}:{listener.port}{PATH}", flush=True)  # noqa: T201 - the ready line
    await ended.wait()
    listener.close()


def application(options: Options, listener: Listener) -> Application:
    """Must be called with the event loop that will serve it running."""
    loop = asyncio.get_running_loop()
    random = Random(options.seed)  # noqa: S311 - faults and latency
    agreed = contract.build(options.shapes)
    products = Products(
        populate(options.customers, options.seed),
        monotonic=loop.time,
        wall=time.time,
        read_back_delay=options.read_back_delay,
    )
    sessions = Sessions(options.session_seconds, clock=loop.time, new_key=lambda: str(uuid.uuid4()))
    gateway = Gateway(
        subscription_key=options.account.subscription_key,
        calls_per_minute=options.calls_per_minute,
        calls_per_day=options.calls_per_day,
        clock=loop.time,
    )
    journal = Journal(loop.time, time.time)
    plan = Plan(options.faults, random)
    return Application(
        contract=agreed,
        service=Service(
            agreed,
            products,
            sessions,
            options.account,
            expired_code=options.expired_session_code,
            ids_per_call=options.ids_per_call,
        ),
        gateway=gateway,
        journal=journal,
        plan=plan,
        control=ControlEndpoints(
            contract=agreed,
            products=products,
            sessions=sessions,
            gateway=gateway,
            journal=journal,
            plan=plan,
            outage=listener.outage,
        ),
        wsdl=lambda address: wsdl.render(
            agreed, options.ports, options.address or address
        ).encode(),
        latency=lambda: options.latency.pick(random),
        schedule=loop.call_later,
    )


def _end_with_stdin(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 1024):
        ended.set()


def _allow_many_connections() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
