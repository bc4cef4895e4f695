from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cli.dev.following import following
from cli.dev.service import Service, ServiceError
from tests.patience import PATIENCE_S

Start = Callable[[str], Service]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts Python code as a service that is given half a second to stop."""
    services = []

    def start_one(code: str) -> Service:
        command = [sys.executable, "-u", "-c", code]
        service = Service(f"s{len(services)}", command, dict(os.environ), tmp_path, 0.5)
        services.append(service)
        service.start()
        return service

    yield start_one
    for service in services:
        service.kill()


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def says(service: Service, text: str) -> Callable[[], bool]:
    return lambda: text in service.output()


def test_a_service_is_waited_for_until_it_is_ready(start: Start) -> None:
    service = start("print('here'); import time; time.sleep(60)")
    service.wait_until(says(service, "here"), timeout_s=PATIENCE_S)
    assert service.pid is not None


def test_one_that_ends_is_an_error_with_its_code_and_last_lines(start: Start) -> None:
    service = start("print('first'); print('no such host'); raise SystemExit(3)")
    with pytest.raises(ServiceError, match=r"s0 ended with code 3\. .*\nfirst\nno such host"):
        service.wait_until(lambda: False, timeout_s=PATIENCE_S)


def test_one_that_is_not_ready_in_time_is_an_error(start: Start) -> None:
    service = start("import time; time.sleep(60)")
    with pytest.raises(ServiceError, match=r"s0 was not ready in 0\.1 s\. It wrote nothing"):
        service.wait_until(lambda: False, timeout_s=0.1)


def test_one_that_will_not_stop_is_killed_with_its_children(start: Start) -> None:
    service = start(
        "import signal, subprocess, sys, time;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid);"
        "time.sleep(60)"
    )
    service.wait_until(says(service, "\n"), timeout_s=PATIENCE_S)
    pid, child = service.pid, int(service.output())
    assert pid is not None
    assert is_running(child)
    service.stop()
    assert service.pid is None
    assert not is_running(pid)
    # Nobody of ours waits for the child; the system buries it in its own time.
    gives_up = time.monotonic() + PATIENCE_S
    while is_running(child):
        assert time.monotonic() < gives_up
        time.sleep(0.02)


def test_one_that_was_killed_can_be_started_again_and_keeps_its_log(start: Start) -> None:
    service = start("import os, time; print(f'pid {os.getpid()}.'); time.sleep(60)")
    service.wait_until(says(service, "."), timeout_s=PATIENCE_S)
    service.kill()
    assert service.pid is None
    service.start()
    service.wait_until(lambda: service.output().count(".") == 2, timeout_s=PATIENCE_S)


def test_what_services_write_is_shown_in_whole_lines_under_their_names(start: Start) -> None:
    one = start("print('a'); import time; print('half', end=''); time.sleep(0.3); print(' b')")
    other = start("print('c')")
    shown: list[str] = []
    deadline = time.monotonic() + PATIENCE_S
    with following([one, other], shown.append):
        while len(shown) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
    assert sorted(shown) == ["s0 | a", "s0 | half b", "s1 | c"]
