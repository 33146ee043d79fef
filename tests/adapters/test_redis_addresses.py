"""The metadata store behind Sentinel and by TLS: what it does when the primary changes or is not the right one."""

from __future__ import annotations

import subprocess
import time
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from storage_adapters import StorageUnavailable, open_metadata_store
from tests.adapters.redis_servers import assert_intact, opened
from tests.contract.metadata_scenes import add, make_record, save
from tests.servers.ports import free_ports
from tests.servers.redis import RedisServer, Sentinel, raw

SECONDS = 300


def wait_until_copied(primary: RedisServer) -> None:
    """Wait until a replica has everything."""
    with raw(primary.url) as client:
        deadline = time.monotonic() + SECONDS
        while client.execute_command("WAIT", 1, 1_000) < 1:
            assert time.monotonic() < deadline, "no replica follows"


def test_after_a_failover_writes_go_to_the_new_primary(own_redis: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "replica", replicaof=f"127.0.0.1 {own_redis.port}") as replica:
        wait_until_copied(own_redis)
        soon = {"sentinel down-after-milliseconds primary": "1000"}
        with Sentinel(tmp_path / "sentinel", own_redis, **soon) as sentinel, opened(sentinel.url) as store:
            with raw(f"redis://127.0.0.1:{sentinel.port}") as client:
                deadline = time.monotonic() + SECONDS
                while not client.sentinel_slaves("primary"):
                    assert time.monotonic() < deadline, "the sentinel sees no replica"
                    time.sleep(0.02)
            saved = add(store, make_record("f1"), make_record("f2"))
            wait_until_copied(own_redis)
            own_redis.kill()
            deadline = time.monotonic() + SECONDS
            while True:
                try:
                    saved[0] = save(store, saved[0], name="after the failover")
                    break
                except StorageUnavailable:
                    assert time.monotonic() < deadline, "nothing is written after the failover"
                    time.sleep(0.02)
            assert store.get("f2") == saved[1]
            with opened(replica.url) as promoted:
                assert promoted.get("f1") == saved[0]
        assert assert_intact(replica.url) == saved


def test_sentinels_that_do_not_answer_or_do_not_know_the_service_are_unavailable(
    own_redis: RedisServer, tmp_path: Path
) -> None:
    with Sentinel(tmp_path / "sentinel", own_redis) as sentinel:
        (nobody,) = free_ports(1)
        with opened(f"redis+sentinel://127.0.0.1:{nobody},127.0.0.1:{sentinel.port}/primary") as store:
            store.ping()
        with pytest.raises(StorageUnavailable, match="No master found"):
            open_metadata_store(sentinel.url.replace("/primary", "/other"))
    with pytest.raises(StorageUnavailable, match="No master found"):
        open_metadata_store(sentinel.url)


SENTINEL_PASSWORD = "a&watchword"


@pytest.mark.parametrize(
    ("config", "user"),
    [
        ({"requirepass": SENTINEL_PASSWORD}, ""),
        ({"user": f"watcher on >{SENTINEL_PASSWORD} allchannels +@all"}, "sentinel_user=watcher&"),
    ],
)
def test_a_sentinel_may_have_a_password_of_its_own(tmp_path: Path, config: dict[str, str], user: str) -> None:
    with (
        RedisServer(tmp_path / "redis", requirepass="another") as primary,
        Sentinel(tmp_path / "sentinel", primary, **config, **{"sentinel auth-pass primary": "another"}) as sentinel,
    ):
        url = sentinel.url.replace("//", "//:another@") + f"?{user}sentinel_password={quote(SENTINEL_PASSWORD)}"
        with opened(url) as store:
            saved = add(store, make_record("f1"))
            assert store.get("f1") == saved[0]


def test_an_error_of_a_sentinel_shows_no_password(own_redis: RedisServer, tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with Sentinel(tmp_path / "sentinel", own_redis, requirepass=SENTINEL_PASSWORD) as sentinel:
        for address in (sentinel.url, f"{sentinel.url}?sentinel_password=wrongword"):
            with pytest.raises(StorageUnavailable, match=r"redis: \S.*Auth") as refused:
                open_metadata_store(address)
            assert "wrongword" not in "".join(traceback.format_exception(refused.value))
        away = f"redis+sentinel://127.0.0.1:{nobody}/primary?sentinel_password={quote(SENTINEL_PASSWORD)}"
        with pytest.raises(StorageUnavailable, match="No master found") as lost:
            open_metadata_store(away)
        assert "watchword" not in "".join(traceback.format_exception(lost.value))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that signs itself, with its key beside it."""
    path = tmp_path / "localhost.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost", "-keyout", path.with_suffix(".key"), "-out", path),
        ],
        check=True,
        capture_output=True,
    )
    return path


def by_tls(port: int, certificate: Path) -> dict[str, str]:
    """What a server's configuration says so that it is spoken to by TLS, and itself speaks so to others."""
    return {
        "tls_port": str(port),
        "tls_cert_file": str(certificate),
        "tls_key_file": str(certificate.with_suffix(".key")),
        "tls_ca_cert_file": str(certificate),
        "tls_auth_clients": "no",
        "tls_replication": "yes",
    }


def test_by_tls_the_server_must_be_the_one_that_is_trusted(tmp_path: Path, certificate: Path) -> None:
    (port,) = free_ports(1)
    with RedisServer(tmp_path / "redis", **by_tls(port, certificate)):
        with opened(f"rediss://localhost:{port}?ca={certificate}") as store:
            saved = add(store, make_record("f1", alias="film"))
            assert store.get("f1") == saved[0]
        with pytest.raises(StorageUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            open_metadata_store(f"rediss://localhost:{port}")
        with pytest.raises(StorageUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            open_metadata_store(f"rediss://127.0.0.1:{port}?ca={certificate}")


def test_by_tls_the_sentinel_must_be_the_one_that_is_trusted_too(tmp_path: Path, certificate: Path) -> None:
    port, sentinel_port = free_ports(2)
    primary = RedisServer(tmp_path / "redis", **by_tls(port, certificate))
    with primary:
        names = {"sentinel resolve-hostnames": "yes", "sentinel announce-hostnames": "yes"}
        watched = {"sentinel monitor primary": f"localhost {port} 1"}
        config = {**by_tls(sentinel_port, certificate), **names, **watched}
        with Sentinel(tmp_path / "sentinel", primary, **config):
            url = f"rediss+sentinel://localhost:{sentinel_port}/primary"
            with opened(f"{url}?ca={certificate}") as store:
                saved = add(store, make_record("f1"))
                assert store.get("f1") == saved[0]
            with pytest.raises(StorageUnavailable, match=r"No master found for 'primary' : \S+ \("):
                open_metadata_store(url)
