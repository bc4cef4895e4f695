"""`revio exporter`: the command."""

from __future__ import annotations

import signal
import sys
from threading import Event
from typing import Annotated

import typer
from prometheus_client import start_http_server
from prometheus_client.registry import CollectorRegistry

from cli.answer import answering
from cli.connection import redis_of
from cli.exporter.fleet import FleetCollector
from settings import load

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def exporter(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port to listen on; 0: any free one.")
    ] = 9808,
    address: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of the host's.")
    ] = "127.0.0.1",
) -> None:
    """Serve the fleet's metrics for Prometheus, read from Redis at each scrape."""
    with answering(as_json=False):
        settings = load()
        with redis_of(settings) as redis:
            registry = CollectorRegistry()
            registry.register(FleetCollector(settings, redis))
            ended = Event()
            for number in _SIGNALS:
                signal.signal(number, lambda *_: ended.set())
            try:
                server, thread = start_http_server(port, address, registry)
            except OSError as exc:
                raise typer.BadParameter(f"{address}:{port}: {exc}", param_hint="--port") from exc
            sys.stderr.write(f"metrics at http://{address}:{server.server_port}/metrics\n")
            ended.wait()
            server.shutdown()
            thread.join()
            server.server_close()
