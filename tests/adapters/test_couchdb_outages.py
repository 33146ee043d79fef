"""What a CouchDB and the network before it can suffer: a call fails clearly or succeeds wholly, and all heals."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

from storage_adapters import (
    ListQuery,
    RecordNotFound,
    StorageError,
    StorageUnavailable,
    open_metadata_store,
)
from storage_adapters.metadata.couchdb import CouchMetadataStore
from storage_adapters.metadata.couchdb.keys import document_id_of
from storage_adapters.metadata.couchdb.location import location_of
from tests.adapters.couchdb_servers import assert_intact, opened
from tests.adapters.outages import assert_kills_lose_nothing, assert_unavailable_while_it_stands_still, in_time
from tests.contract.metadata_scenes import add, make_record, save, various_records, walk
from tests.servers.couchdb import SUFFIXES, CouchServer, raw
from tests.servers.faulty import FAULTS, FaultyProxy

# The server that tests can install is not a fast one.
pytestmark = pytest.mark.timeout(600)

MOST_REQUESTS = 40


def url_of(server: CouchServer, *, timeout: float = 60) -> str:
    return f"{server.url}/films?timeout={timeout}"


def database_of(url: str) -> str:
    return location_of(url).database


def outcome(call: Callable[[], Any]) -> Any:
    """What a call returned or raised; nothing but our own errors may come out of a store."""
    try:
        return call()
    except StorageError as error:
        return error


def test_a_killed_server_keeps_all_that_it_acknowledged(own_couchdb: CouchServer) -> None:
    with opened(url_of(own_couchdb)) as store:
        assert_kills_lose_nothing(store, own_couchdb, files=(6, 6))
    assert_intact(url_of(own_couchdb))


def test_a_server_that_stands_still_is_unavailable_within_the_timeout(own_couchdb: CouchServer) -> None:
    with opened(url_of(own_couchdb)) as store:
        saved = save(store, make_record())
    with closing(in_time(lambda: CouchMetadataStore.from_url(url_of(own_couchdb, timeout=0.5)))) as store:
        calls: list[Callable[[], Any]] = [
            store.ping,
            lambda: store.get("f1"),
            lambda: store.find(ListQuery()),
            lambda: save(store, saved),
            lambda: store.changes(after="", limit=1),
            lambda: open_metadata_store(url_of(own_couchdb, timeout=0.5)),
        ]
        assert_unavailable_while_it_stands_still(own_couchdb, calls)
    with opened(url_of(own_couchdb)) as store:
        assert store.get("f1").revision in (1, 2)
    assert_intact(url_of(own_couchdb))


def test_an_address_where_nobody_listens_is_unavailable_and_heals_without_reopening(own_couchdb: CouchServer) -> None:
    with opened(url_of(own_couchdb)) as store:
        records = add(store, *various_records()[:5])
        own_couchdb.kill()
        for call in (store.ping, lambda: store.find(ListQuery()), lambda: save(store, records[0])):
            with pytest.raises(StorageUnavailable, match="refused"):
                call()
        with pytest.raises(StorageUnavailable, match="refused"):
            open_metadata_store(url_of(own_couchdb))
        own_couchdb.start()
        assert len(walk(store, ListQuery(owner="ann", order_by="created_at"))) > 0
        save(store, records[0])
    assert_intact(url_of(own_couchdb))


def test_a_wrong_password_is_told(couchdb_url: str) -> None:
    credentials = couchdb_url.partition("//")[2].partition("@")[0]
    with pytest.raises(StorageUnavailable, match=r"40[13] \w+"):
        open_metadata_store(couchdb_url.replace(f"{credentials}@", "admin:wrong@"))


@pytest.fixture
def faulty(couchdb_url: str) -> Iterator[tuple[FaultyProxy, str]]:
    port = urlsplit(couchdb_url).port
    assert port is not None
    with FaultyProxy(port) as proxy:
        yield proxy, couchdb_url.replace(f":{port}/", f":{proxy.port}/")


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_any_request_of_a_write_it_is_whole_or_it_is_not(
    faulty: tuple[FaultyProxy, str], couchdb_url: str, fault: str
) -> None:
    proxy, url = faulty
    with opened(url) as store:
        save(store, make_record("first"))
        for number in itertools.count(1):
            assert number < MOST_REQUESTS
            record = make_record(f"f{number}", alias=f"film {number}", request_id=f"r{number}")
            proxy.fail(number, fault)
            result = outcome(lambda: save(store, save(store, record), alias=f"new {number}"))  # noqa: B023 - at once
            survived = proxy.requests < number
            proxy.fail(0, "")
            if survived:
                assert result.revision == 2
                break
            assert not isinstance(result, Exception) or isinstance(result, StorageUnavailable), result
            if isinstance(outcome(lambda: store.get(record.file_id)), RecordNotFound):  # noqa: B023
                save(store, record)
    assert_intact(couchdb_url)


@pytest.mark.parametrize("fault", ["reset before", "reset after"])
def test_a_connection_that_breaks_after_long_use_goes_unnoticed(
    faulty: tuple[FaultyProxy, str], couchdb_url: str, fault: str
) -> None:
    """Also when the answer to a write was lost: the document tells whose write it was."""
    proxy, url = faulty
    with opened(url) as store:
        record = save(store, make_record(alias="film"))
        for number in itertools.count(1):
            proxy.fail(number, fault)
            record = save(store, record, alias=f"film {number}")
            assert [each.file_id for each in store.find(ListQuery()).records] == ["f1"]
            if proxy.requests < number:
                break
        assert number > 3
        assert store.get("f1") == record
    (left,) = assert_intact(couchdb_url)
    assert left == record


def test_a_write_that_is_sent_twice_and_meets_another_writers_is_a_conflict(
    faulty: tuple[FaultyProxy, str], couchdb_url: str
) -> None:
    """It stood nowhere: the other one's is directly over the revision that was read."""
    proxy, url = faulty
    with opened(url) as store:
        record = save(store, make_record())
        read = store._files.get(document_id_of("f1"))
        assert read is not None
        with opened(couchdb_url) as other:
            save(other, record, name="other")
        proxy.fail(1, "reset before")
        assert store._files.put(read | {"write_id": "late"}) is None
        assert store.get("f1").name == "other"


def test_a_404_that_is_not_about_a_document_is_no_file_that_is_missing(
    faulty: tuple[FaultyProxy, str], couchdb_url: str
) -> None:
    """Who is told that a file is missing may forget it, or acknowledge a notification of it."""
    proxy, url = faulty
    with opened(url) as store:
        save(store, make_record())
        proxy.fail_all(f"GET /{database_of(couchdb_url)}/", "no way")
        with pytest.raises(StorageUnavailable, match="404"):
            store.get("f1")
        proxy.heal()
        proxy.fail_all(f"GET /{database_of(couchdb_url)}_state/", "no way")
        for read in (lambda: store.checkpoint("relay"), lambda: open_metadata_store(url)):
            with pytest.raises(StorageUnavailable, match="404"):
                read()
        proxy.heal()
        with raw(couchdb_url) as ask:
            ask("DELETE", database_of(couchdb_url))
        with pytest.raises(StorageUnavailable, match=f"404 for {database_of(couchdb_url)}"):
            store.get("f1")


def test_a_view_that_the_server_refuses_to_build_is_told(faulty: tuple[FaultyProxy, str], couchdb_url: str) -> None:
    """It was asked for again and again without a pause, as if it were being built."""
    proxy, url = faulty
    with raw(couchdb_url) as ask:
        ask("PUT", database_of(couchdb_url))
    proxy.fail_all("/_view/", "bad gateway")
    with pytest.raises(StorageUnavailable, match="502"):
        open_metadata_store(url)
    proxy.heal()
    with opened(url) as store:
        save(store, make_record())
    assert len(assert_intact(couchdb_url)) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_an_installation_through_a_bad_network_succeeds_in_the_end(
    faulty: tuple[FaultyProxy, str], couchdb_url: str, fault: str
) -> None:
    proxy, url = faulty
    for number in itertools.count(1):
        assert number < MOST_REQUESTS
        proxy.fail(number, fault)
        opening = outcome(lambda: open_metadata_store(url))
        if proxy.requests < number:
            break
        if not isinstance(opening, Exception):
            opening.close()
        assert not isinstance(opening, Exception) or isinstance(opening, StorageUnavailable)
    proxy.heal()
    save(opening, make_record())
    opening.close()
    assert len(assert_intact(couchdb_url)) == 1
    with raw(couchdb_url) as ask:
        assert all(ask("GET", database_of(couchdb_url) + suffix)["doc_count"] for suffix in SUFFIXES)
