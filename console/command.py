"""The console's command line: `python -m console [serve|user …]`."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Sequence

from campaigns.store.signers import Signers
from cli.connection import redis_of
from console.faults import ConsoleFault
from console.security.identity import parse_grants
from console.security.users import UserFile, UserFileError
from revio_jobs.errors import Unavailable
from settings import Settings, SettingsError, load

_ADDRESS, _PORT = "127.0.0.1", 8070
_GRACE_S = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "user":
            return _user(given)
        return _serve(given.address, given.port)
    except (SettingsError, ConsoleFault, UserFileError, Unavailable, ValueError) as exc:
        for line in str(exc).splitlines():
            sys.stderr.write(f"console: {line}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m console", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    serve = commands.add_parser("serve", help="serve the pages; the same as no command")
    for where in (parser, serve):
        where.add_argument("--address", default=_ADDRESS, help="to listen at (%(default)s)")
        where.add_argument("--port", type=int, default=_PORT, help="to listen at (%(default)s)")
    user = commands.add_parser("user", help="edit the file of local users")
    acts = user.add_subparsers(dest="act", required=True)
    for act, says in (
        ("add", "add a user; the password is asked for, or read from standard input"),
        ("roles", "give a user these roles instead of the old ones"),
    ):
        command = acts.add_parser(act, help=says)
        command.add_argument("name")
        command.add_argument("roles", nargs="+", metavar="ACCOUNT:ROLE")
    for act, says in (("password", "set a user's password"), ("remove", "remove a user")):
        acts.add_parser(act, help=says).add_argument("name")
    acts.add_parser("list", help="list users and their roles")
    return parser


def _user(given: argparse.Namespace) -> int:
    settings = load()
    users = UserFile(settings.console_users)
    match given.act:
        case "add":
            users.add(given.name, _password(), parse_grants(given.roles))
        case "roles":
            users.set_grants(given.name, parse_grants(given.roles))
            _revoke_tokens(settings, given.name)
        case "password":
            users.set_password(given.name, _password())
        case "remove":
            users.remove(given.name)
            _revoke_tokens(settings, given.name)
        case _:
            for user in users.users().values():
                roles = [f"{a}:{role}" for a, held in user.grants.items() for role in sorted(held)]
                sys.stdout.write(f"{user.name}\t{' '.join(roles)}\n")
    return 0


def _revoke_tokens(settings: Settings, name: str) -> None:
    """A token carries the roles of when it was made."""
    with redis_of(settings) as redis:
        signers = Signers(redis)
        for record in signers.of(name):
            signers.revoke(record.id, time.time())


def _password() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("password: ")
    return sys.stdin.readline().rstrip("\n")


def _serve(address: str, port: int) -> int:
    import uvicorn  # noqa: PLC0415 - users are edited without a server

    from console.app import create_app  # noqa: PLC0415
    from console.parts import Console  # noqa: PLC0415
    from worker.celery_app.logs import configure_logs  # noqa: PLC0415

    settings = load()
    configure_logs(settings.log_level, settings.log_format)
    console = Console.of(settings)
    config = uvicorn.Config(
        create_app(console),
        host=address,
        port=port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)
    sys.stdout.write(f"the console is at {console.settings.console_url}\n")
    sys.stdout.flush()
    server.run()
    return 0 if server.started else 1
