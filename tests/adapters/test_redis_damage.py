"""What another program took away or put in: said plainly, and put right by what repairs indexes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from storage_adapters import SORT_FIELDS, ListQuery, StorageUnavailable, digest_bucket, open_metadata_store
from storage_adapters.metadata.redis.keys import Keys, place
from tests.adapters.redis_servers import assert_intact, opened
from tests.contract.document_scenes import make_document
from tests.contract.metadata_scenes import NOW, add, delete, ids, make_record, save
from tests.contract.upload_scenes import make_upload
from tests.servers.redis import RedisServer, raw

SURROGATE = b"\xff\xed\xa0\x80"


def keys_of(url: str) -> Keys:
    return Keys(url.partition("prefix=")[2])


def remove_strays(url: str) -> int:
    """Take what does not belong out of the sorted indexes; returns how much."""
    found, position = 0, ""
    with opened(url) as store:
        while True:
            number, position = store.strays(after=position, limit=500, fields=SORT_FIELDS, remove=True)
            found += number
            if not position:
                return found


@pytest.mark.parametrize(
    ("value", "text"), [(None, "no record"), (b"foreign", "not belong"), (b"3\n[1]", "not belong")]
)
def test_a_lost_or_foreign_record_is_reported_and_the_others_are_listed_after_a_repair(
    redis_url: str, value: bytes | None, text: str
) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        records = add(store, *(make_record(f"f{number}", alias=f"film{number}") for number in range(3)))
        key = keys_of(redis_url).record("f1")
        client.delete(key) if value is None else client.set(key, value)
        for query in (ListQuery(), ListQuery(owner="ann", order_by="name", descending=False), ListQuery(limit=1)):
            with pytest.raises(StorageUnavailable, match=rf"'f1'.*{text}"):
                store.find(query)
        client.delete(key)
        assert remove_strays(redis_url) > 0
        assert ids(store.find(ListQuery(order_by="name", descending=False)).records) == ["f0", "f2"]
        # A second store still has the file, and gives it back.
        assert store.replicate([records[1]]) == [True]
        assert store.get("f1") == records[1]
        assert len(store.find(ListQuery()).records) == 3


def test_a_file_whose_record_is_lost_is_missing_in_a_comparison(redis_url: str) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        add(store, make_record("f1"))
        bucket = digest_bucket("f1")
        client.delete(keys_of(redis_url).record("f1"))
        assert store.bucket_revisions(bucket) == {}
        assert list(store.bucket_records(bucket)) == []
        client.set(keys_of(redis_url).record("f1"), "foreign")
        with pytest.raises(StorageUnavailable, match=r"'f1'.*not belong"):
            store.bucket_revisions(bucket)
        with pytest.raises(StorageUnavailable, match=r"'f1'.*not belong"):
            store.get("f1")


def test_a_place_of_a_deleted_file_is_reported(redis_url: str) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        delete(store, add(store, make_record("f1"))[0])
        client.zadd(keys_of(redis_url).index(("all",), "created_at"), {place(NOW, "f1"): 0})
        with pytest.raises(StorageUnavailable, match=r"'f1'.*no record"):
            store.find(ListQuery(order_by="created_at"))
    assert remove_strays(redis_url) == 1
    assert assert_intact(redis_url) == []


@pytest.mark.parametrize("member", [b"foreign", b"", SURROGATE, b"\x85"])
@pytest.mark.parametrize("field", ["created_at", "name"])
def test_a_place_that_another_program_put_in_is_reported(redis_url: str, field: str, member: bytes) -> None:
    with opened(redis_url) as store, raw(redis_url) as client:
        saved = add(store, make_record("f1"))
        client.zadd(keys_of(redis_url).index(("all",), field), {member: 0})
        with pytest.raises(StorageUnavailable, match="redis: "):
            store.find(ListQuery(order_by=field))
    assert remove_strays(redis_url) == 1
    assert assert_intact(redis_url) == saved


def test_an_emptied_server_takes_nothing_new_until_somebody_begins_anew(own_redis: RedisServer) -> None:
    """As one that was started without its data beside a running service: what it confirmed would be lost once more."""
    with opened(own_redis.url) as store, raw(own_redis.url) as client:
        calls: list[Callable[[], object]] = [
            lambda: save(store, make_record("f1")),
            lambda: store.put_document(make_document(), expected_revision=0),
            lambda: store.create_upload(make_upload()),
            lambda: store.reserve_chunks("ann", ["a" * 64], now=NOW),
        ]
        for call in calls:
            client.flushall()
            with pytest.raises(StorageUnavailable, match="was emptied"):
                call()
            assert client.keys() == []
        open_metadata_store(own_redis.url).close()
        for call in calls:
            call()
