"""Signed URLs and upload sessions of the store on Cloud Storage, judged by the fake, which verifies them by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from storage_adapters import BlobExists, BlobOptions, InvalidKey, StorageUnavailable, UnknownStore, open_blob_store
from storage_adapters.blobs.bucket_store import WEEK_SECONDS, attachment
from storage_adapters.blobs.gcs import GcsBlobStore
from storage_adapters.blobs.gcs.signers import HmacSigner
from storage_adapters.blobs.gcs.signing import UrlSigner
from tests.adapters.gcs_buckets import ACCESS_ID, EMAIL, SECRET, open_store, running_fake
from tests.contract.blob_scenes import KEY, checksums, is_absent, put, read
from tests.fakes.gcs import FakeGcs
from tests.waiting import PATIENCE_SECONDS

TIMEOUT = PATIENCE_SECONDS
T = 1_800_000_000


@pytest.fixture
def fake() -> Iterator[FakeGcs]:
    with running_fake() as running:
        yield running


@pytest.fixture(params=["hmac", "key file", "iam"])
def store(request: pytest.FixtureRequest, fake: FakeGcs, tmp_path: Path) -> Iterator[GcsBlobStore]:
    """A store that signs in each of the three ways."""
    key_file = fake.add_service_account(EMAIL)
    (tmp_path / "key.json").write_text(json.dumps(key_file))
    url = {
        "hmac": "gs://files/media",
        "key file": f"gs://files/media?credentials={tmp_path}/key.json",
        "iam": f"gs://files/media?signer={EMAIL}",
    }[request.param]
    opened = open_store(url, fake.url, hmac=request.param == "hmac")
    yield opened
    opened.close()


@pytest.fixture
def plain(fake: FakeGcs) -> Iterator[GcsBlobStore]:
    """A store that signs with an HMAC key."""
    opened = open_store("gs://files", fake.url)
    yield opened
    opened.close()


def soon(fake: FakeGcs, seconds: int = 900) -> int:
    return int(fake.now() * 1000) + seconds * 1000


def send(signed: Any, content: bytes = b"", **headers: str) -> requests.Response:
    return requests.request(
        signed.method, signed.url, data=content, headers={**signed.headers, **headers}, timeout=TIMEOUT
    )


def test_a_signed_upload_is_taken_once_and_as_it_was_signed(fake: FakeGcs, store: GcsBlobStore) -> None:
    signed = store.sign("PUT", KEY, expires_at=soon(fake), content_type="text/plain; charset=utf-8", size=7)
    assert "EntityTooLarge" in send(signed, b"too long").text
    assert "EntityTooSmall" in send(signed, b"short!").text
    assert send(signed, b"content", **{"Content-Type": "text/html"}).status_code == 403
    assert send(signed, b"content", **{"x-goog-meta-files-sha256": "0" * 64}).status_code == 403
    without = {name: value for name, value in signed.headers.items() if not name.startswith("x-goog-if")}
    assert requests.put(signed.url, data=b"content", headers=without, timeout=TIMEOUT).status_code == 400
    assert is_absent(store)
    assert send(signed, b"content").status_code == 200
    assert send(signed, b"CONTENT").status_code == 412
    info = store.head(KEY)
    assert (info.size, info.content_type, info.sha256) == (7, "text/plain; charset=utf-8", None)
    assert read(store) == b"content"


def test_an_empty_blob_can_be_uploaded(fake: FakeGcs, store: GcsBlobStore) -> None:
    signed = store.sign("PUT", KEY, expires_at=soon(fake), content_type="a/b", size=0)
    assert send(signed).status_code == 200
    assert store.head(KEY).size == 0


def test_a_signed_download_is_good_for_its_object_and_method_until_it_ends(fake: FakeGcs, store: GcsBlobStore) -> None:
    put(store, content=b"content")
    put(store, "other")
    signed = store.sign("GET", KEY, expires_at=soon(fake))
    answer = send(signed)
    assert (answer.status_code, answer.content) == (200, b"content")
    assert answer.headers["Content-Disposition"] == "inline"
    assert requests.get(signed.url, headers={"Range": "bytes=2-4"}, timeout=TIMEOUT).content == b"nte"
    assert requests.head(store.sign("HEAD", KEY, expires_at=soon(fake)).url, timeout=TIMEOUT).status_code == 200
    assert requests.head(signed.url, timeout=TIMEOUT).status_code == 403
    assert requests.get(signed.url.replace(KEY, "other"), timeout=TIMEOUT).status_code == 403
    assert requests.get(f"{signed.url}&response-content-type=text%2Fhtml", timeout=TIMEOUT).status_code == 403
    fake.advance(900 - 1)
    assert send(signed).status_code == 200
    fake.advance(200)
    assert "ExpiredToken" in send(signed).text


@pytest.mark.parametrize("filename", ["a.mp4", 'r&d=1?#"%2F\r\n.txt', "Übung 1 🎬+~.mov", "", "\ud800"])
def test_an_attachment_has_its_name(fake: FakeGcs, store: GcsBlobStore, filename: str) -> None:
    put(store)
    signed = store.sign("GET", KEY, expires_at=soon(fake), filename=filename)
    assert send(signed).headers["Content-Disposition"] == attachment(filename)


def test_each_way_says_its_algorithm(fake: FakeGcs, store: GcsBlobStore, request: pytest.FixtureRequest) -> None:
    way = request.node.callspec.params["store"]
    url = store.sign("GET", KEY, expires_at=soon(fake)).url
    assert f"X-Goog-Algorithm=GOOG4-{'HMAC' if way == 'hmac' else 'RSA'}-SHA256" in url
    assert store.sign("GET", KEY, expires_at=soon(fake)).url == url
    assert fake.tokens.sign_blob_calls == (way == "iam")


def test_what_iam_does_not_sign_is_unavailable(fake: FakeGcs) -> None:
    store = open_store(f"gs://files?signer={EMAIL}", fake.url, hmac=False)
    with pytest.raises(StorageUnavailable, match=r"IAM does not sign as .*404"):
        store.sign("GET", KEY, expires_at=soon(fake))
    store.close()


def test_iam_is_asked_again_when_it_has_a_bad_moment(fake: FakeGcs) -> None:
    fake.add_service_account(EMAIL)
    store = open_store(f"gs://files?signer={EMAIL}", fake.url, hmac=False)
    put(store)
    fake.faults.fail(503, times=1, part_of_path="signBlob")
    assert send(store.sign("GET", KEY, expires_at=soon(fake))).status_code == 200
    assert fake.faults.left == 0
    store.close()


def test_without_a_key_the_signature_is_one_for_emulators_alone(fake: FakeGcs) -> None:
    store = open_store("gs://files", fake.url, hmac=False)
    put(store)
    assert "InvalidAccessKeyId" in send(store.sign("GET", KEY, expires_at=soon(fake))).text
    store.close()


def test_a_session_takes_the_declared_bytes_alone(fake: FakeGcs, plain: GcsBlobStore) -> None:
    content = b"content"
    now = int(fake.now() * 1000)
    begun = plain.start_upload(KEY, content_type="video/mp4", size=7, now=now, checksums=checksums(content))
    assert (begun.protocol, begun.method, begun.expires_at) == ("resumable", "PUT", now + WEEK_SECONDS * 1000)
    assert send(begun, b"too long").status_code == 400
    assert send(begun, b"CONTENT").status_code == 400
    assert is_absent(plain)
    again = plain.start_upload(KEY, content_type="video/mp4", size=7, now=now, checksums=checksums(content))
    late = plain.start_upload(KEY, content_type="video/mp4", size=7, now=now)
    assert send(again, content).status_code == 200
    assert send(late, content).status_code == 412
    assert plain.head(KEY).content_type == "video/mp4"
    with pytest.raises(BlobExists) as caught:
        plain.start_upload(KEY, content_type="video/mp4", size=7, now=now)
    assert caught.value.info == plain.head(KEY)
    with pytest.raises(InvalidKey):
        plain.start_upload("../x", content_type="video/mp4", size=7, now=now)


def test_a_session_answers_pages_of_its_origin(fake: FakeGcs, plain: GcsBlobStore) -> None:
    begun = plain.start_upload(KEY, content_type="a/b", size=3, now=0, origin="https://app.example")
    assert (
        "Access-Control-Allow-Origin"
        not in send(begun, b"", **{"Content-Range": "bytes */3", "Origin": "https://x"}).headers
    )
    answer = send(begun, b"abc", Origin="https://app.example")
    assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"


def test_no_error_shows_the_address_of_a_session(fake: FakeGcs, plain: GcsBlobStore) -> None:
    writer = plain.writer(KEY, content_type="a/b", now=0)
    writer.write(bytes(5 * 1024 * 1024))
    fake.faults.fail(403, times=10, method="PUT", part_of_path="/upload/")
    with pytest.raises(StorageUnavailable) as caught:
        writer.write(bytes(5 * 1024 * 1024))
    [session] = fake.sessions.sessions.values()
    shown = [caught.value]
    while (cause := shown[-1].__cause__ or shown[-1].__context__) is not None:
        shown.append(cause)  # type: ignore[arg-type]
    assert session.id not in " ".join(map(str, shown))


def signer(clock: Callable[[], float]) -> UrlSigner:
    return UrlSigner(
        HmacSigner(ACCESS_ID, SECRET), endpoint="https://storage.googleapis.com", bucket="files", clock=clock
    )


def lifetime(url: str) -> tuple[str, int]:
    query = dict(parse_qsl(urlsplit(url).query))
    return query["X-Goog-Date"], int(query["X-Goog-Expires"])


def test_all_who_ask_within_a_window_get_the_same_address() -> None:
    def ask(now: int, seconds: int) -> str:
        return signer(lambda: now).download("GET", KEY, expires_at=(now + seconds) * 1000).url

    assert len({ask(T + second, 10_800) for second in range(900)}) == 1
    assert len({ask(T + second, 10_800) for second in range(0, 3 * 900, 7)}) == 3
    assert len({ask(T + second, 900) for second in range(60)}) == 1
    assert len({ask(T + second, 10) for second in range(60)}) == 60


@settings(deadline=None)
@given(now=st.floats(T, T + 10**6), seconds=st.integers(1, WEEK_SECONDS))
def test_a_download_lasts_at_least_as_long_as_asked_and_an_eighth_longer_at_most(now: float, seconds: int) -> None:
    expires_at = int(now * 1000) + seconds * 1000
    start, lasts = lifetime(signer(lambda: now).download("GET", KEY, expires_at=expires_at).url)
    begins = _seconds(start)
    assert begins <= now
    assert 1 <= lasts <= WEEK_SECONDS
    end = begins + lasts
    # At the far end a second is lost, as no address lasts longer than a week.
    assert end >= expires_at / 1000 - (1 if seconds == WEEK_SECONDS else 0)
    assert end <= expires_at / 1000 + max(2, seconds / 8 + 1)


@settings(deadline=None)
@given(now=st.floats(T, T + 10**6), seconds=st.integers(2, WEEK_SECONDS))
def test_an_upload_ends_in_the_second_in_which_it_was_to_end(now: float, seconds: int) -> None:
    expires_at = int(now * 1000) + seconds * 1000
    signed = signer(lambda: now).upload("x", content_type="a/b", size=1, expires_at=expires_at)
    start, lasts = lifetime(signed.url)
    assert expires_at / 1000 - 1 <= _seconds(start) + lasts <= expires_at / 1000


def _seconds(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "options",
    [
        {"content_type": "a/b\r\nX: y", "size": 1},
        {"content_type": "a/b", "size": -1},
    ],
)
def test_what_makes_no_sense_is_not_signed(plain: GcsBlobStore, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        plain.sign("PUT", KEY, expires_at=T * 1000, **options)


@pytest.mark.parametrize(
    "url",
    [
        "gs://",
        "gs:///x",
        "gs://Bucket",
        "gs://b",
        "gs://files/../x",
        "gs://files/a b",
        "gs://files#x",
        "gs://files?x=1",
        "gs://files?public=acl",
        "gs://files?timeout=0",
        "gs://files?timeout=x",
        "gs://files?credentials=",
        "gs://files?credentials=/nowhere.json",
        "gs://user@files",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        open_blob_store(url, BlobOptions(storage_emulator_host="http://127.0.0.1:1"))


def test_a_bucket_that_everybody_reads_gives_plain_addresses(fake: FakeGcs) -> None:
    fake.objects.bucket("files").policy = [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]
    store = open_store("gs://files/media?public=policy", fake.url)
    put(store, content=b"content")
    url = store.public_url(KEY)  # type: ignore[attr-defined]
    assert url == f"{fake.url}/files/media/{KEY}"
    assert requests.get(url, timeout=TIMEOUT).content == b"content"
    assert fake.requests(part_of_path="/acl") == 0
    store.close()
