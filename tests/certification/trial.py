"""One random vendor: certify it, however often the run dies, and judge what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from certification.catalogue import EXPERIMENTS
from certification.certificate import Certificate
from certification.lab import StoppedError
from certification.workbench import RESTORING_CALLS
from tests.certification.truth import missing, untrue
from tests.certification.vendors import Vendor, random_vendor
from tests.certification.world import Killed, World

# To load the WSDL, to read the products, to end the sessions; per run.
_BESIDE = 100
_MOST_RUNS = 12


@dataclass
class Trial:
    """What has happened."""

    seed: int
    vendor: Vendor
    faults: list[str] = field(default_factory=list)
    """What is not as promised."""
    unknown: list[str] = field(default_factory=list)
    findings: int = 0
    calls: int = 0
    deaths: int = 0


def try_vendor(seed: int, folder: Path) -> Trial:
    random = Random(seed)
    vendor = random_vendor(random)
    trial = Trial(seed, vendor)
    world = World(vendor.flags, calls_per_minute=vendor.calls_per_minute)
    before = world.truth()
    products = _products(before, random)
    journal = folder / f"{seed}.jsonl"
    try:
        certificate = _certified(world, trial, journal, products)
    except StoppedError as exc:
        trial.faults.append(f"the run has stopped: {exc}")
        return trial
    trial.calls = world.received()
    trial.faults += untrue(certificate, world.options)
    trial.findings = sum(finding.is_known for finding in certificate.findings.values())
    trial.unknown = missing(certificate, world.options)
    trial.faults += _changed(before, world.truth(), products)
    trial.faults += _overspent(certificate, trial, len(products))
    trial.faults += _leaks(certificate, world, products)
    trial.faults += [f"not found out: {name}" for name in trial.unknown if not vendor.has_faults]
    return trial


def _certified(world: World, trial: Trial, journal: Path, products: list[int]) -> Certificate:
    for kill_after in (*trial.vendor.kills, None):
        world.kill_after = kill_after
        try:
            return world.certify(journal, products, options=trial.vendor.options)
        except Killed:
            trial.deaths += 1
            # The dead process's session and connections are gone; a later one comes much later.
            world.kill_after = None
            world.clock.sleep(60)
    raise AssertionError("the last run was not killed")


def _products(records: dict[int, dict[str, str | None]], random: Random) -> list[int]:
    """One with a plain value in every field, one that is disconnected, and any other."""
    plain = [id_ for id_, record in records.items() if _is_plain(record)]
    ended = [id_ for id_, record in records.items() if record["Status"] == "DISCONNECTED"]
    chosen = [random.choice(plain), random.choice(ended), random.choice(list(records))]
    return list(dict.fromkeys(chosen))


def _is_plain(record: dict[str, str | None]) -> bool:
    texts = (record["Description"], record["Code1"], record["Code2"])
    rate = record["Rate"] or ""
    is_rate_plain = rate.endswith("00") and not rate.startswith("-")
    is_active = record["Status"] == "ACTIVE" and record["Activated_Date"] is not None
    return is_active and is_rate_plain and all(text and text.isascii() for text in texts)


def _changed(
    before: dict[int, dict[str, str | None]],
    after: dict[int, dict[str, str | None]],
    products: list[int],
) -> Iterator[str]:
    for id_, record in before.items():
        if after[id_] != record:
            differing = {
                name: (value, after[id_][name])
                for name, value in record.items()
                if after[id_][name] != value
            }
            yield f"product {id_} (named: {id_ in products}) is not as before: {differing}"


def _overspent(certificate: Certificate, trial: Trial, products: int) -> Iterator[str]:
    declared = {experiment.name: experiment.calls for experiment in EXPERIMENTS}
    beside = (RESTORING_CALLS + 12) * (products + 1)
    for section in certificate.sections:
        if section.calls > declared[section.name] + beside:
            yield f"{section.name} made {section.calls} calls of {declared[section.name]}"
    most = sum(declared[section.name] + beside for section in certificate.sections) + _BESIDE
    if trial.calls > most * (trial.deaths + 1):
        yield f"{trial.calls} calls were made"


def _leaks(certificate: Certificate, world: World, products: list[int]) -> Iterator[str]:
    text = "\n".join(_texts(certificate.document() | {"wsdl_sha256": ""}))
    account = world.options.account
    secrets = [account.password, account.username, account.client_code, account.subscription_key]
    secrets += list(world.vendor.service.sessions.made)
    secrets += [str(product) for product in products]
    truth = world.truth()
    secrets += [truth[product]["Description"] or "" for product in products]
    for secret in secrets:
        if secret and secret in text:
            at = text.index(secret)
            yield f"the certificate holds {secret!r}: {text[at - 40 : at + 40]!r}"


def _texts(value: object) -> Iterator[str]:
    """Every text in a JSON value; a count may happen to be any number."""
    match value:
        case str():
            yield value
        case dict():
            for name, item in value.items():
                yield str(name)
                yield from _texts(item)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
