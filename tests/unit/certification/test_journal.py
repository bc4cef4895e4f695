"""The journal survives whatever ends a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from certification.finding import Finding
from certification.journal import Done, Journal, JournalError
from worker.soap import RawRecord

RECORD = RawRecord({"Customer_Product_ID": "7", "Rate": "1.50", "Code1": None})


def test_what_was_noted_is_there_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "default")
    journal.begin("default", "abc", 1.0)
    journal.admit(7, RECORD)
    journal.change(7, {"rate": "2.50", "code1": None})
    journal.change(7, {"rate": "3.50"})
    journal.note_resets(["code2"])
    journal.end("filters", Done((Finding("x", "says", 1, {"ids_per_call": "5"}),), (), 3))
    journal.close()
    again = Journal(tmp_path / "journal", "default")
    assert (again.before, again.wsdl, again.resets) == ({7: RECORD}, "abc", {"code2"})
    assert again.written == {7: {"rate": ["2.50", "3.50"], "code1": [None]}}
    assert again.done["filters"].findings[0].settings == {"ids_per_call": "5"}
    again.restored(7)
    again.begin("default", "def", 2.0)
    assert (again.written, again.done) == ({}, {})


def test_a_line_that_was_being_written_is_dropped_and_the_others_count(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path, "default")
    journal.begin("default", "abc", 1.0)
    journal.close()
    path.write_text(path.read_text() + '{"event": "change", "prod')
    torn = Journal(path, "default")
    assert torn.wsdl == "abc"
    torn.admit(7, RECORD)
    torn.close()
    assert Journal(path, "default").before == {7: RECORD}


def test_two_runs_at_a_time_are_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "default")
    with pytest.raises(JournalError, match="still under way"):
        Journal(tmp_path / "journal", "default")
    journal.close()


def test_a_journal_of_another_account_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal", "default")
    journal.begin("default", "abc", 1.0)
    journal.admit(7, RECORD)
    journal.close()
    with pytest.raises(JournalError, match="of account default"):
        Journal(tmp_path / "journal", "other")


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    Journal(tmp_path / "journal", "default").close()
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0
