"""The metadata store behind Sentinel and by TLS: what it does when the primary changes or is not the right one."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from storage_adapters import StorageUnavailable, open_metadata_store
from tests.adapters.redis_servers import assert_intact, opened
from tests.contract.metadata_scenes import add, make_record, save
from tests.servers.ports import free_ports
from tests.servers.redis import RedisServer, Sentinel, raw

SECONDS = 60


def wait_until_copied(primary: RedisServer) -> None:
    """Wait until a replica has everything."""
    with raw(primary.url) as client:
        deadline = time.monotonic() + SECONDS
        while client.execute_command("WAIT", 1, 1_000) < 1:
            assert time.monotonic() < deadline, "no replica follows"


def test_after_a_failover_writes_go_to_the_new_primary(own_redis: RedisServer, tmp_path: Path) -> None:
    with RedisServer(tmp_path / "replica", replicaof=f"127.0.0.1 {own_redis.port}") as replica:
        wait_until_copied(own_redis)
        with Sentinel(tmp_path / "sentinel", own_redis) as sentinel, opened(sentinel.url) as store:
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


def test_by_tls_the_server_must_be_the_one_that_is_trusted(tmp_path: Path, certificate: Path) -> None:
    (port,) = free_ports(1)
    with RedisServer(
        tmp_path / "redis",
        tls_port=str(port),
        tls_cert_file=str(certificate),
        tls_key_file=str(certificate.with_suffix(".key")),
        tls_ca_cert_file=str(certificate),
        tls_auth_clients="no",
    ):
        with opened(f"rediss://localhost:{port}?ca={certificate}") as store:
            saved = add(store, make_record("f1", alias="film"))
            assert store.get("f1") == saved[0]
        with pytest.raises(StorageUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            open_metadata_store(f"rediss://localhost:{port}")
        with pytest.raises(StorageUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            open_metadata_store(f"rediss://127.0.0.1:{port}?ca={certificate}")
