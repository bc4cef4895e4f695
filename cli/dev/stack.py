"""Starts Redis, the sandbox, workers, Flower and the console as children, and ends them all."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import ProxyHandler, build_opener

from celery import Celery

from cli.dev.local_console import LocalConsole
from cli.dev.service import Service
from revio_jobs.celery_app import producer_app
from revio_jobs.contracts import DEFAULT_ACCOUNT, Lane, queue_name
from sandbox import Account, RunningSandbox
from sandbox.local.embedded_redis import EmbeddedRedis, embedded_redis, free_port

ROOT = Path(__file__).parents[2]

_HOST = "127.0.0.1"
_READY_TIMEOUT_S = 180
_REPLY_TIMEOUT_S = 0.5
_CELERY = (sys.executable, "-m", "celery", "-A", "worker")
_OURS = ("REVIO_", "FLOWER_")
# As in deploy/flower.py: what a job is about is in its args.
_TASKS_COLUMNS = "name,args,state,received,runtime,worker,uuid"

DEFAULT_WORKERS: Mapping[str, tuple[str, ...]] = {
    lane.value: (queue_name(DEFAULT_ACCOUNT, lane),) for lane in Lane
}


@contextmanager
def local_stack(
    *,
    workers: Mapping[str, Iterable[str]] = DEFAULT_WORKERS,
    sandbox: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    flower: bool = False,
    console: bool = False,
    appendonly: bool = False,
) -> Iterator[Stack]:
    """A whole system that is ready; at exit none of its processes and files is left.

    `workers` are queues by the worker's name, `sandbox` the options of its command line with
    underscores, `environment` settings besides those that connect the parts. No setting of the
    caller's environment or `.env` is used. Raises ServiceError with the log of what did not start.
    """
    with (
        TemporaryDirectory(prefix="revio-stack-") as name,
        embedded_redis(appendonly=appendonly) as redis,
    ):
        stack = Stack(Path(name), redis, environment or {})
        try:
            stack.start_sandbox(sandbox or {})
            for worker, queues in workers.items():
                stack.start_worker(worker, queues)
            if flower:
                stack.start_flower()
            if console:
                stack.start_console()
            stack.wait_until_ready()
            yield stack
        finally:
            stack.stop()


class Stack:
    """Running services by name: `sandbox`, `flower`, `console` and the workers."""

    def __init__(self, directory: Path, redis: EmbeddedRedis, settings: Mapping[str, str]) -> None:
        self.directory = directory
        # Apart from all that services write: whatever lies there could be read as a setting.
        self._secrets = directory / "secrets"
        self._secrets.mkdir()
        self.redis = redis
        self.services: dict[str, Service] = {}
        self.flower_url: str | None = None
        self.console: LocalConsole | None = None
        self._settings = settings
        self._endpoint = ""
        self._workers: list[str] = []

    @property
    def sandbox(self) -> RunningSandbox:
        """The sandbox's control."""
        return RunningSandbox(self._endpoint, self.services["sandbox"].pid)

    @property
    def environment(self) -> dict[str, str]:
        """The settings, by variable, with which a client or the `revio` command uses this stack."""
        login, prefix = Account(), f"REVIO_ACCOUNTS__{DEFAULT_ACCOUNT.upper()}__"
        return {
            "REVIO_REDIS_URL": self.redis.url,
            f"{prefix}ENDPOINT": self._endpoint,
            f"{prefix}USERNAME": login.username,
            f"{prefix}PASSWORD": login.password,
            f"{prefix}CLIENT_CODE": login.client_code,
            f"{prefix}SUBSCRIPTION_KEY": login.subscription_key,
            **self._settings,
        }

    def start_sandbox(self, options: Mapping[str, object]) -> None:
        """Returns when it listens."""
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        sandbox = self._start("sandbox", [sys.executable, "-m", "sandbox", *flags])
        self._wait_until("sandbox", lambda: bool(_listening_address(sandbox.output())))
        self._endpoint = _listening_address(sandbox.output())

    def start_worker(self, name: str, queues: Iterable[str]) -> Service:
        """Returns at once; see `wait_until_ready`."""
        self._workers.append(name)
        options = ("-Q", ",".join(queues), "-n", _node(name))
        return self._start(name, [*_CELERY, "worker", *options])

    def start_flower(self) -> None:
        """Returns at once; see `wait_until_ready`."""
        port = free_port()
        self.flower_url = f"http://{_HOST}:{port}"
        self._start("flower", [*_CELERY, "flower", f"--address={_HOST}", f"--port={port}"])

    def start_console(self) -> None:
        """With its users; returns before it serves, see `wait_until_ready`."""
        self.console = LocalConsole(self.directory, free_port())
        self.console.add_users(self.process_environment())
        self._start("console", self.console.command, self.console.environment)

    def wait_until_ready(self) -> None:
        """Until every worker answers, and Flower and the console serve. Raises ServiceError."""
        with producer_app(self.environment["REVIO_REDIS_URL"]) as app:
            for name in self._workers:
                self._wait_until(name, partial(_replies, app, _node(name)))
        if self.flower_url:
            self._wait_until("flower", partial(_is_served, f"{self.flower_url}/healthcheck"))
        if self.console:
            self._wait_until("console", partial(_is_served, f"{self.console.url}/health"))

    def stop(self) -> None:
        """End all services at the same time; Redis ends with the stack's block."""
        for service in self.services.values():
            service.send(signal.SIGTERM)
        with ExitStack() as stops:  # the next is stopped even when a Ctrl-C interrupts one
            for service in self.services.values():
                stops.callback(service.wait_or_kill)

    def _start(
        self, name: str, command: Sequence[str], more: Mapping[str, str] | None = None
    ) -> Service:
        environment = self.process_environment() | dict(more or {})
        service = Service(name, command, environment, self.directory)
        self.services[name] = service
        service.start()
        return service

    def _wait_until(self, name: str, is_ready: Callable[[], bool]) -> None:
        self.services[name].wait_until(is_ready, timeout_s=_READY_TIMEOUT_S)

    def process_environment(self) -> dict[str, str]:
        """Only the stack's own REVIO_ variables; no `.env` is in the directory where it runs."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(_OURS)
        }
        return {
            **inherited,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "PYTHONUNBUFFERED": "1",
            "FLOWER_UNAUTHENTICATED_API": "true",
            "FLOWER_TASKS_COLUMNS": _TASKS_COLUMNS,
            "REVIO_SECRETS_DIR": str(self._secrets),
            "REVIO_WSDL_CACHE_DIR": str(self.directory / "wsdl"),
            **self.environment,
        }


def _node(name: str) -> str:
    return f"{name}@local"


def _replies(app: Celery, node: str) -> bool:
    with app.connection_for_write() as connection:
        timeout_s = _REPLY_TIMEOUT_S
        return bool(app.control.ping([node], timeout=timeout_s, connection=connection))


def _listening_address(output: str) -> str:
    line = re.search(r"^sandbox listening on (\S+)$", output, re.MULTILINE)
    return line[1] if line else ""


def _is_served(address: str) -> bool:
    try:
        with build_opener(ProxyHandler({})).open(address, timeout=_REPLY_TIMEOUT_S):
            return True
    except OSError:
        return False
