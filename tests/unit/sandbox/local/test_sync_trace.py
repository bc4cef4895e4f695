"""What strace's lines say of a file: how much of it is on the disk for certain."""

from __future__ import annotations

from sandbox.local.traced_redis import SyncTrace

FILE = "/data/appendonly.aof"


def trace(*lines: str) -> SyncTrace:
    return SyncTrace.read(line.format(f=f"8<{FILE}>") for line in lines)


def test_what_was_written_before_a_sync_is_on_the_disk() -> None:
    file = trace(
        '7 write({f}, ""..., 30) = 30 <0.000021>',
        "7 fdatasync({f}) = 0 <0.002500>",
        '7 write({f}, ""..., 50) = 50 <0.000021>',
    ).files[FILE]
    assert (file.written, file.synced, file.syncs_s) == (80, 30, [0.0025])


def test_a_sync_promises_nothing_of_what_is_written_while_it_lasts() -> None:
    file = trace(
        '7 write({f}, ""..., 30) = 30 <0.000021>',
        "9 fdatasync({f} <unfinished ...>",
        '7 write({f}, ""..., 50) = 50 <0.000021>',
        "9 <... fdatasync resumed>) = 0 <0.003100>",
    ).files[FILE]
    assert (file.written, file.synced) == (80, 30)


def test_a_sync_or_write_that_was_cut_off_or_failed_does_not_count() -> None:
    file = trace(
        '7 write({f}, ""..., 30) = 30 <0.000021>',
        "7 fdatasync({f}) = -1 EIO (Input/output error) <0.000021>",
        '9 write({f}, ""..., 50 <unfinished ...>',
        "7 fdatasync({f} <unfinished ...>) = ?",
        "7 +++ killed by SIGKILL +++",
    ).files[FILE]
    assert (file.written, file.synced, file.syncs_s) == (30, 0, [])


def test_each_file_is_counted_alone() -> None:
    files = trace(
        '7 write({f}, ""..., 30) = 30 <0.000021>',
        '7 write(1</data/redis.log>, ""..., 9) = 9 <0.000021>',
        "7 fsync({f}) = 0 <0.000900>",
    ).files
    assert (files[FILE].synced, files["/data/redis.log"].synced) == (30, 0)
