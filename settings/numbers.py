"""Numbers of settings: one that could be meant otherwise is refused."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, get_args

from pydantic import BaseModel, ValidationInfo, field_validator

_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")
_NUMBERS = frozenset({int, float, Decimal})


class CertainNumbers(BaseModel):
    """Settings of which no number could separate thousands as well as decimals."""

    @field_validator("*", mode="before")
    @classmethod
    def _number_is_certain(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - any value of a source
        field = cls.model_fields[str(info.field_name)]
        if isinstance(value, str) and _is_number(field.annotation):
            check_certain(value.strip())
        return value


def check_certain(number: str) -> None:
    """Raises ValueError for 150.000, which some write for 150000: for others it is 150."""
    if _GROUPED.fullmatch(number):
        whole, decimals = number.replace(".", ""), number.rstrip("0").rstrip(".")
        raise ValueError(f"could be {whole} or {decimals}; write it as one of these")


def _is_number(annotation: object) -> bool:
    """Whether a number may be among its values."""
    return annotation in _NUMBERS or any(map(_is_number, get_args(annotation)))
