"""How a worker is called that was given no name."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from worker.celery_app.worker_name import WorkerNames

BULK = ["revio.default.bulk"]


def test_a_worker_is_called_by_its_lanes_and_its_host(tmp_path: Path) -> None:
    with closing(WorkerNames("host", tmp_path)) as names:
        assert names.take(BULK) == "default.bulk@host"
        both = names.take(["revio.default.interactive", "revio.west.bulk"])
        assert both == "default.interactive+west.bulk@host"
        assert names.take([]) == "all@host"


def test_two_workers_of_one_host_have_different_names_and_a_restarted_one_has_its_own_again(
    tmp_path: Path,
) -> None:
    with closing(WorkerNames("host", tmp_path)) as second:
        with closing(WorkerNames("host", tmp_path)) as first:
            assert first.take(BULK) == "default.bulk@host"
            assert second.take(BULK) == "default.bulk-2@host"
        with closing(WorkerNames("host", tmp_path)) as restarted:
            assert restarted.take(BULK) == "default.bulk@host"


def test_without_a_place_for_files_names_are_still_different(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    name = WorkerNames("host", file / "nowhere").take(BULK)
    assert name.startswith("default.bulk.")
    assert name.endswith("@host")
