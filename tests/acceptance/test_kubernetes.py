"""The manifests of deploy/kubernetes run what docker-compose.yml runs, which test_compose.py runs.

They were validated against the schema of Kubernetes as docs/operators/deploy.md shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from settings import AccountSettings, Settings
from tests.acceptance.deployment import ROOT, SERVICES

DIRECTORY = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION = yaml.safe_load((DIRECTORY / "kustomization.yaml").read_text(encoding="utf-8"))
MANIFESTS: list[dict[str, Any]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((DIRECTORY / name).read_text(encoding="utf-8"))
]
PODS: dict[str, dict[str, Any]] = {
    manifest["metadata"]["name"]: manifest["spec"]["template"]["spec"]
    for manifest in MANIFESTS
    if manifest["kind"] in {"Deployment", "StatefulSet"}
}
WORKERS = ("worker-interactive", "worker-bulk")


def container(pod: str) -> dict[str, Any]:
    [described] = PODS[pod]["containers"]
    return dict(described)


def of_kind(kind: str) -> Iterator[dict[str, Any]]:
    return (manifest for manifest in MANIFESTS if manifest["kind"] == kind)


def test_each_pod_runs_the_command_line_that_compose_runs() -> None:
    services = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert PODS.keys() == services
    for name in PODS:
        assert container(name)["command"] == SERVICES[name]["command"], name


@pytest.mark.parametrize("name", PODS)
def test_no_pod_may_do_more_than_it_needs(name: str) -> None:
    pod, security = PODS[name], container(name)["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert security["allowPrivilegeEscalation"] is False
    assert security["readOnlyRootFilesystem"] is True
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert "limits" in container(name)["resources"]


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_is_given_the_time_to_finish_its_calls_and_one_stays(name: str) -> None:
    call_s = AccountSettings.model_fields["call_timeout_s"].default
    wait_s = Settings.model_fields["max_permit_wait_s"].default
    assert PODS[name]["terminationGracePeriodSeconds"] >= 2 * (call_s + wait_s)
    [budget] = [b for b in of_kind("PodDisruptionBudget") if b["metadata"]["name"] == name]
    assert budget["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("name", WORKERS)
def test_a_workers_liveness_does_not_depend_on_redis_or_the_vendor(name: str) -> None:
    described = container(name)
    assert described["livenessProbe"]["exec"]["command"][-2:] == ["/app/deploy/probe.sh", "alive"]
    assert described["readinessProbe"]["exec"]["command"][-2:] == ["/app/deploy/probe.sh", "ready"]


def test_secrets_are_those_of_compose_and_nothing_but_files() -> None:
    generated = {
        path.rpartition("/")[2]
        for generator in KUSTOMIZATION["secretGenerator"]
        for path in generator["files"]
    }
    needed = {
        secret
        for service in SERVICES.values()
        if "profiles" not in service
        for secret in service.get("secrets", [])
    }
    assert generated == needed
    ignored = (DIRECTORY / "secrets" / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert ignored == ["*", "!.gitignore", "!README.md"]


def test_every_setting_is_one_that_there_is() -> None:
    lines = (DIRECTORY / "settings.env").read_text(encoding="utf-8").splitlines()
    names = {line.partition("=")[0].removeprefix("REVIO_").lower() for line in lines}
    account = {name.removeprefix("accounts__default__") for name in names if "__" in name}
    assert account <= AccountSettings.model_fields.keys()
    assert {name for name in names if "__" not in name} <= {
        *Settings.model_fields,
        "secrets_dir",
    }
