"""The jobs that producers submit, as they go on the wire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, Unpack, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from revio_jobs.contracts.arguments import Changes, ExpectedValues
from revio_jobs.contracts.fields import (
    Account,
    Amount,
    Day,
    Flag,
    Id,
    IdempotencyKey,
    Money,
    Quantity,
    RunName,
    Seconds,
    Source,
    Text,
    about,
)
from revio_jobs.contracts.names import DEFAULT_ACCOUNT, QUERY_TASK, UPDATE_TASK
from revio_jobs.contracts.problems import problems_of
from revio_jobs.errors import InvalidJob

ChangeName = Literal[
    "rate",
    "quantity",
    "description",
    "code1",
    "code2",
    "activated_date",
    "disconnect_date",
    "do_not_prorate",
]
CHANGE_NAMES: tuple[str, ...] = get_args(ChangeName)


class _Contract(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    if not TYPE_CHECKING:  # type checkers see each class's own fields as parameters

        def __init__(self, **fields: object) -> None:
            """Raises InvalidJob. pydantic's own `model_validate` raises its ValidationError."""
            try:
                super().__init__(**fields)
            except ValidationError as exc:
                raise InvalidJob(problems_of(type(self), exc)) from None

        # Else pydantic would call it for each job that it validates.
        __init__.__pydantic_base_init__ = True


class _Changeable(_Contract):
    """The fields of a customer product that can be changed and read back."""

    rate: Annotated[Money | None, about("rate")] = None
    quantity: Annotated[Quantity | None, about("quantity")] = None
    description: Annotated[Text | None, about("description")] = None
    code1: Annotated[Text | None, about("code1")] = None
    code2: Annotated[Text | None, about("code2")] = None
    activated_date: Annotated[Day | None, about("activated_date")] = None
    disconnect_date: Annotated[Day | None, about("disconnect_date")] = None


class Expected(_Changeable):
    """Values that must still hold when the update is sent; None if the field must be empty."""

    status: Annotated[Text | None, about("status")] = None

    if TYPE_CHECKING:

        def __init__(self, **values: Unpack[ExpectedValues]) -> None: ...

    def named(self) -> dict[str, Any]:
        """The fields that were given, with their values."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}


class CampaignRow(_Contract):
    """The campaign's run that a job belongs to, and the product as the run read it before.

    Not part of what the job means: a repeat of the job may give another.
    """

    run: RunName
    """Name of the run."""
    read_at: float | None = None
    """Unix time, seconds, of a reading that showed what is `expected`. While it is fresh the worker
    need not read again."""
    rate: Annotated[Amount | None, about("rate")] = None
    quantity: Annotated[int | None, about("quantity")] = None
    cost: Annotated[Amount | None, about("cost")] = None
    billed_through_date: Annotated[Day | None, about("billed_through_date")] = None


class _Job(_Contract):
    task: ClassVar[str]
    """The Celery task's name."""

    account: Account = DEFAULT_ACCOUNT
    """Name of the Rev.io account, as the workers' settings have it."""
    source: Source | None = None
    """Name of the service that submits the job, such as `billing-portal`: up to 64 letters, digits
    and `. _ : / @ -`. Operators see it. It is not part of what the job means: a repeat may name
    another one, and the first counts."""

    @model_validator(mode="after")
    def _names_its_account(self) -> Self:
        """On the wire it is always given, also when it is the default."""
        self.model_fields_set.add("account")
        return self

    def kwargs(self) -> dict[str, Any]:
        """The Celery kwargs: JSON values only, and only the fields that were given."""
        return self.model_dump(mode="json", exclude_unset=True)

    def payload(self) -> str:
        """`kwargs` as JSON text."""
        return self.model_dump_json(exclude_unset=True)


class QueryJob(_Job):
    """Read customer products by any of their ids, their customers' or their lines'.

    Raises InvalidJob if no filter is given or a value is not allowed.
    """

    task: ClassVar[str] = QUERY_TASK

    ids: tuple[Id, ...] = ()
    """IDs of customer products."""
    customer_ids: tuple[Id, ...] = ()
    """Rev.io's own IDs of customers (not their account numbers), for all products of each."""
    line_ids: tuple[Id, ...] = ()
    """IDs of lines, for all products on each."""
    max_age: Seconds = 0
    """Age in seconds up to which an earlier answer may be reused; 0 always asks Rev.io. An answer
    from before an update of the product that has ended is never reused."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            account: str = DEFAULT_ACCOUNT,
            ids: Iterable[int] = (),
            customer_ids: Iterable[int] = (),
            line_ids: Iterable[int] = (),
            max_age: int = 0,
            source: str | None = None,
        ) -> None: ...

    @model_validator(mode="after")
    def _has_a_filter(self) -> Self:
        # Without any, the vendor would answer with every product of the account.
        if not (self.ids or self.customer_ids or self.line_ids):
            raise ValueError("give at least one of ids, customer_ids, line_ids")
        return self


class UpdateJob(_Job, _Changeable):
    """Change one customer product: only the fields given go to the vendor.

    Raises InvalidJob if nothing is to be changed or a value is not allowed.
    """

    task: ClassVar[str] = UPDATE_TASK

    id: Id
    """ID of the customer product."""
    idempotency_key: IdempotencyKey | None = None
    """Says which change is meant, within the account: the same key with the same change is the same
    job, for 7 days after it ended; with another change it is refused. If omitted, a random key is
    made at each submission, so each one is a new job."""
    do_not_prorate: Annotated[Flag | None, about("do_not_prorate")] = None
    clear: tuple[ChangeName, ...] = ()
    """Names of the fields to empty. The job ends as UnsupportedChange if the vendor's schema has no
    way to say it."""
    expected: Expected | None = None
    """Values that must still hold when the update is sent, else it ends as drifted. If omitted,
    nothing is checked."""
    skip_unchanged: Flag = False
    """Whether to look first, and send nothing if the product has the values already. This is how to
    do the job, not what it means: a repeat under the same key may say it differently."""
    campaign: CampaignRow | None = None
    """Set by campaigns alone."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            id: int,  # noqa: A002 - the name on the wire
            account: str = DEFAULT_ACCOUNT,
            idempotency_key: str | None = None,
            clear: Iterable[str] = (),
            expected: Expected | ExpectedValues | Mapping[str, Any] | None = None,
            skip_unchanged: bool = False,
            campaign: CampaignRow | None = None,
            source: str | None = None,
            **changes: Unpack[Changes],
        ) -> None: ...

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        given = self.model_fields_set.intersection(CHANGE_NAMES)
        if nulls := sorted(name for name in given if getattr(self, name) is None):
            raise ValueError(
                f"{', '.join(nulls)}: null is not a value; to empty a field name it in clear"
            )
        if both := sorted(given.intersection(self.clear)):
            raise ValueError(f"{', '.join(both)}: given a value and named in clear")
        if not given and not self.clear:
            raise ValueError(f"no change: give at least one of {', '.join(CHANGE_NAMES)}, or clear")
        return self

    def changes(self) -> dict[str, Any]:
        """The fields to set, by name, in the contract's order."""
        return {
            name: getattr(self, name) for name in CHANGE_NAMES if getattr(self, name) is not None
        }

    def fingerprint(self) -> str:
        """A digest of what is asked for: equal for jobs that mean the same."""
        meaning = {
            "account": self.account,
            "id": self.id,
            "set": {name: _comparable(value) for name, value in self.changes().items()},
            "clear": sorted(set(self.clear)),
            "expected": None
            if self.expected is None
            else {name: _comparable(value) for name, value in self.expected.named().items()},
        }
        # 64 bits: it is compared with that of the same key alone, and is kept for each key.
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


Job = QueryJob | UpdateJob


class UpdateReference(_Contract):
    """What names an update that was submitted before."""

    account: Account
    idempotency_key: IdempotencyKey


def _comparable(value: object) -> object:
    """12.5 and 12.50 are one price; true and 1 are not one value."""
    if isinstance(value, Decimal):
        # Decimal's own `normalize` rounds as the calling thread's decimal context says.
        text = format(value, "f") if value else "0"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value if isinstance(value, bool | int | None) else str(value)
