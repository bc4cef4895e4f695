"""Flower's configuration file (`--conf`): nobody gets in without the login from the secrets."""
# ruff: noqa: INP001 - no package; Flower executes this file

from pathlib import Path

from redis.exceptions import RedisError

from cli.connection import redis_of
from revio_jobs.cluster_check import ClusterRefusedError
from settings import load_redis, secrets_dir

_file = (secrets_dir() or Path("/run/secrets")) / "flower_login"
try:
    _login = _file.read_text(encoding="utf-8-sig").strip("\r\n")
except (OSError, UnicodeDecodeError) as exc:
    raise SystemExit(f"Flower's login {_file} cannot be read: {exc}") from None
if _login != _login.strip():
    raise SystemExit(f"Flower's login {_file} has blanks before or after it: delete them")
if not all(_login.partition(":")):
    raise SystemExit(f"Flower's login {_file} must be user:password")

try:
    redis_of(load_redis()).ping()
except ClusterRefusedError as exc:
    raise SystemExit(str(exc)) from None
except RedisError:
    pass  # Flower waits for it

basic_auth = [_login]
# A task takes about 7 KB of Flower's memory: so many are kept, and the oldest forgotten.
max_tasks = 20_000
# A worker that has been gone for an hour is no longer listed in /metrics.
purge_offline_workers = 3600
# What a job is about is in its args, "update 5001 rate=12.50", which Flower hides by default.
tasks_columns = "name,args,state,received,runtime,worker,uuid"
