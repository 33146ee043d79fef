"""How records, places and addresses are written down, apart from any server."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage_adapters import ORDERS, FileRecord, Part, Tombstone, UnknownStore
from storage_adapters.codec import FIELDS_OF_0_1
from storage_adapters.metadata.redis.keys import FIELD_NUMBERS, TEXT_FIELDS, Keys, place
from storage_adapters.metadata.redis.location import location_of
from storage_adapters.metadata.redis.records import (
    PART_FIELDS,
    RECORD_FIELDS,
    TOMBSTONE_FIELDS,
    parse_value,
    record_to_value,
    revision_of,
    tombstone_to_value,
)
from storage_adapters.query import Position, sort_key
from tests.contract.metadata_scenes import NOW, make_part, make_record
from tests.contract.strategies import records

TEXTS = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(["\0", "\x01", "\uffff", "\U0001f3a5"]))
INTEGERS = st.integers(-(2**70), 2**70) | st.integers(-300, 300) | st.sampled_from([2**53, 2**53 + 1, 2**62])


def test_every_field_is_stored() -> None:
    assert {"file_id", "revision", *RECORD_FIELDS} == set(FIELDS_OF_0_1["FileRecord"])
    assert {"file_id", "revision", *TOMBSTONE_FIELDS} == set(FIELDS_OF_0_1["Tombstone"])
    assert set(PART_FIELDS) == set(FIELDS_OF_0_1["Part"])
    assert set(FIELD_NUMBERS) == set(ORDERS)


@given(record=records(st.sampled_from(["f1", "a\0b", ""])), revision=st.integers(1, 2**63))
def test_any_record_is_read_back_whole(record: FileRecord, revision: int) -> None:
    record = replace(record, revision=revision)
    value = record_to_value(record)
    assert parse_value(record.file_id, value) == record
    assert revision_of(record.file_id, value) == revision


def test_a_tombstone_is_read_back_whole() -> None:
    for parts in ((), (make_part(), make_part("p1", md5="0" * 32, received_at=7))):
        tombstone = Tombstone(file_id="f1", owner="ann", revision=3, deleted_at=5, clean_after=9, parts=parts)
        assert parse_value("f1", tombstone_to_value(tombstone)) == tombstone


def test_what_is_empty_takes_no_room() -> None:
    assert record_to_value(make_record(parts=(), revision=3)) == b'3\n["ann","Film.mp4",%d,[],100,"video/mp4"]' % NOW


def test_an_older_value_with_fewer_fields_is_read() -> None:
    found = parse_value("f1", b'7\n["ann","Film",1,[["p0","video","video/mp4",5,"b","k"]],5,"video/mp4"]')
    assert found == FileRecord(
        file_id="f1",
        owner="ann",
        name="Film",
        created_at=1,
        parts=(Part(part_id="p0", type="video", content_type="video/mp4", size=5, bucket="b", key="k"),),
        size=5,
        content_type="video/mp4",
        revision=7,
    )


@pytest.mark.parametrize("values", [TEXTS, INTEGERS], ids=["texts", "integers"])
def test_places_sort_as_their_values_and_ids_do(values: st.SearchStrategy[str | int]) -> None:
    positions = st.builds(Position, value=st.none() | values, file_id=TEXTS)

    @given(positions=st.lists(positions, min_size=2, max_size=6))
    def check(positions: list[Position]) -> None:
        by_key = sorted(positions, key=lambda p: sort_key(p.value, p.file_id, descending=False))
        by_place = sorted(positions, key=lambda p: place(p.value, p.file_id))
        assert by_place == by_key

    check()


@given(first=st.tuples(TEXTS, TEXTS), second=st.tuples(TEXTS, TEXTS))
def test_no_two_indexes_share_a_key(first: tuple[str, str], second: tuple[str, str]) -> None:
    keys = Keys("files")
    scopes = [("owner-tag", *first), ("owner-tag", *second), ("owner", first[0]), ("public-tag", first[0])]
    made = {scope: keys.index(scope, "size") for scope in scopes}
    assert len(set(made.values())) == len(made)
    for scope, key in made.items():
        assert not any(other != scope and made[other].startswith(key) for other in made)
    assert all(keys.index(("all",), field) != key for field in TEXT_FIELDS for key in made.values())


def test_an_address_has_hosts_options_and_credentials() -> None:
    location = location_of("rediss://ann:p%40ss@cache.example:7000/3?prefix=media&timeout=0.5&ca=/etc/ca.pem")
    assert location.hosts == (("cache.example", 7000),)
    assert (location.username, location.password, location.db) == ("ann", "p@ss", 3)
    assert (location.prefix, location.timeout_seconds, location.tls, location.ca) == ("media", 0.5, True, "/etc/ca.pem")
    sentinels = location_of("redis+sentinel://:secret@one:5000,two/primary/2")
    assert sentinels.hosts == (("one", 5000), ("two", 26379))
    assert (sentinels.service, sentinels.db, sentinels.username, sentinels.password) == ("primary", 2, None, "secret")
    assert location_of("redis://[::1]").hosts == (("::1", 6379),)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("redis://", "the URL has no host"),
        ("redis:///0", "the URL has no host"),
        ("redis://host/zero", "database is a number"),
        ("redis://host/0/1", "database is a number"),
        ("redis://host:port", "a port is a number"),
        ("redis://one,two", r"redis\+sentinel"),
        ("redis://host?prefix=", "prefix"),
        ("redis://host?prefix=a}b", "prefix"),
        ("redis://host?timeout=soon", "timeout is a number"),
        ("redis://host?timeout=0", "timeout is a number"),
        ("redis://host?timeout=nan", "timeout is a number"),
        ("redis://host?socket_timeout=1", "is no option"),
        ("redis://host?x", "an option is NAME=VALUE"),
        ("redis://host?sentinel_password=x", "is no option"),
        ("redis+sentinel://host/primary?ca=x", "ca is for rediss"),
        ("redis://host#x", "is no option"),
        ("redis://host?ca=x", "ca is for rediss"),
        ("redis+sentinel://host", "the URL has no service name"),
        ("redis+sentinel://host,/primary", "the URL has no host"),
    ],
)
def test_an_address_that_is_none_is_refused_with_the_reason(url: str, problem: str) -> None:
    with pytest.raises(UnknownStore, match=problem):
        location_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://ann:secret@host/zero",
        "redis://ann:secret/with-a-slash@host",
        "redis+sentinel://:secret@host/primary/zero?sentinel_password=secret",
        "redis+sentinel://host/primary?sentinel_password=an&secret",
    ],
)
def test_a_refused_address_does_not_show_its_password(url: str) -> None:
    with pytest.raises(UnknownStore) as raised:
        location_of(url)
    assert "secret" not in str(raised.value)


def test_sentinels_have_credentials_of_their_own() -> None:
    location = location_of("rediss+sentinel://ann:one@host/primary?sentinel_user=watcher&sentinel_password=tw%26o&ca=x")
    assert (location.username, location.password) == ("ann", "one")
    assert (location.sentinel_username, location.sentinel_password) == ("watcher", "tw&o")
    assert (location.hosts, location.tls, location.ca) == ((("host", 26379),), True, "x")
    assert "one" not in repr(location)
    assert "tw&o" not in repr(location)
