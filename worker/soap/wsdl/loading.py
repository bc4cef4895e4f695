"""Loads the vendor's WSDL, and keeps a copy for when the vendor does not serve it."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

import structlog
from lxml import etree
from zeep import Settings as ZeepSettings
from zeep import exceptions as zeep_errors
from zeep.wsdl import Document

from revio_jobs.errors import RevioError, Unavailable
from worker.soap.config import SoapConfig, is_url
from worker.soap.wsdl.description import differences, facts
from worker.soap.wsdl.schema import Schema, UnfitWsdlError, Wsdl
from worker.soap.wsdl.schema_reader import read_schema

_log = structlog.get_logger(__name__)

Documents = dict[str, bytes]
"""The WSDL and what it imports, by location; the WSDL itself is the first."""


# A vendor whose document differs each time must not fill the memory.
_SCHEMAS_KEPT = 16


class _NoWsdlError(Exception):
    """The document is not a WSDL, or may not be read."""


def load_wsdl(config: SoapConfig, fetch: Callable[[str], bytes]) -> Wsdl:
    """`fetch` downloads a URL and raises RevioError. Raises Unavailable if neither the vendor's
    WSDL nor the kept copy can be used.
    """
    location = config.wsdl_location
    shelf = _Shelf.of(config)
    kept = shelf.read() if shelf else None
    try:
        loader = _Loader(location, fetch if is_url(location) else _read_file)
        schema = _read_schemas.find(loader)
        document = None if schema else loader.load_document()
    except (RevioError, _NoWsdlError, OSError) as exc:
        if kept is None and isinstance(exc, RevioError):
            raise
        if kept is None:
            raise Unavailable(f"the WSDL cannot be loaded: {exc}") from exc
        _log.warning("wsdl_kept_copy_used", account=config.account, reason=str(exc))
        return Wsdl(_fitting(_from_documents(kept)), location, _digest(kept), is_kept_copy=True)
    if schema is None:
        schema = _fitting(document)
        _read_schemas.keep(loader.documents, schema)
    if shelf and loader.documents != kept:
        if kept:
            _warn_of_change(config.account, kept, schema)
        shelf.write(loader.documents)
    digest = _digest(loader.documents)
    return Wsdl(schema, location, digest, is_kept_copy=False, documents=loader.documents)


def is_unchanged(wsdl: Wsdl, config: SoapConfig, fetch: Callable[[str], bytes]) -> bool:
    """Whether it and all that it imports are as they were read. Raises what `fetch` raises."""
    if not is_url(config.wsdl_location):
        fetch = _read_file
    root = next(iter(wsdl.documents), "")
    return bool(root) and all(
        fetch(place) == document
        for location, document in wsdl.documents.items()
        if (place := _place_beside(location, root))
    )


def _fitting(document: Document) -> Schema:
    try:
        return read_schema(document)
    except UnfitWsdlError as exc:
        raise Unavailable(f"the WSDL does not fit: {exc}") from exc


def _warn_of_change(account: str, kept: Documents, schema: Schema) -> None:
    try:
        changed = differences(facts(read_schema(_from_documents(kept))), facts(schema))
    except (UnfitWsdlError, _NoWsdlError):
        changed = ["the kept copy cannot be compared"]
    _log.warning("wsdl_changed", account=account, changed=changed or ["nothing that we use"])


def _from_documents(documents: Documents) -> Document:
    def missing(location: str) -> bytes:
        raise _NoWsdlError(f"the kept copy lacks {location}")

    loader = _Loader(next(iter(documents)), missing)
    loader.documents.update(documents)
    return loader.load_document()


class _Loader:
    """What zeep takes for its transport: it reads from where the WSDL is, and nowhere else."""

    def __init__(self, location: str, fetch: Callable[[str], bytes]) -> None:
        self.documents: Documents = {}
        self.location = location if is_url(location) else str(Path(location).resolve())
        self._fetch = fetch

    def load_document(self) -> Document:
        """Raises _NoWsdlError, OSError, or what `fetch` raises."""
        settings = ZeepSettings(forbid_dtd=True, forbid_entities=True, force_https=False)
        try:
            document = Document(self.location, self, settings=settings)
        except zeep_errors.Error as exc:
            raise _NoWsdlError(_first_line(exc)) from exc
        except (etree.LxmlError, LookupError, AttributeError, TypeError, ValueError) as exc:
            # What zeep raises for a document that is not a WSDL.
            raise _NoWsdlError(f"not a WSDL ({type(exc).__name__})") from exc
        if not document.bindings:
            raise _NoWsdlError("not a WSDL")  # zeep takes any XML for an empty one
        return document

    def load(self, location: str) -> bytes:
        """zeep's hook, for the document itself and all that it imports."""
        if location not in self.documents:
            place = _place_beside(location, self.location)
            if place is None:
                raise _NoWsdlError(f"it imports {location}, which is elsewhere and so refused")
            self.documents[location] = self._fetch(place)
        return self.documents[location]


class _ReadSchemas:
    """The last schemas that were read in this process, by their documents. Thread-safe.

    The accounts of one vendor share theirs: a schema takes megabytes, and some tenths of a second.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._schemas: OrderedDict[str, tuple[Documents, Schema]] = OrderedDict()

    def find(self, loader: _Loader) -> Schema | None:
        """The schema of what the loader's location holds now; raises what the loader does.

        None also for a document with imports that was read from another place.
        """
        root = loader.load(loader.location)
        with self._lock:
            documents, schema = self._schemas.get(_digest({"": root}), ({}, None))
        if schema is None or not _are_equal(documents, loader):
            return None
        kept = next(iter(documents))
        loader.documents = (
            documents if kept == loader.location else {loader.location: documents[kept]}
        )
        return schema

    def keep(self, documents: Documents, schema: Schema) -> None:
        """Let those that read the same share it."""
        with self._lock:
            root = next(iter(documents.values()))
            self._schemas[_digest({"": root})] = documents, schema
            if len(self._schemas) > _SCHEMAS_KEPT:
                self._schemas.popitem(last=False)


_read_schemas = _ReadSchemas()


def _are_equal(documents: Documents, loader: _Loader) -> bool:
    root, *imports = documents
    return not imports or (
        root == loader.location
        and all(loader.load(location) == documents[location] for location in imports)
    )


def _place_beside(location: str, root: str) -> str | None:
    """Where to read a document of the root's server or directory; None for any other place.

    A service behind a proxy that ends TLS names its imports as it sees itself: with http, with its
    own port or none, with the host in capitals. The host is what counts, and the configured origin
    is where we fetch from, so nothing is ever read without its encryption or from another server.
    """
    if not is_url(root):
        is_inside = Path(location).resolve().is_relative_to(Path(root).parent)
        return location if is_inside and not is_url(location) else None
    place, origin = urlsplit(location), urlsplit(root)
    is_same_host = is_url(location.lower()) and _host(place) == _host(origin)
    if not is_same_host or place.username is not None:
        return None
    return urlunsplit((origin.scheme, origin.netloc, place.path, place.query, ""))


def _host(url: SplitResult) -> str:
    return (url.hostname or "").rstrip(".")


def _read_file(location: str) -> bytes:
    return Path(location).read_bytes()


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:200]


def _digest(documents: Documents) -> str:
    """For a WSDL that imports nothing, it is the file's own SHA-256."""
    return hashlib.sha256(b"".join(documents.values())).hexdigest()


@dataclass(frozen=True, slots=True)
class _Shelf:
    """The place on disk of one location's last good copy."""

    path: Path

    @classmethod
    def of(cls, config: SoapConfig) -> _Shelf | None:
        if config.wsdl_cache is None or not is_url(config.wsdl_location):
            return None
        name = hashlib.sha256(config.wsdl_location.encode()).hexdigest()[:16]
        return cls(config.wsdl_cache / f"{config.account}-{name}.json")

    def read(self) -> Documents | None:
        """The kept copy; None if there is none, or if it is not what was written."""
        try:
            kept = json.loads(self.path.read_bytes())
            documents = {name: base64.b64decode(text) for name, text in kept["documents"].items()}
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            return None
        return documents if documents and _digest(documents) == kept["sha256"] else None

    def write(self, documents: Documents) -> None:
        """A copy that cannot be written is only logged."""
        kept = {
            "sha256": _digest(documents),
            "documents": {name: base64.b64encode(d).decode() for name, d in documents.items()},
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
                json.dump(kept, file)
            Path(file.name).replace(self.path)
        except OSError as exc:
            _log.warning("wsdl_not_kept", path=str(self.path), reason=exc.strerror)
