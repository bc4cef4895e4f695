from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from redis import AuthenticationError, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from revio_jobs import RevioJobs
from revio_jobs.contracts import Lane
from sandbox import Account, RunningSandbox
from settings import AccountSettings, Settings
from tests.acceptance.deployment import (
    COMPOSE,
    DOCKERFILE,
    ROOT,
    SERVICES,
    Container,
    Place,
    deployment,
    image_copies,
)
from tests.acceptance.manifests import PROBES, container
from tests.patience import PATIENCE_S, wait_until

SANDBOX_ENDPOINT = "http://127.0.0.1:8080/v20/default.asmx"
PASSWORD = "9f8e7d6c5b4a"
FLOWER = ROOT / "deploy" / "flower.py"
DEVELOPERS_ONLY = {"simulation", "bench", "tests"}
LOGIN = "operator:let-me-in"
SECRETS = {
    "redis.conf": f"requirepass {PASSWORD}\n",
    "revio_redis_url": f"redis://:{PASSWORD}@redis:6379/0\n",
    "revio_session_key": base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n",
    "revio_accounts__default__password": Account().password,
    "revio_accounts__default__subscription_key": Account().subscription_key,
    "revio_console_secret": base64.urlsafe_b64encode(os.urandom(32)).decode() + "\n",
    "flower_login": f"{LOGIN}\n",
}
VARIABLES = {
    "REVIO_ACCOUNTS__DEFAULT__ENDPOINT": SANDBOX_ENDPOINT,
    "REVIO_ACCOUNTS__DEFAULT__USERNAME": Account().username,
    "REVIO_ACCOUNTS__DEFAULT__CLIENT_CODE": Account().client_code,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("deployment")
    with deployment(directory, secrets=SECRETS, variables=VARIABLES) as running:
        yield running


@pytest.fixture
def jobs(place: Place) -> Iterator[RevioJobs]:
    with RevioJobs.connect(place.here(SECRETS["revio_redis_url"]).strip()) as client:
        yield client


def test_the_file_follows_the_compose_schema() -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"),
        ],
        check=True,
    )


def test_pages_and_metrics_can_be_reached_from_this_machine_and_nothing_else() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {
        "flower": ["127.0.0.1:5555:5555"],
        "exporter": ["127.0.0.1:9808:9808"],
        "console": ["127.0.0.1:8070:8070"],
    }


def test_redis_keeps_what_it_accepts_and_evicts_nothing() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert SERVICES["redis"]["volumes"] == ["redis:/data"]


def test_services_are_started_again_and_their_health_is_watched() -> None:
    for name, described in SERVICES.items():
        assert described["restart"] == "unless-stopped", name
        assert "healthcheck" in described or described["build"] == ".", name


def test_the_sandbox_is_started_only_when_it_is_asked_for() -> None:
    profiled = {name for name, described in SERVICES.items() if "profiles" in described}
    assert profiled == {"sandbox", "worker-sandbox"}


def test_a_worker_is_given_the_time_to_finish_its_calls() -> None:
    call_s = AccountSettings.model_fields["call_timeout_s"].default
    wait_s = Settings.model_fields["max_permit_wait_s"].default
    for name in ("worker-interactive", "worker-bulk", "worker-sandbox"):
        grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace_s >= 2 * (call_s + wait_s), name


def test_secrets_are_files_that_neither_git_nor_the_image_gets() -> None:
    used = {secret for one in SERVICES.values() for secret in one.get("secrets", [])}
    assert used == set(COMPOSE["secrets"]) == set(SECRETS)
    assert all(one["file"].startswith("./secrets/") for one in COMPOSE["secrets"].values())
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/secrets/", ".env"} <= set(ignored)
    sources = {*image_copies().values(), "requirements-run.lock"}
    rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == sources
    assert "*" in rules


def test_the_image_holds_every_package_of_the_application_and_runs_as_nobody_special() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = set(project["tool"]["importlinter"]["root_packages"])
    assert packages - DEVELOPERS_ONLY <= set(image_copies())
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER revio$", last_stage, re.MULTILINE)
    assert "--only-binary :all: --require-hashes" in DOCKERFILE
    assert not re.search(r"apt-get|gcc|build-essential|pip", last_stage)


@pytest.mark.parametrize(
    ("account", "lane"),
    [
        ("default", Lane.INTERACTIVE),
        ("default", Lane.BULK),
        ("sandbox", Lane.INTERACTIVE),
        ("sandbox", Lane.BULK),
    ],
)
def test_a_job_runs_through_what_compose_starts(
    place: Place, jobs: RevioJobs, account: str, lane: Lane
) -> None:
    update = jobs.update(id=5001, rate="12.50", account=account, lane=lane).result(
        timeout=PATIENCE_S
    )
    assert update.outcome == "applied"
    found = jobs.query(ids=[5001], account=account, lane=lane).result(timeout=PATIENCE_S)
    assert [one.rate for one in found.customer_products] == [Decimal("12.50")]
    sandbox = RunningSandbox(place.here(SANDBOX_ENDPOINT))
    assert sandbox.products([5001])[5001]["Rate"] == "12.5000"


def test_redis_lets_nobody_in_without_the_password(place: Place) -> None:
    stranger = Redis(port=place.ports["6379"], retry=Retry(NoBackoff(), 0))
    with stranger, pytest.raises(AuthenticationError):
        stranger.ping()


@pytest.mark.parametrize(("pod", "probe"), PROBES)
def test_the_probes_of_the_kubernetes_manifests_find_what_was_started(
    place: Place, pod: str, probe: str
) -> None:
    described = container(pod)
    ports = {
        port["name"]: place.ports.get(str(port["containerPort"])) for port in described["ports"]
    }
    match described[probe]:
        case {"exec": {"command": command}}:
            words = [place.here(word, pod) for word in command]
            environment = Container(pod, place, VARIABLES).environment()
            subprocess.run(words, env=environment, check=True, timeout=PATIENCE_S)
        case {"httpGet": {"path": path, "port": port}}:
            address = f"http://127.0.0.1:{ports[port]}{path}"
            with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE_S) as answer:
                assert answer.status == 200
        case {"tcpSocket": {"port": port}}:
            with socket.create_connection(("127.0.0.1", ports[port]), timeout=PATIENCE_S):
                pass
        case unknown:
            pytest.fail(f"no such probe is known: {unknown}")


def flower(place: Place, path: str, login: str | None = None) -> Any:
    request = Request(place.here(f"http://127.0.0.1:5555{path}"))
    if login is not None:
        token = base64.b64encode(login.encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    with build_opener(ProxyHandler({})).open(request, timeout=PATIENCE_S) as answer:
        return answer.read()


@pytest.mark.parametrize("path", ["/", "/tasks", "/api/workers"])
@pytest.mark.parametrize("login", [None, "operator:wrong", ":"])
def test_flower_asks_for_the_login(place: Place, path: str, login: str | None) -> None:
    with pytest.raises(HTTPError, match="401") as refused:
        flower(place, path, login)
    refused.value.close()


def inspected_by_flower(place: Place) -> dict[str, Any]:
    """Who answered Flower so far.

    A refresh joins an inspection that is already under way, such as the one at its start, and
    workers that connect after its question are not in its answer.
    """
    answer: dict[str, Any] = json.loads(flower(place, "/api/workers?refresh=1", LOGIN))
    return answer


def test_flower_shows_every_worker_to_an_operator(place: Place) -> None:
    workers = {f"worker@worker-{name}" for name in ("interactive", "bulk", "sandbox")}
    wait_until(lambda: inspected_by_flower(place).keys() == workers)


def test_flower_has_metrics_and_a_bound_for_its_memory(place: Place) -> None:
    wait_until(lambda: "flower_worker_online" in flower(place, "/metrics").decode())
    assert re.search(r"^max_tasks = [\d_]+$", FLOWER.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_exporter_tells_of_every_worker(place: Place) -> None:
    def workers() -> float:
        with build_opener(ProxyHandler({})).open(
            place.here("http://127.0.0.1:9808/metrics"), timeout=PATIENCE_S
        ) as answer:
            text = answer.read().decode()
        assert "revio_redis_up 1.0" in text
        return sum(
            map(
                float, re.findall(r'^revio_workers\{account="default".* (\S+)$', text, re.MULTILINE)
            )
        )

    wait_until(lambda: workers() == 2)


def test_the_console_asks_who_it_is(place: Place) -> None:
    address = place.here("http://127.0.0.1:8070/", "console")
    with build_opener(ProxyHandler({})).open(address, timeout=PATIENCE_S) as page:
        assert page.url.endswith("/login?next=%2F")
        assert b"Sign in" in page.read()


def test_flower_knows_the_broker_and_how_long_its_queues_are(place: Place) -> None:
    wait_until(lambda: len(inspected_by_flower(place)) == 3)
    lengths = json.loads(flower(place, "/api/queues/length", LOGIN))["active_queues"]
    assert {"revio.default.bulk", "revio.default.interactive"} <= {one["name"] for one in lengths}
    assert all(one["messages"] == 0 for one in lengths)
    page = flower(place, "/broker", LOGIN).decode()
    assert "revio.default.bulk" in page
    assert PASSWORD not in page
