"""Puts the parts together as the options say."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from random import Random

from sandbox.contract import operations as contract
from sandbox.contract import wsdl
from sandbox.faults.fault_plan import FaultPlan
from sandbox.options import Options
from sandbox.server.application import Application, Schedule
from sandbox.server.control import ControlEndpoints
from sandbox.server.journal import Journal
from sandbox.vendor.limits import ApiGateway
from sandbox.vendor.population import populate
from sandbox.vendor.products import Products
from sandbox.vendor.service import Service
from sandbox.vendor.sessions import Sessions


def assemble(
    options: Options,
    *,
    clock: Callable[[], float],
    schedule: Schedule,
    outage: Callable[[float], None],
    wall: Callable[[], float] = time.time,
) -> Application:
    """`clock` is monotonic and in seconds, `schedule` calls back after so many of them, `outage`
    refuses connections for so many.
    """
    random = Random(options.seed)  # noqa: S311 - faults and latency
    current = contract.CurrentContract(contract.build(options.shapes))
    products = Products(
        populate(options.customers, options.seed),
        monotonic=clock,
        wall=wall,
        read_back_delay=lambda: options.read_back_delay.pick(random),
        filters=options.habits.filters,
        no_date=options.habits.no_date,
    )
    sessions = Sessions(
        options.session_seconds,
        clock=clock,
        new_key=lambda: str(uuid.uuid4()),
        count=options.habits.sessions,
        life=options.habits.session_life,
    )
    gateway = ApiGateway(
        subscription_key=options.account.subscription_key,
        calls_per_minute=options.calls_per_minute,
        calls_per_day=options.calls_per_day,
        clock=clock,
        minute=options.habits.minute,
    )
    journal = Journal(clock, wall)
    plan = FaultPlan(options.faults, random)
    service = Service(
        current,
        products,
        sessions,
        options.account,
        expired_code=options.expired_session_code,
        ids_per_call=options.ids_per_call,
        habits=options.habits,
    )
    return Application(
        current=current,
        service=service,
        gateway=gateway,
        journal=journal,
        plan=plan,
        control=ControlEndpoints(
            current=current,
            products=products,
            sessions=sessions,
            gateway=gateway,
            journal=journal,
            plan=plan,
            outage=outage,
            change_password=service.change_password,
            shapes=options.shapes,
        ),
        wsdl=lambda address: wsdl.render(
            current.contract, options.ports, options.address or address
        ).encode(),
        latency=lambda call: (
            options.latency.pick(random) + options.habits.ms_per_id * len(call.ids) / 1000
        ),
        schedule=schedule,
    )
