"""Forks Python services off a process that has imported what they import.

A worker spends most of its start on imports, and the suite starts some hundred and fifty; so does
what plans for the console. A service that is forked here is a process like any other, with its own
environment, directory, group and log; only its imports are done. Nothing that is imported
beforehand reads a setting of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO

_ROOT = Path(__file__).parents[1]
_PYTHON = (sys.executable, "-m")
# An app of another name may patch modules before it has them imported.
_SERVICES = (("celery", "-A", "worker"), ("sandbox",), ("console.plans.planning",))
# What may differ between a service's environment and that in which the imports were done.
_ITS_OWN = ("REVIO_", "FLOWER_", "PYTEST_")
_IMPORTS = (
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.worker.consumer",
    "cli.campaign.planning",
    "console.plans.review_document",
    "console.plans.row_index",
    "sandbox.assembly",
    "worker.celery_app.lifecycle",
)
_PR_SET_PDEATHSIG = 1
_REQUEST_BYTES = 1 << 20
_NOT_FORKED = "no process: the imports failed, as their traceback says"


class WarmProcess:
    """What `subprocess.Popen` tells of a child, of one that was forked elsewhere."""

    def __init__(self, status: int) -> None:
        """`status`: yields the process's id and, when it has ended, its return code."""
        self._status = os.fdopen(status)
        self.pid = int(self._status.readline() or _NOT_FORKED)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._await(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        code = self._await(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return code

    def _await(self, timeout_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], timeout_s)[0]:
            # It says nothing if the one that forks was killed, and its children with it.
            self.returncode = int(self._status.readline() or -signal.SIGKILL)
            self._status.close()
        return self.returncode


class WarmStarts:
    """A `spawn` as in sandbox.local.children, with one such process for each environment."""

    def __init__(self, cold: Callable[..., subprocess.Popen[bytes]]) -> None:
        """`cold` starts what is not a service of ours."""
        self._cold = cold
        self._requests: dict[str, socket.socket] = {}
        self._forks: list[subprocess.Popen[bytes]] = []

    def spawn(
        self,
        command: Sequence[str],
        *,
        output: IO[bytes],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes] | WarmProcess:
        if not any(tuple(command[: 2 + len(s)]) == (*_PYTHON, *s) for s in _SERVICES):
            return self._cold(command, output=output, env=env, cwd=cwd)
        env, cwd = os.environ if env is None else env, cwd or Path.cwd()
        request = json.dumps([command[2:], dict(env), str(cwd)]).encode()
        read, write = os.pipe()
        socket.send_fds(self._requests_for(env), [request], [output.fileno(), write])
        os.close(write)
        return WarmProcess(read)

    def close(self) -> None:
        """End the processes that fork, and with them what is left of their services."""
        for requests in self._requests.values():
            requests.close()
        for process in self._forks:
            process.wait()

    def _requests_for(self, env: Mapping[str, str]) -> socket.socket:
        shared = {name: value for name, value in env.items() if not name.startswith(_ITS_OWN)}
        key = json.dumps(shared, sort_keys=True)
        if key not in self._requests:
            self._requests[key] = self._begin(shared)
        return self._requests[key]

    def _begin(self, env: Mapping[str, str]) -> socket.socket:
        requests, served = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with served:
            command = [*_PYTHON, "tests.warm_start", str(served.fileno())]
            self._forks.append(
                subprocess.Popen(
                    command,
                    env=env,
                    cwd=_ROOT,
                    pass_fds=[served.fileno()],
                    start_new_session=True,
                )
            )
        return requests


@dataclass
class _Start:
    """A service that is to begin in this process, which has just been forked."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str
    output: int
    status: int
    parent: int

    def run(self) -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Told when it leads its group: whoever knows the id may end the group.
        os.setsid()
        os.write(self.status, f"{os.getpid()}\n".encode())
        if os.getppid() != self.parent:
            return
        null = os.open(os.devnull, os.O_RDONLY)
        for number, source in enumerate((null, self.output, self.output)):
            os.dup2(source, number)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.directory)
        sys.path[0] = self.directory
        sys.argv = list(self.arguments)
        runpy.run_module(self.arguments[0], run_name="__main__", alter_sys=True)


@dataclass
class _Forks:
    requests: socket.socket
    _statuses: dict[int, int] = field(default_factory=dict)

    def serve(self) -> _Start | None:
        """In the process of each service, what it is to run; None when there are no more."""
        ended, wake_up = os.pipe()
        os.set_blocking(wake_up, False)
        signal.set_wakeup_fd(wake_up)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while True:
            for ready in select.select([self.requests.fileno(), ended], [], [])[0]:
                if ready == ended:
                    os.read(ended, 4096)
                    self._tell_ends()
                    continue
                request, descriptors, _, _ = socket.recv_fds(self.requests, _REQUEST_BYTES, 2)
                if not request:
                    return None
                start = self._fork(*json.loads(request), *descriptors)
                if start:
                    return start

    def _fork(
        self,
        arguments: list[str],
        environment: dict[str, str],
        directory: str,
        output: int,
        status: int,
    ) -> _Start | None:
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _Start(arguments, environment, directory, output, status, parent)
        os.close(output)
        self._statuses[pid] = status
        return None

    def _tell_ends(self) -> None:
        while self._statuses:
            pid, ended = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            status = self._statuses.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # whoever asked has ended
                os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
            os.close(status)


if __name__ == "__main__":
    for name in _IMPORTS:
        import_module(name)
    gc.freeze()
    service = _Forks(socket.socket(fileno=int(sys.argv[1]))).serve()
    if service:
        service.run()
