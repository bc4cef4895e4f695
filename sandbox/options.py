"""What the command line chooses."""

from __future__ import annotations

from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from random import Random
from typing import TypeVar, get_type_hints

from sandbox.contract.shapes import (
    MIXED,
    Dates,
    FieldShape,
    RecordNulls,
    Records,
    RequestLists,
    Shapes,
    parse_update_shape,
)
from sandbox.contract.wsdl import Port
from sandbox.faults.catalogue import FAULTS
from sandbox.faults.fault_plan import FaultRule
from sandbox.vendor.habits import Habits
from sandbox.vendor.service import SESSION_EXPIRED
from sandbox.vendor.sessions import Account

T = TypeVar("T")


@dataclass(frozen=True)
class Latency:
    """Between `low` and `high` seconds, evenly spread."""

    low: float = 0
    high: float = 0

    @classmethod
    def parse(cls, text: str) -> Latency:
        """From seconds (``0.2``) or a range of milliseconds (``50-800``). Raises ValueError."""
        low, dash, high = text.partition("-")
        if dash:
            return cls(float(low) / 1000, float(high) / 1000)
        return cls(float(low), float(low))

    def pick(self, random: Random) -> float:
        return random.uniform(self.low, self.high) if self.high else 0


@dataclass(frozen=True)
class Options:
    """Durations are in seconds; of the numbers, 0 sets no limit."""

    host: str
    port: int
    customers: int
    seed: int
    account: Account
    session_seconds: float
    expired_session_code: str
    calls_per_minute: int
    calls_per_day: int
    ids_per_call: int
    latency: Latency
    read_back_delay: Latency
    faults: tuple[FaultRule, ...]
    shapes: Shapes
    ports: tuple[Port, ...]
    address: str | None
    exit_with_stdin: bool
    habits: Habits


def parse(arguments: Sequence[str]) -> Options:
    """Ends the process with a usage message if the arguments are wrong."""
    given = _parser().parse_args(arguments)
    return Options(
        host=given.host,
        port=given.port,
        customers=given.customers,
        seed=given.seed,
        account=Account(given.username, given.password, given.client_code, given.subscription_key),
        session_seconds=given.session_seconds,
        expired_session_code=given.expired_session_code,
        calls_per_minute=given.calls_per_minute,
        calls_per_day=given.calls_per_day,
        ids_per_call=given.ids_per_call,
        latency=given.latency,
        read_back_delay=given.read_back_delay,
        faults=tuple(given.fault),
        shapes=Shapes(
            given.update_shape,
            given.request_lists,
            given.records,
            given.record_nulls,
            given.dates,
            given.operations,
        ),
        ports=given.ports,
        address=given.address,
        exit_with_stdin=given.exit_with_stdin,
        habits=Habits(**{known.name: getattr(given, known.name) for known in fields(Habits)}),
    )


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m sandbox",
        description="A stand-in for Rev.io's SOAP service, on loopback and with made-up data.",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    _add_service(parser)
    _add_limits(parser)
    _add_shapes(parser)
    _add_habits(parser)
    return parser


def _add_service(parser: ArgumentParser) -> None:
    add, account = parser.add_argument, Account()
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    add("--customers", type=int, default=2000, help="number of customers (2.5 products each)")
    add("--seed", type=int, default=1, help="decides made-up values and random faults")
    add("--username", default=account.username, help="login")
    add("--password", default=account.password, help="login")
    add("--client-code", default=account.client_code, help="login")
    add("--subscription-key", default=account.subscription_key, help="the gateway's key")
    add("--session-seconds", type=float, default=1800, help="a session's life")
    add("--expired-session-code", default=SESSION_EXPIRED, help="Error_Code of a dead session")
    add(
        "--latency",
        type=_checked(Latency.parse),
        default="0",
        help="seconds before a call is executed and answered, or a range in ms such as 50-800",
    )
    add(
        "--read-back-delay",
        type=_checked(Latency.parse),
        default="0",
        help="seconds until a query shows a change, or a range in ms",
    )
    add(
        "--fault",
        type=_checked(FaultRule.from_flag),
        action="append",
        default=[],
        metavar="NAME:RATE[:OPERATION]",
        help=f"a fault for a share of the calls; may be repeated. Names: {', '.join(FAULTS)}",
    )
    add("--exit-with-stdin", action="store_true", help="end when standard input is closed")


def _add_limits(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--calls-per-minute", type=int, default=500, help="in any 60 s; 0 for no limit")
    add("--calls-per-day", type=int, default=150_000, help="from the start on; 0 for no limit")
    add("--ids-per-call", type=int, default=0, help="most ids in a query; 0 for no limit")


def _add_shapes(parser: ArgumentParser) -> None:
    add = parser.add_argument
    shapes = ", ".join((*FieldShape, MIXED))
    add(
        "--update-shape",
        type=_checked(parse_update_shape),
        default="optional",
        metavar="SHAPE[,FIELD=SHAPE...]",
        help=f"how the update declares its optional fields: {shapes}",
    )
    for flag, choices in (
        ("--request-lists", RequestLists),
        ("--records", Records),
        ("--record-nulls", RecordNulls),
        ("--dates", Dates),
    ):
        first = next(iter(choices))
        add(flag, type=choices, choices=list(choices), default=first, help="form in the WSDL")
    add(
        "--ports",
        type=_checked(_ports),
        default="11,12",
        help="the WSDL's SOAP versions in their order: 11,12 or 12,11 or 11 or 12",
    )
    add("--address", help="the WSDL's soap:address, if it is not to be this server's")
    add("--operations", type=int, default=0, help="unrelated operations to add to the WSDL")


def _add_habits(parser: ArgumentParser) -> None:
    for name, hint in get_type_hints(Habits, include_extras=True).items():
        kind, text = hint.__origin__, hint.__metadata__[0]
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            choices=list(kind) if issubclass(kind, StrEnum) else None,
            default=getattr(Habits, name),
            help=text,
        )


def _ports(text: str) -> tuple[Port, ...]:
    return tuple(Port(port) for port in text.split(","))


def _checked(parse_text: Callable[[str], T]) -> Callable[[str], T]:
    """The parser with its ValueError's own words in the usage message."""

    def checked(text: str) -> T:
        try:
            return parse_text(text)
        except ValueError as exc:
            raise ArgumentTypeError(str(exc)) from exc

    return checked
