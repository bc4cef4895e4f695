"""The manifests of deploy/kubernetes run what docker-compose.yml runs, which test_compose.py runs.

Where kubectl is installed they are rendered by it, and where kubernetes-validate (PyPI) is, each
object is validated against the schema of Kubernetes. Its 108 MB are why it is not installed for
everybody.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from shutil import copytree, which
from typing import Any

import pytest
import yaml

from settings import AccountSettings, Settings
from tests.acceptance.deployment import SERVICES
from tests.acceptance.manifests import DIRECTORY, KUSTOMIZATION, MANIFESTS, PODS, container

WORKERS = ("worker-interactive", "worker-bulk")


RELEASE = "1.32"
"""Of Kubernetes, whose schema the objects follow."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """As kubectl would send them; as the files have them where it is not installed."""
    if which("kubectl") is None:
        return MANIFESTS
    directory = tmp_path_factory.mktemp("kustomize") / "kubernetes"
    copytree(DIRECTORY, directory)
    for generator in KUSTOMIZATION["secretGenerator"]:
        for path in generator["files"]:
            (directory / path).write_text("made up", encoding="utf-8")
    rendered = subprocess.run(
        ["kubectl", "kustomize", directory], check=True, capture_output=True, text=True
    )
    return list(yaml.safe_load_all(rendered.stdout))


@pytest.mark.skipif(which("kubectl") is None, reason="kubectl is not installed")
def test_kustomize_gives_every_pod_its_settings_and_secrets(objects: list[dict[str, Any]]) -> None:
    names = {(made["kind"], made["metadata"]["name"]) for made in objects}
    for made in objects:
        assert made["kind"] == "Namespace" or made["metadata"]["namespace"] == "revio"
        if made["kind"] not in {"Deployment", "StatefulSet"}:
            continue
        pod = made["spec"]["template"]["spec"]
        [described] = pod["containers"]
        for source in described.get("envFrom", []):
            assert ("ConfigMap", source["configMapRef"]["name"]) in names
        for volume in pod["volumes"]:
            projected = volume.get("projected", {}).get("sources", [])
            secrets = [volume["secret"]["secretName"]] if "secret" in volume else []
            for name in (*secrets, *(source["secret"]["name"] for source in projected)):
                assert ("Secret", name) in names


def test_every_object_follows_the_schema_of_kubernetes(objects: list[dict[str, Any]]) -> None:
    schema = pytest.importorskip("kubernetes_validate")
    assert len(objects) >= len(MANIFESTS)
    for made in objects:
        schema.validate(made, RELEASE, strict=True)
    [broken] = [dict(made) for made in objects if made["metadata"]["name"] == "worker-bulk"][:1]
    broken["spec"] = {**broken["spec"], "replica": 2}
    with pytest.raises(schema.ValidationError):
        schema.validate(broken, RELEASE, strict=True)


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
    # Of bulk an autoscaler may leave one; a budget of that one would keep its node from draining.
    one_stays = {"worker-interactive": {"minAvailable": 1}, "worker-bulk": {"maxUnavailable": 1}}
    assert budget["spec"].items() >= one_stays[name].items()


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
