"""Requests as bytes, built by zeep from the vendor's schema: what was asked for and no more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from lxml import etree
from zeep import exceptions as zeep_errors
from zeep import xsd
from zeep.xsd import ComplexType

from revio_jobs.errors import InvalidJob, UnsupportedChange
from tasks.ports import Change, Filters
from worker.soap import vendor
from worker.soap.request.guard import check_query, check_update
from worker.soap.request.message import Login, Message
from worker.soap.wsdl.schema import ChangeField, Operation, Path, Schema, Shape


def update_message(schema: Schema, login: Login, change: Change) -> Message:
    """Raises UnsupportedChange for what the vendor's schema cannot express; nothing is guessed."""
    _refuse_what_resets(schema, change)
    leaves: dict[Path, object] = {schema.id_path: change.id}
    for name, value in change.values.items():
        leaves.update(_set(_known(schema, name), value))
    for name in change.clear:
        field = _known(schema, name)
        if not field.can_clear:
            raise UnsupportedChange(f"the vendor's schema has no way to empty {name}")
        leaves.update(_set(field, xsd.Nil))
    message = _message(schema, vendor.UPDATE, login, leaves)
    check_update(message.body, message.operation.tag, login, change)
    return message


def query_message(schema: Schema, login: Login, filters: Filters) -> Message:
    asked = {name: list(getattr(filters, name)) for name in vendor.FILTERS}
    if not any(asked.values()):
        # The vendor would answer with every product of the account.
        raise InvalidJob(["filters: give at least one of ids, customer_ids, line_ids"])
    leaves: dict[Path, object] = {
        schema.filters[name].path: values for name, values in asked.items() if values
    }
    message = _message(schema, vendor.QUERY, login, leaves)
    check_query(message.body, message.operation.tag, login, filters)
    return message


def session_message(schema: Schema, name: str, login: Login) -> Message:
    return _message(schema, name, login, {})


def _known(schema: Schema, name: str) -> ChangeField:
    field = schema.changes.get(name)
    if field is None or field.shape is Shape.MISSING:
        raise UnsupportedChange(f"the vendor's schema cannot change {name}")
    return field


def _refuse_what_resets(schema: Schema, change: Change) -> None:
    reset = [
        field.path[-1]
        for name, field in schema.changes.items()
        if field.shape is Shape.REQUIRED and name not in change.values
    ]
    if reset := [*reset, *schema.stray_required]:
        raise UnsupportedChange(
            f"by the vendor's schema this update would also reset {', '.join(reset)}"
        )


def _set(field: ChangeField, value: object) -> dict[Path, object]:
    if field.is_timed and isinstance(value, date):
        value = datetime.combine(value, time())
    if field.shape is Shape.WRAPPED:
        return {(*field.path, "Updated"): True, (*field.path, "Value"): value}
    return {field.path: value}


def _login_leaves(operation: Operation, login: Login) -> dict[Path, object]:
    if login.session_key and operation.session_key:
        return {operation.session_key: login.session_key.get_secret_value()}
    values = (login.username, login.password.get_secret_value(), login.client_code)
    return dict(zip(operation.credentials, values, strict=True))


def _message(schema: Schema, name: str, login: Login, leaves: Mapping[Path, object]) -> Message:
    operation = schema.operations[name]
    arguments = _arguments(
        operation.soap.input.body.type, {**_login_leaves(operation, login), **leaves}
    )
    try:
        envelope = operation.soap.create(**arguments).content
    except (zeep_errors.Error, ValueError, TypeError) as exc:
        # The text of these may hold values, and so a secret.
        raise InvalidJob([f"{name}: not expressible in XML ({type(exc).__name__})"]) from None
    body: bytes = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
    return Message(operation, _http_headers(schema.soap_version, operation.action), body)


def _arguments(kind: ComplexType, leaves: Mapping[Path, object]) -> dict[str, Any]:
    """zeep's arguments, in which every element that was not asked for is skipped.

    Left to itself, zeep would write xsi:nil for the nillable ones, and so null them at the vendor.
    """
    below: dict[str, dict[Path, object]] = {}
    for path, value in leaves.items():
        below.setdefault(path[0], {})[path[1:]] = value
    return {
        attribute: _argument(element, below.get(element.name))
        for attribute, element in kind.elements
    }


def _argument(element: Any, leaves: Mapping[Path, object] | None) -> object:  # noqa: ANN401
    if leaves is None:
        return xsd.SkipValue
    return leaves[()] if () in leaves else _arguments(element.type, leaves)


def _http_headers(soap_version: str, action: str) -> dict[str, str]:
    if soap_version == "1.1":
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": f'"{action}"'}
    return {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}
