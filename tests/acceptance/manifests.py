"""The manifests of deploy/kubernetes, as their files have them."""

from __future__ import annotations

from typing import Any

import yaml

from tests.acceptance.deployment import ROOT

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
PROBES = [
    (pod, probe)
    for pod, described in PODS.items()
    for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    if probe in described["containers"][0]
]


def container(pod: str) -> dict[str, Any]:
    [described] = PODS[pod]["containers"]
    return dict(described)
