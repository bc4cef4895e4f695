"""What a Redis URL may say, and what Celery makes of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from celery import Celery
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from revio_jobs.celery_app import connection_settings, producer_app
from revio_jobs.connection import connect_redis, connect_redis_async
from revio_jobs.redis_address import RedisAddress, RedisUrlError, parse_redis_url
from settings.addresses import check_redis_url
from tests.certificates import make_certificates

passwords = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


def test_a_plain_address_has_the_usual_port_and_database() -> None:
    assert parse_redis_url("redis://host") == RedisAddress(host="host", port=6379)
    assert parse_redis_url("valkey://host:1/2") == parse_redis_url("redis://host:1/2")


@pytest.mark.parametrize("url", ["rediss://host/0", "valkeys://host/0"])
def test_tls_verifies_the_certificate_and_the_name_unless_told_otherwise(url: str) -> None:
    verified = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    assert parse_redis_url(url).tls == verified
    unverified = {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    assert parse_redis_url(f"{url}?ssl_cert_reqs=CERT_NONE").tls == unverified
    own = parse_redis_url(f"{url}?ssl_ca_certs=/ca.pem&ssl_certfile=/c&ssl_keyfile=/k").tls
    assert own == verified | {"ssl_ca_certs": "/ca.pem", "ssl_certfile": "/c", "ssl_keyfile": "/k"}


def test_the_documented_options_of_redis_py_are_read_as_it_reads_them() -> None:
    address = parse_redis_url(
        "redis://h?protocol=3&client_name=x&health_check_interval=30&socket_timeout=2.5&db=4"
        "&socket_keepalive=no&max_connections=7"
    )
    assert address.db == 4
    assert address.pool == {"max_connections": 7}
    assert address.connection == {
        "protocol": 3,
        "client_name": "x",
        "health_check_interval": 30,
        "socket_timeout": 2.5,
        "socket_keepalive": False,
    }


@pytest.mark.parametrize(
    "url", ["unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"]
)
def test_a_unix_socket_has_a_path_and_a_database(url: str) -> None:
    address = parse_redis_url(url)
    assert (address.path, address.db, address.host) == ("/run/redis.sock", 3, "")


def test_sentinels_have_a_login_of_their_own_besides_the_masters() -> None:
    address = parse_redis_url("sentinel://u:p+q@a/1;sentinel://b:2?sentinel_password=s%23%2B")
    assert address.sentinels == (("a", 26379), ("b", 2))
    assert (address.username, address.password, address.db) == ("u", "p+q", 1)
    assert address.sentinel_login == {"password": "s#+"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://h", "must begin with"),
        ("h:6379", "must begin with"),
        ("redis://", "names no host"),
        ("redis://h/zero", "must be a number"),
        ("redis://h:x", "is not an address"),
        ("redis://h/1?db=2", "two databases"),
        ("redis://a;redis://b", "only sentinel://"),
        ("redis://:p#w@h", "%23"),
        ("redis://h?ssl_cert_reqs=none", "need rediss://"),
        ("sentinel://h?ssl_ca_certs=/x", "or sentinels://"),
        ("sentinel://a;sentinels://b", "must begin with"),
        ("sentinels://h?protocol=3", "'protocol' that cannot be honoured"),
        ("redis://h?retry=3", "'retry' that cannot be honoured"),
        ("redis://h?protocol=4", "value for protocol"),
        ("redis://h?socket_timeout=inf", "value for socket_timeout"),
        ("rediss://h?ssl_cert_reqs=maybe", "value for ssl_cert_reqs"),
        ("unix://run/redis.sock", "must be absolute"),
        ("redis+cluster://h", "Cluster is not supported"),
        ("redis://h:0", "is not an address"),
        ("unix://", "must be absolute"),
        ("unix:///?db=1", "must be absolute"),
        ("redis://h?max_connections=0", "value for max_connections"),
        ("redis://h?client_name=a%20b", "value for client_name"),
        ("redis://h?client_name=", "value for client_name"),
        ("unix:///s?db=1&virtual_host=2", "two databases"),
        ("redis://h?db=1&db=2", "option db twice"),
        ("sentinel://a?db=1;sentinel://b?db=2", "option db twice"),
        ("sentinel://a;sentinel://b/3", "those of the first address"),
        ("sentinel://a;sentinel://:p@b", "those of the first address"),
        ("sentinel://u:p@a;sentinel://u:q@b", "those of the first address"),
        ("rediss://h?ssl_cert_reqs=none&ssl_check_hostname=yes", "needs ssl_cert_reqs"),
        ("rediss://h?ssl_keyfile=/k", "need ssl_certfile"),
        ("rediss://h?ssl_password=p", "need ssl_certfile"),
        ("sentinel://a;sentinel://b?sentinel_password=p+w", "holds a '\\+'.* write %2B"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_the_reason(url: str, problem: str) -> None:
    with pytest.raises(RedisUrlError, match=problem):
        parse_redis_url(url)


def test_a_repeated_login_database_or_option_is_taken() -> None:
    once = parse_redis_url("sentinel://u:p@a/1?socket_timeout=2;sentinel://b")
    again = parse_redis_url("sentinel://u:p@a/1;sentinel://u:p@b/1?socket_timeout=2")
    assert once == again


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("ssl_ca_certs={0}/none.pem", "ssl_ca_certs: '.*none.pem' cannot be used: .*No such file"),
        ("ssl_ca_certs={0}/text", "ssl_ca_certs: .*cannot be used"),
        ("ssl_ca_path={0}/none", "ssl_ca_path: there is no directory"),
        ("ssl_certfile={0}/none.pem", "ssl_certfile, .*No such file"),
        ("ssl_certfile={0}/client.pem&ssl_keyfile={0}/server.pem", "ssl_keyfile .*MISMATCH"),
        ("ssl_certfile={0}/locked.pem", "ssl_password: .*cannot be used"),
        ("ssl_certfile={0}/locked.pem&ssl_password=no", "ssl_password: .*cannot be used"),
    ],
)
def test_files_that_cannot_be_used_are_refused_before_the_first_connection(
    tmp_path: Path, query: str, problem: str
) -> None:
    url = "rediss://h?" + query.format(certificates(tmp_path))
    for connect in (connect_redis, connect_redis_async, producer_app, check_redis_url):
        with pytest.raises(RedisUrlError, match=problem):
            connect(url)


def test_files_that_can_be_used_are_taken(tmp_path: Path) -> None:
    query = "ssl_ca_certs={0}/ca.pem&ssl_ca_path={0}&ssl_certfile={0}/locked.pem&ssl_password=yes"
    check_redis_url("rediss://h?" + query.format(certificates(tmp_path)))


def certificates(directory: Path) -> Path:
    """Where they are, with one whose key has the password "yes"."""
    make_certificates(directory)
    (directory / "text").write_text("text")
    plain = (directory / "client.pem").read_bytes()
    key = serialization.load_pem_private_key(plain, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"yes"),
    )
    certificate, _, _ = plain.partition(b"-----BEGIN PRIVATE KEY")
    (directory / "locked.pem").write_bytes(certificate + key)
    return directory


def test_a_refusal_never_repeats_a_password() -> None:
    with pytest.raises(RedisUrlError) as caught:
        parse_redis_url("redis://:hunter2@h?ssl_password=hunter2")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(parse_redis_url("redis://:hunter2@h"))


@given(username=st.just("") | passwords, password=passwords)
def test_user_and_password_may_hold_any_character(username: str, password: str) -> None:
    login = f"{quote(username, safe='')}:{quote(password, safe='')}"
    for scheme in ("redis", "rediss", "sentinel"):
        url = f"{scheme}://{login}@host/0"
        address = parse_redis_url(url)
        assert (address.username or "", address.password) == (username, password)
        settings = connection_settings(url, "mymaster")
        for celerys in (settings["broker_url"], settings["result_backend"]):
            assert parse_redis_url(celerys).password == password


@pytest.mark.parametrize(
    "url",
    [
        "redis://[::1]:1/2",
        "unix:///run/a%20b.sock?db=1",
        "sentinel://u:p@a:1/2;sentinel://b:3/2",
        "redis://h/0?protocol=3&health_check_interval=30&client_name=x",
    ],
)
def test_the_backends_url_means_the_same_as_ours(url: str) -> None:
    address = parse_redis_url(url)
    assert parse_redis_url(connection_settings(url, "m")["result_backend"]) == address


@pytest.mark.parametrize(
    "url",
    [
        "rediss://u:hunter2@h/0?ssl_certfile={0}&ssl_keyfile={0}&ssl_password=hunter2",
        (
            "sentinels://u:hunter2@a;sentinels://b?sentinel_password=hunter2&ssl_certfile={0}"
            "&ssl_password=hunter2"
        ),
    ],
)
def test_celery_shows_no_password_of_its_settings(url: str, tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with producer_app(url.format(tmp_path / "client.pem")) as app:
        shown = [str(app.conf.table(censored=True)), app.conf.humanize(), app.backend.as_uri()]
    assert "hunter2" not in "".join(shown)


def test_celery_gives_tls_and_login_to_the_master_and_to_its_sentinels() -> None:
    verified = {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "ssl_ca_certs": "/ca"}
    settings = connection_settings(
        "sentinels://:p@a?sentinel_password=q&ssl_ca_certs=/ca&socket_timeout=2", "m"
    )
    assert settings["broker_use_ssl"] == settings["redis_backend_use_ssl"] == verified
    asked = settings["broker_transport_options"]["sentinel_kwargs"]
    assert asked.items() >= {"ssl": True, "password": "q", **verified}.items()
    assert settings["redis_socket_timeout"] == 2


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h/0",
        "unix:///run/redis.sock",
        "sentinel://a;sentinel://b",
        "valkeys://h?protocol=3",
        "sentinels://a;sentinels://b",
    ],
)
def test_celery_itself_takes_every_form_for_results(url: str) -> None:
    with producer_app(url) as app:
        assert isinstance(app, Celery)
        assert app.backend.connparams
