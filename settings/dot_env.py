"""The file `.env`: each of its lines that names a setting counts as it stands, or is refused."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from settings.names import PREFIX

DOT_ENV = Path(".env")


def dot_env_value(name: str) -> str | None:
    """What `.env` here sets this variable to, if it does."""
    return dotenv_values(DOT_ENV).get(name) if DOT_ENV.is_file() else None


def faults_of_dot_env(environment: Collection[str]) -> list[str]:
    """One line for each line of `.env` that would be passed over or read otherwise than it stands.

    No line is quoted: it may hold a secret. `environment`: the names that are set there. Raises
    OSError or UnicodeDecodeError.
    """
    if not DOT_ENV.is_file():
        return []
    passed_on, known, faults = {*environment}, {*environment}, list[str]()
    values: dict[str, str] = {}
    with DOT_ENV.open(encoding="utf-8-sig") as stream:
        for binding in parse_stream(stream):
            if binding.value is None and binding.key in passed_on:
                continue  # as `docker run --env-file` has it; the environment counts for us, too
            found = [*_faults(binding, known), *_faults_of_repeats(binding, values)]
            faults += (f"{_where(binding)}: {fault}" for fault in found)
            known.add(binding.key or "")
    return faults


def _where(binding: Binding) -> str:
    text = binding.original.string
    blank_lines = text[: len(text) - len(text.lstrip())].count("\n")
    return f"{DOT_ENV}, line {binding.original.line + blank_lines}"


def _faults(binding: Binding, known: Collection[str]) -> Iterator[str]:
    if binding.error:
        if PREFIX in binding.original.string.upper():
            yield f"is not {PREFIX}…=value: look at its equals sign and its quotation marks"
        return
    value = binding.value or ""
    if f"\n{PREFIX}" in value:
        yield f"holds a line that begins with {PREFIX}: a quotation mark is not closed"
    if not (binding.key or "").upper().startswith(PREFIX):
        return
    if binding.value is None:
        yield f"{binding.key} has no equals sign: write {binding.key}=value"
    if any(_is_unset(atom, known) for atom in parse_variables(value)):
        yield (
            f"{binding.key} holds a ${{…}} that names no variable, and would lose it; write such a "
            "value into a file of the secrets directory"
        )


def _faults_of_repeats(binding: Binding, values: dict[str, str]) -> Iterator[str]:
    """`values`: of the lines before, by name. An empty one counts as unset."""
    name = (binding.key or "").upper()
    value = binding.value
    if name.startswith(PREFIX) and value and values.setdefault(name, value) != value:
        yield f"{binding.key} has another value in a line before: delete one of the two"


def _is_unset(atom: object, known: Collection[str]) -> bool:
    return isinstance(atom, Variable) and atom.default is None and atom.name not in known
