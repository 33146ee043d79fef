"""The name by which a syncer knows a store."""

from __future__ import annotations

import pytest

from storage_adapters import sync_name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://localhost", "redis://localhost:6379/0"),
        ("redis://me:secret@LOCALHOST:6379/0?timeout=1", "redis://localhost:6379/0"),
        ("redis://localhost/?prefix=files", "redis://localhost:6379/0"),
        ("redis://localhost/3?prefix=a%2Fb", "redis://localhost:6379/3?prefix=a%2Fb"),
        ("rediss://[::1]?ca=/etc/ca.pem", "rediss://[::1]:6379/0"),
        ("redis+sentinel://:p@b,a:26379/primary", "redis+sentinel://a:26379,b:26379/primary/0"),
        (
            "redis+sentinel://:p@a/primary/0?sentinel_user=u&sentinel_password=secret",
            "redis+sentinel://a:26379/primary/0",
        ),
        ("rediss+sentinel://a/primary?sentinel_password=secret&ca=x", "rediss+sentinel://a:26379/primary/0"),
        ("couchdb://admin:secret@couch/files", "couchdb://couch:5984/files"),
        ("couchdb://couch:5985/files/?timeout=3", "couchdb://couch:5985/files"),
        ("couchdb://couch/a%2Fb", "couchdb://couch:5984/a%2Fb"),
        ("sqlite:////data/my%20files.db", "sqlite:////data/my%20files.db"),
        ("memory://", "memory:///"),
    ],
)
def test_a_store_has_one_name_however_its_url_is_written(url: str, name: str) -> None:
    assert sync_name(url) == name


def test_a_relative_path_names_the_file_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/tmp")
    assert sync_name("sqlite:///files.db") == sync_name("sqlite:////tmp/files.db")


def test_no_secret_is_in_a_name() -> None:
    assert "secret" not in sync_name("couchdb://us%40er:secret@host/files?password=secret")
    assert "secret" not in sync_name("redis+sentinel://:secret@host/primary?sentinel_password=secret")
