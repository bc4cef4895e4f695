from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError

from cli.answer import Answer, answering, printable, spinner
from cli.exit_code import ExitCode
from cli.jobs.job_status import JobStatus, State
from cli.jobs.job_tables import status_tables
from cli.tables import table
from revio_jobs import CustomerProduct, QueryResult
from revio_jobs.errors import Unavailable
from tests.patience import PATIENCE_S

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@given(text=st.text())
def test_what_is_printable_cannot_move_the_cursor_and_keeps_the_rest(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    assert all(
        new in {old, "\N{REPLACEMENT CHARACTER}"} for old, new in zip(text, shown, strict=True)
    )


@given(
    description=st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    rate=st.decimals(-9, 9, places=4),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_result_is_shown_exactly_whatever_the_vendor_wrote(
    capsys: pytest.CaptureFixture[str], description: str, rate: Decimal
) -> None:
    product = CustomerProduct(customer_product_id=5, description=description, rate=rate)
    result = QueryResult(customer_products=(product,), fetched_at=NOW, calls=1)
    status = JobStatus("default", "j", State.DONE, result)
    Answer(as_json=True).give(status.document(), *status_tables(status))
    shown = json.loads(capsys.readouterr().out)["result"]["customer_products"][0]
    assert (shown["description"], shown["rate"]) == (description, format(rate or abs(rate), "f"))
    Answer(as_json=False).give(status.document(), *status_tables(status))
    words = capsys.readouterr().out
    assert "\x1b" not in words
    assert shown["rate"] in words


def test_markup_in_a_value_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Answer(as_json=False).give({}, table("a", rows=[["[red]x[/red] :smile:"]]))
    assert "[red]x[/red] :smile:" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("the limiter cannot be asked"), ExitCode.UNREACHABLE),
        (RedisConnectionError("refused"), ExitCode.UNREACHABLE),
    ],
)
def test_what_is_out_of_reach_says_so(
    capsys: pytest.CaptureFixture[str], error: Exception, code: ExitCode
) -> None:
    with pytest.raises(typer.Exit) as ended, answering(as_json=True):
        raise error
    result = capsys.readouterr()
    assert ended.value.exit_code == code
    assert json.loads(result.out)["error"]["type"] == type(error).__name__
    assert str(error) in result.err


def test_nothing_spins_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    with spinner("waiting"):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_terminal_is_told_again_and_again_how_far_it_is(
    capsys: pytest.CaptureFixture[str], as_terminal: Callable[[], None]
) -> None:
    rows, far = itertools.count(8), threading.Event()

    def says() -> str:
        row = next(rows)
        if row > 10:
            far.set()
        return f"{row} rows"

    as_terminal()
    with spinner(says):
        assert far.wait(PATIENCE_S)
    result = capsys.readouterr()
    assert not result.out
    assert {"9 rows", "10 rows"} <= set(re.findall(r"\d+ rows", result.err))


def test_who_is_to_be_quiet_is_so_on_a_terminal_too(
    capsys: pytest.CaptureFixture[str], as_terminal: Callable[[], None]
) -> None:
    as_terminal()
    with spinner("waiting", quiet=True):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (RedisConnectionError("Connection refused"), "start it"),
        (NoPermissionError("no permissions to run the 'evalsha' command"), "users.acl"),
        (AuthenticationError("invalid username-password pair"), "put the password"),
        (ResponseError("MISCONF Redis is configured to save RDB snapshots"), "its disk"),
    ],
)
def test_what_redis_answers_is_told_with_its_own_way_out(
    capsys: pytest.CaptureFixture[str], error: RedisError, fix: str
) -> None:
    with pytest.raises(typer.Exit) as ended, answering(as_json=False):
        raise error
    assert ended.value.exit_code == ExitCode.UNREACHABLE
    assert fix in capsys.readouterr().err.splitlines()[1]
