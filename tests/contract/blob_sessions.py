"""What uploads in pieces must do, by clients that have nothing but the address."""

from __future__ import annotations

import pytest
import requests

from storage_adapters import BlobExists, BlobStore, InvalidKey, SignedUrl, SupportsResumableUpload
from tests.contract.blob_scenes import KEY, MIB, NOW, REFUSED_KEYS, checksums, is_absent, put, read

TIMEOUT = 60


class SessionsStore(BlobStore, SupportsResumableUpload):
    """A store under ``ResumableUploadContract``."""


def begin(store: SessionsStore, content: bytes, **options: str | None) -> SignedUrl:
    return store.start_upload(KEY, content_type="video/mp4", size=len(content), now=NOW, **options)  # type: ignore[arg-type]


def send(begun: SignedUrl, content: bytes, first: int = 0, end: int | None = None) -> int:
    piece = content[first:end]
    headers = {**begun.headers, "Content-Range": f"bytes {first}-{first + len(piece) - 1}/{len(content)}"}
    return requests.request(begun.method, begun.url, data=piece, headers=headers, timeout=TIMEOUT).status_code


class ResumableUploadContract:
    """``SupportsResumableUpload``."""

    CONTENT = bytes(range(256)) * 4096 * 2 + b"tail"

    def test_bytes_come_in_pieces_and_are_a_blob_with_the_last(self, store: SessionsStore) -> None:
        begun = begin(store, self.CONTENT)
        assert begun.protocol == "resumable"
        assert begun.expires_at == NOW + store.upload_seconds * 1000
        assert send(begun, self.CONTENT, 0, MIB) == 308
        assert is_absent(store)
        assert send(begun, self.CONTENT, MIB) == 200
        info = store.head(KEY)
        assert (info.size, info.content_type) == (len(self.CONTENT), "video/mp4")
        assert read(store) == self.CONTENT

    def test_bytes_of_another_size_are_not_stored(self, store: SessionsStore) -> None:
        begun = begin(store, self.CONTENT)
        assert send(begun, self.CONTENT + b"x") == 400
        assert is_absent(store)

    @pytest.mark.parametrize("name", ["md5", "crc32c"])
    def test_bytes_with_another_checksum_are_not_stored(self, store: SessionsStore, name: str) -> None:
        sums = checksums(self.CONTENT)
        begun = store.start_upload(
            KEY, content_type="a/b", size=len(self.CONTENT), now=NOW, checksums={name: sums[name], "sha256": None}
        )
        assert send(begun, self.CONTENT[:-1] + b"x") == 400
        assert is_absent(store)
        again = store.start_upload(KEY, content_type="a/b", size=len(self.CONTENT), now=NOW, checksums=sums)
        assert send(again, self.CONTENT) == 200

    def test_of_several_uploads_the_first_that_is_complete_wins(self, store: SessionsStore) -> None:
        slow, fast = begin(store, b"slow"), begin(store, b"fast")
        assert send(fast, b"fast") == 200
        assert send(slow, b"slow") == 412
        assert read(store) == b"fast"

    def test_where_a_blob_is_nothing_is_begun(self, store: SessionsStore) -> None:
        there = put(store)
        with pytest.raises(BlobExists) as caught:
            begin(store, b"more")
        assert caught.value.info == there

    @pytest.mark.parametrize("key", REFUSED_KEYS)
    def test_to_no_other_key_is_anything_begun(self, store: SessionsStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            store.start_upload(key, content_type="a/b", size=1, now=NOW)
