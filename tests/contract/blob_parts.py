"""What uploads in parts must do, by clients that have nothing but the addresses."""

from __future__ import annotations

import time

import pytest
import requests

from storage_adapters import BlobExists, BlobInfo, BlobNotFound, BlobStore, InvalidKey, SignedUrl, SupportsPartUploads
from tests.contract.blob_scenes import KEY, REFUSED_KEYS, in_threads, is_absent, put, read

TIMEOUT = 60
CONTENT = bytes(range(256)) * 65_536 * 2 + b"tail"


class PartsStore(BlobStore, SupportsPartUploads):
    """A store under ``PartUploadsContract``."""


def begin(store: SupportsPartUploads, content: bytes = CONTENT) -> SignedUrl:
    """Begin an upload of these bytes now: its addresses expire by the server's clock."""
    return store.start_upload(KEY, content_type="video/mp4", size=len(content), now=int(time.time() * 1000))


def send(begun: SignedUrl, number: int, content: bytes = CONTENT) -> int:
    """Send one part as the addresses say."""
    part = begun.parts[number]
    piece = content[part.offset : part.offset + part.size]
    return requests.put(part.url, data=piece, timeout=TIMEOUT).status_code


class PartUploadsContract:
    """``SupportsPartUploads``."""

    def test_parts_in_any_order_are_a_blob_once_all_are_there(self, store: PartsStore) -> None:
        begun = begin(store)
        assert (begun.method, begun.protocol, len(begun.parts) > 1) == ("GET", "s3-multipart", True)
        assert [part.number for part in begun.parts] == list(range(1, len(begun.parts) + 1))
        assert sum(part.size for part in begun.parts) == len(CONTENT)
        for number in reversed(range(len(begun.parts))):
            assert is_absent(store)
            with pytest.raises(BlobNotFound):
                store.complete_upload(KEY, size=len(CONTENT))
            assert send(begun, number) == 200
        info = store.complete_upload(KEY, size=len(CONTENT))
        assert (info.key, info.size, info.content_type) == (KEY, len(CONTENT), "video/mp4")
        assert (store.head(KEY), read(store)) == (info, CONTENT)
        assert store.complete_upload(KEY, size=len(CONTENT)) == info

    def test_the_address_of_the_upload_answers_which_parts_have_arrived(self, store: PartsStore) -> None:
        begun = begin(store)
        assert "<PartNumber>" not in requests.get(begun.url, timeout=TIMEOUT).text
        assert send(begun, 1) == 200
        answer = requests.get(begun.url, timeout=TIMEOUT).text
        assert "<PartNumber>2</PartNumber>" in answer
        assert "<PartNumber>1</PartNumber>" not in answer

    def test_an_address_takes_its_part_alone(self, store: PartsStore) -> None:
        begun = begin(store)
        size = begun.parts[-1].size
        for content in (b"x" * (size - 1), b"x" * (size + 1)):
            assert requests.put(begun.parts[-1].url, data=content, timeout=TIMEOUT).status_code == 403
        with pytest.raises(BlobNotFound):
            store.complete_upload(KEY, size=len(CONTENT))

    def test_a_part_may_come_again(self, store: PartsStore) -> None:
        begun = begin(store)
        for number in (0, *range(len(begun.parts))):
            assert send(begun, number) == 200
        store.complete_upload(KEY, size=len(CONTENT))
        assert read(store) == CONTENT

    def test_an_empty_blob_has_one_empty_part(self, store: PartsStore) -> None:
        begun = begin(store, b"")
        assert [(part.number, part.offset, part.size) for part in begun.parts] == [(1, 0, 0)]
        assert send(begun, 0, b"") == 200
        assert store.complete_upload(KEY, size=0).size == 0

    def test_bytes_of_another_size_than_expected_are_not_stored(self, store: PartsStore) -> None:
        begun = begin(store, b"0123")
        assert send(begun, 0, b"0123") == 200
        with pytest.raises(BlobNotFound):
            store.complete_upload(KEY, size=5)
        assert is_absent(store)

    def test_of_several_uploads_the_first_that_is_complete_wins(self, store: PartsStore) -> None:
        slow, fast = begin(store, b"slow"), begin(store, b"fast")
        assert send(fast, 0, b"fast") == 200
        first = store.complete_upload(KEY, size=4)
        assert send(slow, 0, b"slow") == 404
        assert store.complete_upload(KEY, size=4) == first
        assert read(store) == b"fast"

    def test_uploads_that_are_ended_take_nothing_more_and_leave_a_blob_as_it_is(self, store: PartsStore) -> None:
        begun = begin(store, b"late")
        assert send(begun, 0, b"late") == 200
        there = put(store)
        for _ in range(2):
            store.end_uploads(KEY)
        assert send(begun, 0, b"late") == 404
        assert (store.head(KEY), read(store)) == (there, b"some bytes")

    def test_uploads_that_are_begun_again_and_again_end(self, store: PartsStore) -> None:
        begun = [begin(store, b"content") for _ in range(6)]
        assert [send(each, 0, b"content") for each in begun].count(200) <= 3
        assert send(begun[-1], 0, b"content") == 200
        assert store.complete_upload(KEY, size=7).size == 7

    def test_whoever_else_wrote_the_key_is_not_overwritten(self, store: PartsStore) -> None:
        begun = begin(store, b"late")
        assert send(begun, 0, b"late") == 200
        there = put(store)
        assert store.complete_upload(KEY, size=4) == there
        assert read(store) == b"some bytes"

    def test_of_concurrent_completions_all_find_the_same_blob(self, store: PartsStore) -> None:
        begun = begin(store, b"content")
        assert send(begun, 0, b"content") == 200
        found = in_threads(4, lambda _: store.complete_upload(KEY, size=7))
        assert {type(each) for each in found} == {BlobInfo}, found
        assert set(found) == {store.head(KEY)}
        assert read(store) == b"content"

    def test_where_a_blob_is_nothing_is_begun(self, store: PartsStore) -> None:
        there = put(store)
        with pytest.raises(BlobExists) as caught:
            begin(store)
        assert caught.value.info == there

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_no_other_key_is_begun_or_completed(self, store: PartsStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.start_upload(key, content_type="a/b", size=1, now=0)
        with pytest.raises(InvalidKey):
            store.complete_upload(key, size=1)
        with pytest.raises(InvalidKey):
            store.end_uploads(key)
