"""Commands whose options are given once, unless they are lists.

Click itself lets the last of several values count and says nothing: of two `--where`, which narrow
a plan, the first would be dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

if TYPE_CHECKING:
    _Base = TyperCommand
else:
    _Base = object


class GivenOnce(_Base):
    """Refuses an option of one value that is given more than once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's context
        """As Typer's. Raises BadParameter."""
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for option, count in Counter(filter(_takes_one_value, order)).items():
                if count > 1:
                    raise typer.BadParameter(
                        f"it is given {count} times, and takes one value",
                        ctx,
                        param_hint=" / ".join((*option.opts, *option.secondary_opts)),
                    )
        return super().parse_args(ctx, args)


class Command(GivenOnce, TyperCommand):
    """One command."""


class Group(GivenOnce, TyperGroup):
    """Commands under one name."""


class App(typer.Typer):
    """As Typer's, of such commands."""

    def __init__(self, *, cls: type[TyperGroup] = Group, **settings: Any) -> None:  # noqa: ANN401 - as Typer's
        super().__init__(cls=cls, **settings)

    def command(
        self,
        name: str | None = None,
        *,
        cls: type[TyperCommand] | None = None,
        **settings: Any,  # noqa: ANN401 - as Typer's
    ) -> Callable[[Any], Any]:
        """As Typer's."""
        return super().command(name, cls=cls or Command, **settings)


def _takes_one_value(parameter: object) -> bool:
    """A flag says the same however often it is given, unless it has an opposite."""
    return (
        isinstance(parameter, TyperOption)
        and not (parameter.multiple or parameter.count)
        and not (parameter.is_flag and not parameter.secondary_opts)
    )
