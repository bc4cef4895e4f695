"""The optional fields of the update: how each is declared and what a request says about it."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.contract.schema import BOOLEAN, Complex, Element, Scalar, Values
from sandbox.contract.shapes import FieldShape, Shapes

Changes = dict[str, str | None]
"""New values by the field's name in the update; None is null."""

_WRAPPERS = {FieldShape.WRAPPED, FieldShape.WRAPPED_PLAIN}


@dataclass(frozen=True)
class UpdateField:
    name: str
    kind: Scalar
    shape: FieldShape

    @property
    def element(self) -> Element:
        if self.shape in _WRAPPERS:
            return Element(self.name, self._wrapper)
        return Element(
            self.name,
            self.kind,
            min_occurs=int(self.shape in {FieldShape.NILLABLE, FieldShape.REQUIRED}),
            nillable=self.shape in {FieldShape.NILLABLE, FieldShape.OPTIONAL_NILLABLE},
        )

    @property
    def _wrapper(self) -> Complex:
        nillable = self.shape is FieldShape.WRAPPED
        plain_value = self.kind.absent is not None and not nillable
        return Complex(
            f"{'Nullable' if nillable else 'Plain'}Update_{self.kind.xsd}",
            (
                Element("Updated", BOOLEAN, min_occurs=1),
                Element("Value", self.kind, int(nillable or plain_value), nillable=nillable),
            ),
        )

    def changes(self, request: Values) -> Changes:
        """What the request does to this field: one entry, or none if it stays as it is."""
        value = request.get(self.name)
        if isinstance(value, dict):
            return self._unwrapped(value)
        if self.name in request:
            return {self.name: value if isinstance(value, str) else None}
        return {self.name: self.kind.absent} if self.shape is FieldShape.REQUIRED else {}

    def _unwrapped(self, wrapper: Values) -> Changes:
        if wrapper.get("Updated") != "true":
            return {}
        missing = self.kind.absent if self.shape is FieldShape.WRAPPED_PLAIN else None
        value = wrapper.get("Value", missing)
        return {self.name: value if isinstance(value, str) else None}


def update_fields(shapes: Shapes) -> tuple[UpdateField, ...]:
    """In the order in which the request declares them."""
    return tuple(
        UpdateField(name, kind, shapes.update[name]) for name, kind in shapes.update_kinds.items()
    )
