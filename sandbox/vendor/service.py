"""What each operation does, once the gateway has let the call through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from sandbox.contract.operations import CREATE, DESTROY, QUERY, UPDATE, VALIDATE, CurrentContract
from sandbox.contract.schema import Value, Values, texts_at
from sandbox.contract.soap import Call
from sandbox.vendor.habits import AnswerKeys, Habits, UnknownIds
from sandbox.vendor.products import Products
from sandbox.vendor.sessions import Account, Sessions
from sandbox.vendor.storing import NOT_ALLOWED, NotStoredError, Storing

LOGIN_REFUSED = "S2005"
# The vendor's codes for what follows are unknown; these are made up.
SESSION_EXPIRED = "S2006"
UNKNOWN_PRODUCT = "P3001"
PRODUCT_DENIED = "P3002"
TOO_MANY_IDS = "P3003"
NOT_OFFERED = "P3004"
NOT_FOUND = "P3006"


@dataclass(frozen=True)
class Refusal:
    """Success=false; without a code only the message says why."""

    message: str
    code: str | None = None


@dataclass(frozen=True)
class OperationResult:
    """The content of the operation's result element, and whether the operation was done."""

    result: Values
    executed: bool


class Service:
    """`ids_per_call` 0 sets no limit on a query's ids."""

    def __init__(
        self,
        current: CurrentContract,
        products: Products,
        sessions: Sessions,
        account: Account,
        *,
        expired_code: str = SESSION_EXPIRED,
        ids_per_call: int = 0,
        habits: Habits | None = None,
    ) -> None:
        self._current = current
        self.products = products
        self.sessions = sessions
        self._account = account
        self._expired_code = expired_code
        self._ids_per_call = ids_per_call
        self._habits = habits or Habits()
        self._storing = Storing(self._habits)
        self._operations: Mapping[str, Callable[[Call], Values | Refusal]] = {
            QUERY: self._query,
            UPDATE: self._update,
            CREATE: self._create,
            VALIDATE: self._validate,
            DESTROY: self._destroy,
        }

    def execute(self, call: Call) -> OperationResult:
        refusal = self._refused_login(call)
        if refusal:
            return OperationResult(self.refused(refusal), executed=False)
        done = self._operations.get(call.operation.name, self._not_offered)(call)
        if isinstance(done, Refusal):
            return OperationResult(self.refused(done), executed=False)
        key = self._answer_key(call)
        return OperationResult(
            {"Header": _header(success=True, session_key=key), **done}, executed=True
        )

    def change_password(self, password: str) -> None:
        """Logins need the new one from now on, and every session ends."""
        self._account = replace(self._account, password=password)
        self.sessions.expire_all()

    def refused(self, refusal: Refusal, *, echoed: bytes | None = None) -> Values:
        """The result that says no, with the request echoed as the vendor's fatal errors do."""
        header = _header(success=False, message=refusal.message, code=refusal.code)
        debug: Values = {"Debug": {"Request": echoed.decode(errors="replace")}} if echoed else {}
        return {"Header": header, **debug}

    def session_expired(self) -> Refusal:
        return Refusal(self._habits.expired_session_message, self._expired_code or None)

    def _refused_login(self, call: Call) -> Refusal | None:
        keys = _session_keys(call)
        if call.operation.name != CREATE and keys:
            return None if self.sessions.valid(keys[0]) else self.session_expired()
        if self._account.matches(call.values):
            return None
        return Refusal("Login failed: invalid username, password or client.", LOGIN_REFUSED)

    def _answer_key(self, call: Call) -> str | None:
        """What the Header says."""
        key = next(iter(_session_keys(call)), None)
        ways = self._habits.answer_keys
        if key is None or ways is AnswerKeys.NONE:
            return None
        if ways is AnswerKeys.SAME or not self.sessions.valid(key):
            return key
        if ways is AnswerKeys.MOVED:
            self.sessions.destroy(key)
        return self.sessions.add()

    def _create(self, _: Call) -> Values:
        return {"SessionKey": self.sessions.create()}

    def _validate(self, _: Call) -> Values:
        return {}

    def _destroy(self, call: Call) -> Values:
        for key in _session_keys(call):
            self.sessions.destroy(key)
        return {}

    def _query(self, call: Call) -> Values | Refusal:
        asked = call.filters
        if 0 < self._ids_per_call < sum(map(len, asked.values())):
            return Refusal(f"At most {self._ids_per_call} ids can be asked for.", TOO_MANY_IDS)
        unknown = [id_ for id_ in asked["ID"] if id_ not in self.products]
        if unknown and self._habits.unknown_ids is UnknownIds.REFUSED:
            return Refusal(f"Customer product {unknown[0]} was not found.", NOT_FOUND)
        products = self.products.find(asked["ID"], asked["CustomerID"], asked["LineID"])
        contract = self._current.contract
        records: list[Value] = [
            self.products.markup(product, contract.record) for product in products
        ]
        if self._habits.unknown_ids is UnknownIds.EMPTY:
            records += [{"Customer_Product_ID": str(id_)} for id_ in unknown]
        return contract.records(records[: self._habits.records_per_answer or None])

    def _update(self, call: Call) -> Values | Refusal:
        product_id = call.ids[0] if call.ids else 0
        if product_id not in self.products:
            return Refusal(f"Customer product {product_id} does not exist.", UNKNOWN_PRODUCT)
        if self.products[product_id].truth["Status"] == "DENIED":
            # Both forms of a rejection can be had: only even ids get a code.
            code = None if product_id % 2 else PRODUCT_DENIED
            return Refusal(f"Customer product {product_id} is denied.", code)
        asked = {}
        for field in self._current.contract.update_fields:
            asked.update(field.changes(call.values))
        try:
            changes = self._storing.stored(self.products[product_id].truth, asked)
        except NotStoredError as exc:
            return Refusal(str(exc), NOT_ALLOWED)
        self.products.update(product_id, changes)
        return {}

    def _not_offered(self, call: Call) -> Refusal:
        return Refusal(f"{call.operation.name} is not offered here.", NOT_OFFERED)


def _session_keys(call: Call) -> list[str]:
    return [key for key in texts_at(call.values, "Session", "SessionKey") if key]


def _header(
    *,
    success: bool,
    message: str | None = None,
    code: str | None = None,
    session_key: str | None = None,
) -> Values:
    return {
        "Success": str(success).lower(),
        "Message": message,
        "SessionKey": session_key,
        "Impersonated": "false",
        "Error_Code": code,
        "Error_Description": message if code else None,
    }
