"""The commands of `revio`, each imported when it is called, so that starting one is fast."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command, get_group

from cli.given_once import App, Group


@dataclass(frozen=True, slots=True)
class CommandSource:
    """Where a command is defined, and its line in `revio --help`."""

    name: str
    target: str
    """`module:attribute` of a function, or of a Typer app of several commands."""
    summary: str

    @cache  # noqa: B019 - there are as many as commands, and they last
    def load(self) -> Any:  # noqa: ANN401 - Typer has no public name for its commands
        """Imports the command. From then on garbage is collected, if that was put off."""
        module, _, attribute = self.target.partition(":")
        target = getattr(import_module(module), attribute)
        gc.freeze()
        gc.enable()
        if isinstance(target, typer.Typer):
            return get_group(target)
        app = App(add_completion=False)
        app.command()(target)
        return get_command(app)


_SOURCES = (
    CommandSource(
        "query",
        "cli.jobs.jobs:query",
        "Read customer products: --id 5001,5002 or --customer 1001 or --line 30001.",
    ),
    CommandSource(
        "update",
        "cli.jobs.jobs:update",
        "Change one customer product. What is not named stays as it is.",
    ),
    CommandSource(
        "result",
        "cli.jobs.jobs:result",
        "Show how far a job has come, and its result or error once it has ended.",
    ),
    CommandSource(
        "explain",
        "cli.jobs.explain:explain",
        "Show what a job waits for now, and when it will probably run.",
    ),
    CommandSource(
        "withdraw",
        "cli.jobs.withdraw:withdraw",
        "Withdraw waiting updates, by key, file of keys, lane or age.",
    ),
    CommandSource(
        "audit",
        "cli.audit:audit",
        "Prove that accepted = settled + failed + waiting + running + delayed, or show what is "
        "not.",
    ),
    CommandSource(
        "doctor",
        "cli.doctor.doctor:doctor",
        "Check settings, Redis, workers, the vendor's WSDL and the login.",
    ),
    CommandSource(
        "certify",
        "cli.certify.certify:certify",
        "Find out by experiments what the vendor's service does, and write a certificate.",
    ),
    CommandSource(
        "status",
        "cli.status.status:status",
        "Show whether calls go out, what waits too long, what needs a person and which runs go on.",
    ),
    CommandSource(
        "exporter",
        "cli.exporter.exporter:exporter",
        "Serve the fleet's metrics for Prometheus, read from Redis at each scrape.",
    ),
    CommandSource(
        "limits",
        "cli.limits.limits:app",
        "Show what is used and left of the calls, and who spent them.",
    ),
    CommandSource("lane", "cli.limits.lane:app", "Pause and resume lanes."),
    CommandSource(
        "history",
        "cli.history.history:app",
        "Write the updates that have ended to files for auditors, and check such files.",
    ),
    CommandSource("dead", "cli.dead.dead:app", "Updates that failed for good."),
    CommandSource(
        "campaign",
        "cli.campaign:app",
        "Change the rates of many products: plan, review, approve, apply, watch, report, undo.",
    ),
)
COMMANDS = {source.name: source for source in _SOURCES}


class CommandTable(Group):
    """A group that imports a command when it is called, and none to list them all."""

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401 - as Typer's
        super().__init__(**attributes)
        self.commands = _Loaded(COMMANDS)  # type: ignore[assignment] # nothing adds to it

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002
        return list(self.commands)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        super(CommandTable, self._listing).format_help(ctx, formatter)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:  # noqa: ANN401
        ctx.command = self._listing
        return super(CommandTable, self._listing).shell_complete(ctx, incomplete)

    @cached_property
    def _listing(self) -> CommandTable:
        """The same group, of commands that have no more than their line of help."""
        listing = copy(self)
        listing.commands = {
            name: TyperCommand(name, help=source.summary) for name, source in COMMANDS.items()
        }
        return listing


class _Loaded(Mapping[str, Any]):
    """The commands by name; each is imported when it is asked for."""

    def __init__(self, sources: Mapping[str, CommandSource]) -> None:
        self._sources = sources

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - Typer's command
        return self._sources[name].load()

    def __contains__(self, name: object) -> bool:
        return name in self._sources

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)
