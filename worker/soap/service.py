"""The vendor's service as its WSDL describes it, loaded once per process, when first needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from revio_jobs.errors import RevioError
from worker.soap import vendor
from worker.soap.answer.reader import AnswerReader
from worker.soap.config import SoapConfig
from worker.soap.wsdl.loading import is_unchanged, load_wsdl
from worker.soap.wsdl.schema import Schema, Wsdl

# After a failed load, seconds before it is tried again.
_RETRY_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class VendorService:
    wsdl: Wsdl
    readers: Mapping[str, AnswerReader]
    """By the operation's name."""

    @property
    def schema(self) -> Schema:
        return self.wsdl.schema


class LazyVendorService:
    """Thread-safe: the first caller loads it, the others wait."""

    def __init__(
        self,
        config: SoapConfig,
        now: Callable[[], float],
        on_schema: Callable[[Schema], None] = lambda _: None,
    ) -> None:
        """`on_schema` is called with each schema that was loaded."""
        self._config = config
        self._now = now
        self._on_schema = on_schema
        self._lock = threading.Lock()
        self._loaded: VendorService | None = None
        self._failure: tuple[float, RevioError] | None = None

    def get(self, fetch: Callable[[str], bytes]) -> VendorService:
        """`fetch` downloads a URL and is called when needed. Raises Retryable or Unauthorised."""
        if self._loaded is not None:
            return self._loaded
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load(fetch)
                self._on_schema(self._loaded.schema)
            return self._loaded

    def reload(self, fetch: Callable[[str], bytes]) -> VendorService:
        """The service as the vendor describes it now. Raises Retryable or Unauthorised.

        What was loaded before stays if it fails.
        """
        with self._lock:
            loaded = self._loaded
            if loaded and is_unchanged(loaded.wsdl, self._config, fetch):
                return loaded
            wsdl = load_wsdl(self._config, fetch)
            service = VendorService(wsdl, _readers(wsdl.schema))
            if not wsdl.is_kept_copy:
                self._loaded = service
                self._on_schema(service.schema)
            return service

    def _load(self, fetch: Callable[[str], bytes]) -> VendorService:
        if self._failure and self._now() - self._failure[0] < _RETRY_AFTER_S:
            raise self._failure[1]
        try:
            wsdl = load_wsdl(self._config, fetch)
        except RevioError as exc:
            self._failure = (self._now(), exc)
            raise
        return VendorService(wsdl, _readers(wsdl.schema))


def _readers(schema: Schema) -> dict[str, AnswerReader]:
    return {
        name: AnswerReader(operation, schema.records if name == vendor.QUERY else None)
        for name, operation in schema.operations.items()
    }
