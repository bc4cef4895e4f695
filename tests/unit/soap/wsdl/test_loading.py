from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from revio_jobs.errors import Throttled, Unauthorised, Unavailable
from sandbox.contract.shapes import Records
from tests.unit.soap.wsdls import ENDPOINT, config, render, shapes, write
from worker.soap.wsdl.description import describe
from worker.soap.wsdl.loading import load_wsdl
from worker.soap.wsdl.schema import Wsdl


def load(document: bytes | Exception, cache: Path | None = None) -> Wsdl:
    def fetch(url: str) -> bytes:
        assert url == f"{ENDPOINT}?WSDL"
        if isinstance(document, Exception):
            raise document
        return document

    return load_wsdl(config(wsdl_cache=cache), fetch)


def test_the_vendors_own_is_used_and_kept(tmp_path: Path) -> None:
    document = render()

    wsdl = load(document, tmp_path / "new" / "place")

    assert not wsdl.is_kept_copy
    assert wsdl.sha256 == hashlib.sha256(document).hexdigest()


@pytest.mark.parametrize(
    "instead",
    [
        Unavailable("down"),
        Throttled(9),
        Unauthorised("no"),
        b"<html><body>Down for maintenance</body></html>",
        b"<not xml",
        b"",
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + render()[38:],
    ],
)
def test_a_kept_copy_stands_in_for_what_cannot_be_had(
    instead: bytes | Exception, tmp_path: Path
) -> None:
    load(render(shapes("wrapped")), tmp_path)

    with capture_logs() as logs:
        wsdl = load(instead, tmp_path)

    assert wsdl.is_kept_copy
    assert wsdl.schema.changes["rate"].shape == "wrapped"
    assert [entry["event"] for entry in logs] == ["wsdl_kept_copy_used"]


def test_without_a_copy_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(Throttled):
        load(Throttled(9), tmp_path)
    with pytest.raises(Unavailable, match="cannot be loaded"):
        load(b"<html/>", tmp_path)


def test_a_wsdl_that_does_not_fit_is_not_replaced_by_an_old_one(tmp_path: Path) -> None:
    load(render(), tmp_path)

    with pytest.raises(Unavailable, match="records have no Rate"):
        load(render().replace(b'name="Rate"', b'name="Price"'), tmp_path)


def test_a_change_is_told_by_what_it_means_for_us(tmp_path: Path) -> None:
    load(render(), tmp_path)

    with capture_logs() as logs:
        load(render(shapes("optional,Rate=nillable", records=Records.FLAT), "12"), tmp_path)

    [changed] = [log["changed"] for log in logs if log["event"] == "wsdl_changed"]
    assert [line for line in changed if " form: " not in line] == [
        "SOAP version: 1.1 → 1.2",
        "records: CustomerProducts/CustomerProduct → CustomerProduct",
        "update Rate: optional decimal → nillable decimal clearable",
    ]
    assert [line.split(" form: ")[0] for line in changed if " form: " in line] == [
        "CustomerProducts_Query"
    ]


def test_a_change_that_does_not_concern_us_is_told_too(tmp_path: Path) -> None:
    load(render(), tmp_path)

    with capture_logs() as logs:
        load(render(shapes(padding_operations=3)), tmp_path)
        load(render(shapes(padding_operations=3)), tmp_path)

    assert [entry["changed"] for entry in logs] == [["nothing that we use"]]


def test_a_damaged_copy_is_not_a_copy(tmp_path: Path) -> None:
    load(render(), tmp_path)
    [copy] = tmp_path.iterdir()
    for damaged in (copy.read_bytes()[:-100], b"[]", b'{"sha256": "", "documents": {}}'):
        copy.write_bytes(damaged)
        with pytest.raises(Unavailable):
            load(Unavailable("down"), tmp_path)


def test_a_copy_that_cannot_be_kept_is_not_a_reason_to_stop(tmp_path: Path) -> None:
    with capture_logs() as logs:
        assert load(render(), write(tmp_path / "a-file", b"")).schema

    assert [entry["event"] for entry in logs] == ["wsdl_not_kept"]


def split(schema_location: str) -> tuple[bytes, bytes]:
    """The WSDL with its schema in a document of its own."""
    whole = render()
    start, end = whole.index(b"<s:schema "), whole.index(b"</wsdl:types>")
    namespaces = (
        b'<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema"'
        b' xmlns:tns="http://api.myh2o.com/v20" '
    )
    schema = namespaces + whole[start + len(b"<s:schema ") : end]
    imported = (
        b'<s:schema><s:import namespace="http://api.myh2o.com/v20" schemaLocation="%b" />'
        b"</s:schema>" % schema_location.encode()
    )
    return whole[:start] + imported + whole[end:], schema


def test_what_is_imported_from_next_to_it_is_read_and_kept_too(tmp_path: Path) -> None:
    root, schema = split("default.asmx?schema=1")
    documents = {f"{ENDPOINT}?WSDL": root, f"{ENDPOINT}?schema=1": schema}

    assert load_wsdl(config(wsdl_cache=tmp_path), documents.__getitem__).schema
    assert load(Unavailable("down"), tmp_path).schema.changes["rate"].shape == "optional"


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.example/a.xsd",
        "https://vendor.example.evil.example/a.xsd",
        "https://someone@vendor.example/a.xsd",
        "file:///etc/passwd",
    ],
)
def test_what_is_imported_from_elsewhere_is_refused_and_named(location: str) -> None:
    with pytest.raises(Unavailable, match=f"it imports {re.escape(location)}, which is elsewhere"):
        load(split(location)[0])


@pytest.mark.parametrize(
    "location",
    [
        "types.xsd",
        "http://vendor.example/v20/types.xsd",
        "HTTP://VENDOR.example:80/v20/types.xsd",
        "https://vendor.example:443/v20/types.xsd",
        "http://vendor.example:8080/v20/types.xsd",
        "https://vendor.example./v20/types.xsd",
    ],
)
def test_an_import_of_the_same_host_is_read_by_the_configured_origin(location: str) -> None:
    """A service behind a proxy that ends TLS names its imports as it sees itself."""
    root, schema = split(location)
    asked: list[str] = []

    def fetch(url: str) -> bytes:
        asked.append(url)
        return root if len(asked) == 1 else schema

    assert load_wsdl(config(), fetch).schema.changes
    assert asked == [f"{ENDPOINT}?WSDL", "https://vendor.example/v20/types.xsd"]


def test_a_file_may_import_from_its_own_directory_only(tmp_path: Path) -> None:
    root, schema = split("types.xsd")
    write(tmp_path / "types.xsd", schema)
    path = write(tmp_path / "service.wsdl", root)
    outside = write(tmp_path / "outside.wsdl", split("../types.xsd")[0])

    def never(url: str) -> bytes:
        raise AssertionError(url)

    assert load_wsdl(config(wsdl=str(path)), never).location == str(path)
    with pytest.raises(Unavailable, match="elsewhere"):
        load_wsdl(config(wsdl=str(outside)), never)
    with pytest.raises(Unavailable, match="No such file"):
        load_wsdl(config(wsdl=str(tmp_path / "missing.wsdl")), never)


def test_the_description_tells_each_field_and_what_cannot_be_done() -> None:
    document = render(shapes("optional,Rate=required,Code1=wrapped"), address="http://old.example/")

    found = describe(load(document), ENDPOINT)

    fields = {(f.where, f.name): (f.wire, f.shape, f.xsd_type, f.can_clear) for f in found.fields}
    assert fields["update", "rate"] == ("Rate", "required", "decimal", False)
    assert fields["update", "code1"] == ("Code1", "wrapped", "string", True)
    assert fields["query", "ids"] == ("ID", "flat", "int", False)
    assert fields["record", "rate"] == ("Rate", "nillable", "decimal", False)
    assert fields["record", "customer_product_id"][1] == "required"
    assert found.other_addresses == ("http://old.example/",)
    assert found.problems == ("would be reset unless part of every update: rate",)


def test_accounts_whose_wsdl_is_the_same_share_what_was_read() -> None:
    document = render()
    ours, theirs = load(document), load(bytes(bytearray(document)))
    assert ours.schema is theirs.schema
    other = load(document + b"\n")
    assert other.schema is not ours.schema
    assert other.sha256 == hashlib.sha256(document + b"\n").hexdigest()
