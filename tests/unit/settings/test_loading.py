from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from settings import RedisSettings, Settings, SettingsError, load, load_redis
from tests.examples import examples

A = "REVIO_ACCOUNTS__DEFAULT__"
ACCOUNT = {
    f"{A}ENDPOINT": "https://api.example.com/v20/default.asmx",
    f"{A}USERNAME": "jobs",
    f"{A}PASSWORD": "hunter2-hunter2",
    f"{A}CLIENT_CODE": "acme",
}
KEY = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

Load = Callable[[Mapping[str, str]], Settings]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads with exactly these variables of ours, in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def load_with(variables: Mapping[str, str]) -> Settings:
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", dict(variables))
            return load()

    return load_with


def faults(loaded: Load, variables: Mapping[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        loaded(variables)
    assert str(caught.value).splitlines() == caught.value.faults
    return caught.value.faults


def test_one_account_is_all_that_must_be_set(loaded: Load) -> None:
    settings = loaded(ACCOUNT)
    account = settings.accounts["default"]
    assert account.password.get_secret_value() == "hunter2-hunter2"
    assert account.wsdl_location == "https://api.example.com/v20/default.asmx?WSDL"
    assert (account.calls_per_minute, account.calls_per_day) == (500, 150_000)
    assert (account.bulk_headroom_per_minute, account.bulk_reserve_per_day) == (25, 5000)
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"


def test_a_producer_needs_nothing_but_redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.environ", {"REVIO_REDIS_URL": "redis://h:1/2"})
    assert load_redis() == RedisSettings.model_validate({"redis_url": "redis://h:1/2"})


def test_a_producers_faults_are_those_of_redis_and_of_misspelt_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    wrong = {"REVIO_REDIS_URL": "h", "REVIO_REDDIS_URL": "x", f"{A}CALLS_PER_MINUTE": "many"}
    monkeypatch.setattr("os.environ", wrong)
    with pytest.raises(SettingsError) as caught:
        load_redis()
    assert [line.split(":")[0] for line in caught.value.faults] == [
        "REVIO_REDDIS_URL",
        "REVIO_REDIS_URL",
    ]


def test_accounts_have_settings_of_their_own(loaded: Load) -> None:
    second = {name.replace("DEFAULT", "WEST-2"): value for name, value in ACCOUNT.items()}
    settings = loaded(ACCOUNT | second | {"REVIO_ACCOUNTS__WEST-2__CALLS_PER_MINUTE": "20"})
    assert set(settings.accounts) == {"default", "west-2"}
    assert settings.accounts["west-2"].calls_per_minute == 20
    assert settings.accounts["west-2"].bulk_headroom_per_minute == 1


def test_values_that_look_like_json_stay_text(loaded: Load) -> None:
    account = loaded(ACCOUNT | {f"{A}USERNAME": "007", f"{A}PASSWORD": "null"}).accounts["default"]
    assert (account.username, account.password.get_secret_value()) == ("007", "null")


def test_a_list_is_separated_by_commas(loaded: Load) -> None:
    account = loaded(ACCOUNT | {f"{A}SESSION_EXPIRED_CODES": "S1001, S1002"}).accounts["default"]
    assert account.session_expired_codes == ("S1001", "S1002")


def test_an_empty_variable_counts_as_unset(loaded: Load) -> None:
    assert loaded(ACCOUNT | {"REVIO_LEASE_S": ""}).lease_s == 45


def test_the_environment_goes_before_dotenv_and_dotenv_before_secret_files(
    loaded: Load, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    for name in ("USERNAME", "PASSWORD", "CLIENT_CODE"):
        (secrets / f"{A}{name}".lower()).write_text("from a file\n")
    (secrets / f"{A}SUBSCRIPTION_KEY").touch()
    (secrets / "someone_elses").write_bytes(b"\xff\xfe")
    (tmp_path / ".env").write_text(f"{A}USERNAME=from dotenv\n{A}PASSWORD='from dotenv'\n")
    settings = loaded(
        {
            "REVIO_SECRETS_DIR": str(secrets),
            f"{A}ENDPOINT": "https://h/x",
            f"{A}USERNAME": "from the environment",
        }
    )
    account = settings.accounts["default"]
    assert account.username == "from the environment"
    assert account.password.get_secret_value() == "from dotenv"
    assert account.client_code == "from a file"
    assert account.subscription_key is None


def test_accounts_may_be_given_as_json(loaded: Load) -> None:
    given_json = {name.removeprefix(A).lower(): value for name, value in ACCOUNT.items()}
    settings = loaded({"REVIO_ACCOUNTS": json.dumps({"default": given_json})})
    assert settings.accounts["default"].username == "jobs"


def test_all_faults_are_told_at_once_each_by_its_variable(loaded: Load) -> None:
    told = faults(
        loaded,
        {
            f"{A}ENDPOINT": "http://api.example.com/x",
            f"{A}PASSWORD": "hunter2-hunter2",
            f"{A}CALLS_PER_MINUTE": "many",
            f"{A}BULK_RESERVE_PER_DAY": "150000",
            f"{A}DAY_RESET_TIMEZONE": "Mars/Olympus",
            f"{A}DAY_RESET_HOUR": "24",
            f"{A}PASWORD": "hunter2-hunter2",
            "REVIO_REDIS_URL": "http://:hunter2-hunter2@h",
            "REVIO_SESSION_KEY": "hunter2-hunter2",
            "REVIO_LEASE_S": "nan",
            "REVIO_LOG_FORMAT": "xml",
            "REVIO_RESULT_RETENTION_S": "700000",
            "REVIO_VISIBILITY_TIMOUT_S": "5",
        },
    )
    named = {line.partition(":")[0].partition("=")[0] for line in told}
    assert named == {
        f"{A}ENDPOINT",
        f"{A}USERNAME",
        f"{A}CLIENT_CODE",
        f"{A}CALLS_PER_MINUTE",
        f"{A}BULK_RESERVE_PER_DAY",
        f"{A}DAY_RESET_TIMEZONE",
        f"{A}DAY_RESET_HOUR",
        f"{A}PASWORD",
        "REVIO_REDIS_URL",
        "REVIO_SESSION_KEY",
        "REVIO_LEASE_S",
        "REVIO_LOG_FORMAT",
        "REVIO_RESULT_RETENTION_S",
        "REVIO_VISIBILITY_TIMOUT_S",
    }
    assert len(told) == len(named)
    assert "hunter2" not in "\n".join(told)
    assert not any("None" in line for line in told)


def test_a_fault_shows_the_value_and_what_is_allowed(loaded: Load) -> None:
    (told,) = faults(loaded, ACCOUNT | {"REVIO_THREADS": "0"})
    assert told == (
        "REVIO_THREADS='0': must be greater than or equal to 1. "
        "Threads of a worker for its jobs, and so updates at a time."
    )


def test_no_account_at_all_is_one_fault(loaded: Load) -> None:
    (told,) = faults(loaded, {})
    assert told.startswith("REVIO_ACCOUNTS: at least one account must be set")
    assert f"{A}PASSWORD" in told


@pytest.mark.parametrize(
    ("variable", "value", "meant"),
    [
        ("REVIO_REDDIS_URL", "x", "REVIO_REDIS_URL"),
        ("REVIO_PASSWORD", "x", f"{A}PASSWORD"),
        ("REVIO_ACOUNTS__DEFAULT__PASSWORD", "x", "REVIO_ACCOUNTS__<NAME>__<SETTING>"),
        ("REVIO_ACCOUNTS_DEFAULT_PASSWORD", "x", "REVIO_ACCOUNTS__<NAME>__<SETTING>"),
        ("REVIO_LEASE_S__X", "x", "REVIO_LEASE_S"),
        (f"{A}PASSWRD", "x", f"{A}PASSWORD"),
    ],
)
def test_a_misspelt_name_is_a_fault_that_says_what_was_meant(
    loaded: Load, variable: str, value: str, meant: str
) -> None:
    assert faults(loaded, ACCOUNT | {variable: value}) == [
        f"{variable}: is not a setting; did you mean {meant}?"
    ]


def test_names_that_an_orchestrator_makes_are_left_alone(loaded: Load) -> None:
    assert loaded(
        ACCOUNT
        | {
            "REVIO_REDIS_SERVICE_HOST": "10.0.0.1",
            "REVIO_REDIS_PORT": "tcp://10.0.0.1:6379",
            "REVIO_REDIS_PORT_6379_TCP_ADDR": "10.0.0.1",
            "REVIOLET": "x",
        }
    )


@pytest.mark.parametrize("name", ["-a", "a.b", "a b", "x" * 33])
def test_an_account_name_that_is_not_a_queue_name_is_refused(loaded: Load, name: str) -> None:
    variables = {key.replace("DEFAULT", name): value for key, value in ACCOUNT.items()}
    (told,) = faults(loaded, variables)
    assert "an account's name is" in told


def test_large_files_of_others_beside_the_secrets_do_no_harm(loaded: Load, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    (secrets / "nested").mkdir(parents=True)
    for name in ("theirs", "nested/theirs", "nested/revio_redis_url"):
        with (secrets / name).open("wb") as file:
            file.truncate(20_000_000)
    settings = loaded(ACCOUNT | {"REVIO_SECRETS_DIR": str(secrets)})
    assert settings.redis_url.get_secret_value() == "redis://127.0.0.1:6379/0"


def test_a_file_that_is_too_large_for_a_secret_is_named(loaded: Load, tmp_path: Path) -> None:
    with (tmp_path / "revio_redis_url").open("wb") as file:
        file.truncate(2_000_000)
    (fault,) = faults(loaded, ACCOUNT | {"REVIO_SECRETS_DIR": str(tmp_path)})
    assert fault.startswith(f"{tmp_path}/revio_redis_url: is larger than 1,000,000 bytes")


def test_a_secrets_directory_that_is_not_there_is_a_fault(loaded: Load) -> None:
    (told,) = faults(loaded, ACCOUNT | {"REVIO_SECRETS_DIR": "/nowhere/at/all"})
    assert told == "REVIO_SECRETS_DIR: '/nowhere/at/all' is not a directory"


def test_accounts_that_are_not_json_are_a_fault_that_does_not_show_them(loaded: Load) -> None:
    (told,) = faults(loaded, {"REVIO_ACCOUNTS": '{"default": {"password": "hunter2"'})
    assert told.startswith("REVIO_ACCOUNTS: must be a JSON object")


@pytest.mark.parametrize("value", ['"acme"', "'acme'", ' "a c" ', '""'])
def test_quotation_marks_of_the_environment_are_not_part_of_a_value(
    loaded: Load, value: str
) -> None:
    (told,) = faults(loaded, ACCOUNT | {f"{A}CLIENT_CODE": value, "OTHERS": "'x'"})
    assert told.startswith(f"{A}CLIENT_CODE: stands in quotation marks")


def test_quotation_marks_of_dotenv_are_taken_off_and_those_of_a_secret_file_stay(
    loaded: Load, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(f'{A}CLIENT_CODE="acme"\n')
    (tmp_path / f"{A}PASSWORD").write_text("'hunter2'\n")
    given = {
        name: value for name, value in ACCOUNT.items() if name[len(A) :] in {"ENDPOINT", "USERNAME"}
    }
    account = loaded(given | {"REVIO_SECRETS_DIR": str(tmp_path)}).accounts["default"]
    assert (account.client_code, account.password.get_secret_value()) == ("acme", "'hunter2'")


def test_an_account_that_json_names_twice_is_a_fault(loaded: Load) -> None:
    given_json = json.dumps(
        {name.removeprefix(A).lower(): value for name, value in ACCOUNT.items()}
    )
    for twice in (
        f'{{"default": {given_json}, "default": {given_json}}}',
        '{"default": {"endpoint": "https://a", "endpoint": "https://b"}}',
    ):
        (told,) = faults(loaded, {"REVIO_ACCOUNTS": twice})
        assert "with each name once" in told


@pytest.mark.parametrize(
    ("variable", "value", "meanings"),
    [
        (f"{A}CALLS_PER_DAY", "150.000", "150000 or 150"),
        (f"{A}CALLS_PER_MINUTE", " 1.000 ", "1000 or 1"),
        (f"{A}WSDL_CHECK_S", "3.600", "3600 or 3.6"),
        (f"{A}READ_BACK", "1.250", "1250 or 1.25"),
        ("REVIO_KEY_RETENTION_S", "604.800", "604800 or 604.8"),
        ("REVIO_CAMPAIGN_HALT_ERRORS_PERCENT", "2.500", "2500 or 2.5"),
        ("REVIO_CAMPAIGN_RAIL_CAP", "block:10.000", "10000 or 10"),
        ("REVIO_CONSOLE_UPLOAD_BYTES", "50.000", "50000 or 50"),
    ],
)
def test_a_number_that_could_be_two_is_refused(
    loaded: Load, variable: str, value: str, meanings: str
) -> None:
    (told,) = faults(loaded, ACCOUNT | {variable: value})
    assert told.startswith(variable)
    assert f"could be {meanings}; write it as one of these" in told


def test_a_number_of_which_the_point_is_certain_is_taken(loaded: Load) -> None:
    settings = loaded(
        ACCOUNT
        | {
            f"{A}CALLS_PER_DAY": "150_000",
            f"{A}CONNECT_TIMEOUT_S": "0.250",
            f"{A}CALL_TIMEOUT_S": "12.5",
            "REVIO_THREADS": "16.0",
            "REVIO_CAMPAIGN_RAIL_CAP": "block:10000.500",
        }
    )
    account = settings.accounts["default"]
    assert (account.calls_per_day, account.connect_timeout_s) == (150_000, 0.25)
    assert (account.call_timeout_s, settings.threads) == (12.5, 16)
    assert settings.rails["cap"] == "block:10000.500"


@pytest.mark.parametrize("text", [b"REVIO_LEASE_S=\xff\n", b"\xff\xfe"])
def test_a_dotenv_that_is_not_text_is_a_fault(loaded: Load, tmp_path: Path, text: bytes) -> None:
    (tmp_path / ".env").write_bytes(text)
    (told,) = faults(loaded, ACCOUNT)
    assert "not UTF-8" in told


SECRET_PLACES = [
    *(f"{A}{name}" for name in ("PASSWORD", "SUBSCRIPTION_KEY", "ENDPOINT", "PASSWRD")),
    "REVIO_REDIS_URL",
    "REVIO_SESSION_KEY",
]


@given(
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40),
    places=st.lists(st.sampled_from(SECRET_PLACES), min_size=1, unique=True),
)
@hypothesis_settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_fault_shows_what_was_put_where_secrets_go(
    loaded: Load, secret: str, places: list[str]
) -> None:
    with pytest.raises(SettingsError) as caught:
        loaded(ACCOUNT | {"REVIO_THREADS": "0"} | dict.fromkeys(places, secret))
    assert secret not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('REVIO_REDIS_URL="redis://cut-off', "line 2: is not REVIO_…=value"),
        ("REVIO_REDIS_URL: redis://colon", "line 2: is not REVIO_…=value"),
        ("REVIO_REDIS_URL redis://blank", "line 2: is not REVIO_…=value"),
        ("REVIO_REDIS_URL", "line 2: REVIO_REDIS_URL has no equals sign"),
        (f"{A}PASSWORD='sesame${{open}}'", f"line 2: {A}PASSWORD holds a ${{…}}"),
        (f'SOMEBODYS="open\n{A}CODE="', "line 2: holds a line that begins with REVIO_"),
    ],
)
def test_a_line_of_dotenv_that_would_not_count_as_it_stands_is_refused_unquoted(
    loaded: Load, tmp_path: Path, line: str, says: str
) -> None:
    (tmp_path / ".env").write_text(f"\n{line}\n")
    (told,) = faults(loaded, ACCOUNT)
    assert told.startswith(f".env, {says}")
    assert not any(part in told for part in ("cut-off", "colon", "blank", "sesame", "open}"))


def test_a_name_that_dotenv_sets_to_two_values_is_a_fault(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REVIO_THREADS=\nREVIO_THREADS=4\nOTHER=1\nOTHER=2\n")
    assert loaded(ACCOUNT).threads == 4
    (tmp_path / ".env").write_text("REVIO_THREADS=4\n\nexport revio_threads='8'\nREVIO_THREADS=4\n")
    (told,) = faults(loaded, ACCOUNT)
    assert (
        told
        == ".env, line 3: revio_threads has another value in a line before: delete one of the two"
    )


def test_what_dotenv_means_by_its_own_rules_stays_as_it_is(loaded: Load, tmp_path: Path) -> None:
    text = (
        "a line of somebody else's\nHOST=h # ours\nexport REVIO_REDIS_URL='redis://${HOST}/${N:-3}'"
    )
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert loaded(ACCOUNT).redis_url.get_secret_value() == "redis://h/3"


def test_a_line_of_dotenv_may_pass_on_what_the_environment_sets(
    loaded: Load, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("# from the host\nREVIO_THREADS\n")
    assert loaded(ACCOUNT | {"REVIO_THREADS": "4"}).threads == 4


def test_dotenv_may_name_the_secrets_directory(loaded: Load, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / f"{A}SUBSCRIPTION_KEY").write_bytes(b"\xef\xbb\xbfk-1\r\n")
    (tmp_path / ".env").write_text("REVIO_SECRETS_DIR=mine\n")
    key = loaded(ACCOUNT).accounts["default"].subscription_key
    assert key is not None
    assert key.get_secret_value() == "k-1"


@pytest.mark.parametrize("text", [" hunter2-hunter2\n", "hunter2-hunter2 \r\n", "\u00a0x"])
def test_blanks_around_the_value_of_a_secret_file_are_neither_taken_nor_dropped(
    loaded: Load, tmp_path: Path, text: str
) -> None:
    (tmp_path / f"{A}PASSWORD").write_bytes(text.encode())
    (told,) = faults(loaded, ACCOUNT | {"REVIO_SECRETS_DIR": str(tmp_path)})
    assert told.startswith(f"{tmp_path}/{A}PASSWORD: has blanks before or after its value")
    assert "hunter2" not in told


@pytest.mark.parametrize("password", [" ", "hunter2-hunter2\r", "hunter2-\x00hunter2", "\ufeffx"])
def test_a_secret_that_cannot_have_been_meant_is_refused(loaded: Load, password: str) -> None:
    (told,) = faults(loaded, ACCOUNT | {f"{A}PASSWORD": password})
    assert told.startswith(f"{A}PASSWORD: ")
    assert "hunter2" not in told


def test_the_address_of_the_wsdl_is_not_taken_for_the_endpoint(loaded: Load) -> None:
    (told,) = faults(loaded, ACCOUNT | {f"{A}ENDPOINT": "https://h/x.asmx?wsdl"})
    assert told.startswith(f"{A}ENDPOINT: must be without ?WSDL")
    account = loaded(ACCOUNT | {f"{A}ENDPOINT": "https://h/x.asmx\r"}).accounts["default"]
    assert account.wsdl_location == "https://h/x.asmx?WSDL"


@pytest.mark.parametrize("key", ["two words", "schlüssel"])
def test_a_key_that_no_header_can_hold_is_refused(loaded: Load, key: str) -> None:
    (told,) = faults(loaded, ACCOUNT | {f"{A}SUBSCRIPTION_KEY": key})
    assert told.startswith(f"{A}SUBSCRIPTION_KEY: must be printable ASCII without spaces")


def test_two_spellings_of_a_name_may_not_contradict_each_other(loaded: Load) -> None:
    small = f"{A}ENDPOINT".lower()
    (told,) = faults(loaded, ACCOUNT | {small: "https://elsewhere/x"})
    assert told.startswith(f"{A}ENDPOINT: is set to different values")
    assert loaded(ACCOUNT | {small: ACCOUNT[f"{A}ENDPOINT"]})
