"""The console's command line: `python -m console [serve|user …]`."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from redis.exceptions import RedisError

from campaigns.store.signers import Signers
from cli.connection import redis_of
from cli.tables import counted
from console.faults import ConsoleFault
from console.security.identity import Grants, parse_grants
from console.security.sessions import end_sessions
from console.security.users import UserFile, UserFileError
from revio_jobs.errors import Unavailable
from settings import Settings, SettingsError, load

_ADDRESS, _PORT = "127.0.0.1", 8070
_HIGHEST_PORT = 65_535
_GRACE_S = 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.command == "user" and not vars(given).keys().isdisjoint(("address", "port")):
        parser.error("--address and --port are for serve")
    try:
        if given.command == "user":
            return _user(given)
        return _serve(getattr(given, "address", _ADDRESS), getattr(given, "port", _PORT))
    except RedisError as exc:
        sys.stderr.write(f"console: Redis: {exc}; start it, or correct REVIO_REDIS_URL\n")
        return 2
    except (SettingsError, ConsoleFault, UserFileError, Unavailable, ValueError) as exc:
        for line in str(exc).splitlines():
            sys.stderr.write(f"console: {line}\n")
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m console", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    serve = commands.add_parser("serve", help="serve the pages; the same as no command")
    for where in (parser, serve):
        # Without defaults: those of the inner parser would take the place of what was given.
        option = partial(where.add_argument, default=argparse.SUPPRESS)
        option("--address", help=f"to listen at ({_ADDRESS})")
        option("--port", type=_port, help=f"to listen at ({_PORT})")
    user = commands.add_parser("user", help="edit the file of local users")
    acts = user.add_subparsers(dest="act", required=True)
    for act, says in (
        ("add", "add a user; the password is asked for, or read from standard input"),
        ("roles", "give a user these roles instead of the old ones"),
    ):
        command = acts.add_parser(act, help=says)
        command.add_argument("name")
        command.add_argument("roles", nargs="+", metavar="ACCOUNT:ROLE")
    for act, says in (
        ("password", "set a user's password, which ends their sessions and tokens"),
        ("remove", "remove a user with their sessions and tokens"),
    ):
        acts.add_parser(act, help=says).add_argument("name")
    acts.add_parser("list", help="list users and their roles")
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:6]) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port")
    return int(text)


def _user(given: argparse.Namespace) -> int:
    settings = load()
    users = UserFile(settings.console_users)
    match given.act:
        case "add":
            grants = _grants(settings, given.roles)
            users.add(given.name, _password(), grants)
        case "roles":
            grants = _grants(settings, given.roles)
            with _without_tokens(settings, users, given.name):
                users.set_grants(given.name, grants)
        case "password":
            password = _password()
            with _without_tokens(settings, users, given.name):
                users.set_password(given.name, password)
        case "remove":
            _remove(settings, users, given.name)
        case _:
            for user in users.users().values():
                roles = [f"{a}:{role}" for a, held in user.grants.items() for role in sorted(held)]
                sys.stdout.write(f"{user.name}\t{' '.join(roles)}\n")
    return 0


def _grants(settings: Settings, texts: Sequence[str]) -> Grants:
    """Raises ValueError, also for an account that the settings do not have."""
    grants = parse_grants(texts)
    if unknown := sorted(grants.keys() - settings.accounts.keys()):
        known = ", ".join(settings.accounts)
        raise ValueError(f"{', '.join(unknown)}: is not one of the settings' accounts, {known}")
    return grants


def _remove(settings: Settings, users: UserFile, name: str) -> None:
    """Of somebody for whom a provider vouches, sessions and tokens: there is nothing else here."""
    if users.get(name) is None and _revoke_tokens(settings, name) + _end_sessions(settings, name):
        return
    with _without_tokens(settings, users, name):
        users.remove(name)


@contextmanager
def _without_tokens(settings: Settings, users: UserFile, name: str) -> Iterator[None]:
    """For a change of a user. A token carries the roles of when it was made.

    Without Redis nothing is changed; and tokens that were made meanwhile are revoked, too.
    """
    if users.get(name):
        _revoke_tokens(settings, name)
    yield
    _revoke_tokens(settings, name)


def _revoke_tokens(settings: Settings, name: str) -> int:
    """Says how many, and returns it."""
    with redis_of(settings) as redis:
        signers = Signers(redis)
        live = [record for record in signers.of(name) if record.revoked_at is None]
        for record in live:
            signers.revoke(record.id, time.time())
    if live:
        sys.stderr.write(f"console: {counted(len(live), 'token')} of {name} revoked\n")
    return len(live)


def _end_sessions(settings: Settings, name: str) -> int:
    """Says how many, and returns it. Those of a local user end with the user."""
    with redis_of(settings) as redis:
        ended = end_sessions(redis, name)
    if ended:
        sys.stderr.write(f"console: {counted(ended, 'session')} of {name} ended\n")
    return ended


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
    # Now and in a line, rather than as a failed start or at somebody's first upload.
    console.redis.ping()
    console.users.users()
    try:
        console.shelf.open()
    except OSError as exc:
        directory = settings.console_dir
        raise ConsoleFault(
            f"REVIO_CONSOLE_DIR: {directory} cannot be written: {exc.strerror}"
        ) from exc
    config = uvicorn.Config(
        create_app(console),
        host=address,
        port=port,
        log_config=None,  # ours, which has been configured
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = uvicorn.Server(config)
    sys.stdout.write(f"the console is at {console.settings.console_url}\n")
    sys.stdout.flush()
    server.run()
    return 0 if server.started else 1
