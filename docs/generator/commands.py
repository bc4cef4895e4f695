"""The reference of the `revio` command, made from the command itself."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from cli.command import app
from cli.exit_code import ExitCode
from docs.generator.tables import table

_VALUE_NAMES = {str: "TEXT", int: "NUMBER", float: "NUMBER", Path: "FILE"}


def command_reference() -> str:
    """A section for each command, those of a group below their group's."""
    return "\n\n".join(_sections("revio", get_command(app), level=2))


def exit_codes() -> str:
    """The exit codes that all commands share, as a table."""
    return table(("exit code", "meaning"), ((str(code.value), code.meaning) for code in ExitCode))


def commands() -> Iterator[str]:
    """The full name of each command that does something, such as `revio campaign plan`."""
    yield from _leaves("revio", get_command(app))


def _leaves(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - Typer's classes
    children = _children(command)
    if not children:
        yield name
    for child, below in children.items():
        yield from _leaves(f"{name} {child}", below)


def _sections(name: str, command: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    yield "\n\n".join(filter(None, _section(name, command, level)))
    children = _children(command).items()
    for child, below in sorted(children, key=lambda item: bool(_children(item[1]))):
        yield from _sections(f"{name} {child}", below, 2 if name == "revio" else 3)


def _children(command: Any) -> dict[str, Any]:  # noqa: ANN401
    return dict(getattr(command, "commands", {}))


def _section(name: str, command: Any, level: int) -> Iterator[str]:  # noqa: ANN401
    yield f"{'#' * level} {name}"
    yield _prose(command.help)
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    if not _children(command):
        words = [name, *map(_argument, arguments), "[OPTIONS]" if options else ""]
        yield f"```text\n{' '.join(filter(None, words))}\n```"
    if arguments:
        rows = ((f"`{_value(one)}`", _prose(one.help)) for one in arguments)
        yield table(("argument", "meaning"), rows)
    if options:
        yield table(("option", "default", "meaning"), map(_option, options))
    yield _prose(command.epilog)


def _argument(argument: Any) -> str:  # noqa: ANN401
    shown = _value(argument) + ("..." if argument.nargs == -1 else "")
    return shown if argument.required else f"[{shown}]"


def _option(option: Any) -> tuple[str, str, str]:  # noqa: ANN401
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" `{_value(option)}`"
    meaning = _prose(option.help)
    if option.multiple and "repeat" not in meaning:
        meaning += " May be repeated."
    return names + value, _default(option), meaning


def _value(parameter: Any) -> str:  # noqa: ANN401
    if parameter.metavar:
        return str(parameter.metavar).strip("[].")
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    kind = parameter.type_descriptor.annotation
    kind = next(iter(getattr(kind, "__args__", (kind,))), kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "{" + ",".join(str(member.value) for member in kind) + "}"
    return _VALUE_NAMES.get(kind, "VALUE")


def _default(option: Any) -> str:  # noqa: ANN401
    if option.required:
        return "**required**"
    value = option.default
    if value is None or value is False or value == () or callable(value):
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def _prose(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split())
