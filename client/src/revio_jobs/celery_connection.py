"""Celery's connections, to the Redis of our URL, with an option that kombu leaves out."""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.app.utils import Settings
from kombu import Connection
from kombu.connection import ConnectionPool, PooledConnection
from kombu.transport import redis

from revio_jobs.heeding_connections import (
    HeedingManaged,
    HeedingManagedTls,
    HeedingTcp,
    HeedingTls,
    heed_silence,
)


class _ClosableChannel:
    """A channel that was closed says so, in a way in which kombu tries again.

    When a connection is lost while the queue of a message is declared, kombu replaces it, declares
    the queue, and sends the message through the channel of before. That one is closed and has no
    connection: producers got an AttributeError.
    """

    connection: Any

    def _connparams(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - as kombu's
        if self.connection is None:
            raise ConnectionError("the connection of this channel was lost")
        options: dict[str, Any] = super()._connparams(*args, **kwargs)  # type: ignore[misc] # a mixin
        return options


class ProtocolChannel(_ClosableChannel):
    """A channel of kombu's on a Redis server, with the version of Redis's protocol to speak."""

    connection_class = HeedingTcp
    connection_class_ssl = HeedingTls
    from_transport_options = (*redis.Channel.from_transport_options, "protocol")
    protocol: int | None = None
    """2 or 3; None for redis-py's default."""

    def _connparams(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # noqa: ANN401 - as kombu's
        options = super()._connparams(*args, **kwargs)
        return options | ({"protocol": self.protocol} if self.protocol else {})


class _Channel(ProtocolChannel, redis.Channel):  # type: ignore[misc] # kombu is untyped
    pass


class _Transport(redis.Transport):  # type: ignore[misc] # as above
    Channel = _Channel


class SentinelChannel(_ClosableChannel, redis.SentinelChannel):  # type: ignore[misc] # as above
    """A channel of kombu's on the master that sentinels name."""

    connection_class = HeedingManaged
    connection_class_ssl = HeedingManagedTls

    def _sentinel_managed_pool(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as kombu's
        pool = super()._sentinel_managed_pool(*args, **kwargs)
        heed_silence(pool.sentinel_manager)
        return pool


class _SentinelTransport(redis.SentinelTransport):  # type: ignore[misc] # as above
    Channel = SentinelChannel


_TRANSPORTS = {redis.Transport: _Transport, redis.SentinelTransport: _SentinelTransport}


class _OurTransport:
    """Other Celery apps in the same process keep kombu's own transport under its name."""

    def get_transport_cls(self) -> Any:  # noqa: ANN401 - as kombu's
        chosen = super().get_transport_cls()  # type: ignore[misc] # a mixin
        return _TRANSPORTS.get(chosen, chosen)


class _PooledConnection(_OurTransport, PooledConnection):  # type: ignore[misc] # kombu is untyped
    pass


class _Pool(ConnectionPool):  # type: ignore[misc] # as above
    def new(self) -> _PooledConnection:
        return _PooledConnection(self, **dict(self.connection._info(resolve=False)))  # noqa: SLF001 - as kombu's


class _Connection(_OurTransport, Connection):  # type: ignore[misc] # as above
    def Pool(self, limit: int | None = None, **options: Any) -> _Pool:  # noqa: ANN401, N802 - as kombu's
        """Of connections with the same transport; kombu's own would be without it."""
        return _Pool(self, limit, **options)


class WireAMQP(AMQP):  # type: ignore[misc] # Celery is untyped
    """For the argument `amqp` of Celery()."""

    Connection = _Connection


class _OwnSettings(Settings):  # type: ignore[misc] # as above
    """Celery's, without CELERY_BROKER_URL and CELERY_RESULT_BACKEND.

    A service sets these for its own Celery app, and Celery would prefer them to this app's
    settings.
    """

    @property
    def broker_url(self) -> str:
        """Where messages go."""
        return str(self["broker_url"])

    broker_read_url = broker_url
    broker_write_url = broker_url

    @property
    def result_backend(self) -> str:
        """Where results are."""
        return str(self["result_backend"])


def ignore_environment(app: Celery) -> None:
    """Use the app's own broker and results, overriding the environment."""
    # Celery creates the settings itself, and takes no other class for them.
    object.__setattr__(app.conf, "__class__", _OwnSettings)
