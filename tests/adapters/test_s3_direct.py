"""Reads that bypass boto3: what it would answer, or nothing, so that boto3 is asked."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from storage_adapters.blobs.s3.api import S3Api
from storage_adapters.blobs.s3.client import open_client
from storage_adapters.blobs.s3.direct import DirectReads
from storage_adapters.blobs.s3.location import Location
from storage_adapters.blobs.s3.signing import RequestSigner, Secret
from tests.adapters.s3_buckets import OPTIONS
from tests.servers.faulty import FaultyProxy
from tests.servers.seaweedfs import BUCKET, SeaweedFS

CONTENT = bytes(range(256)) * 1_000
AWS = Location(bucket="bucket", region="eu-west-1", path_style=False)


@pytest.fixture(scope="module")
def proxy(seaweedfs: SeaweedFS) -> Iterator[FaultyProxy]:
    with FaultyProxy(int(urlsplit(seaweedfs.endpoint).port or 0)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def server(proxy: FaultyProxy) -> Iterator[tuple[S3Api, DirectReads, DirectReads]]:
    """The way of boto3, the direct one, and one with a secret that the server does not know."""
    location = Location(bucket=BUCKET, endpoint=f"http://127.0.0.1:{proxy.port}")
    client, secret = open_client(location, OPTIONS)
    known = DirectReads(client, RequestSigner(location, secret))
    other = DirectReads(client, RequestSigner(location, lambda: Secret(secret().access_key, "another secret")))
    with closing(client):
        yield S3Api(client, BUCKET), known, other


def stored(api: S3Api, name: str = "name") -> str:
    whole = f"direct/{uuid.uuid4().hex}/{name}"
    api.put(whole, CONTENT, sha256=_sha256(), content_type="text/plain", metadata={"files-writer": "w"})
    return whole


@pytest.mark.parametrize("name", ["plain.txt", "a b+c&d=e%41~!'()*.txt", "prüfung/日本.txt"])
@pytest.mark.parametrize(("offset", "length"), [(0, None), (5, None), (7, 100)])
def test_the_answer_is_that_of_boto3(
    server: tuple[S3Api, DirectReads, DirectReads], name: str, offset: int, length: int | None
) -> None:
    api, reads, _ = server
    whole = stored(api, name)
    found = reads.get(whole, span=span(offset, length), etag=api.head(whole).etag)
    expected = api.get(whole, offset=offset, length=length, etag=None)
    assert found is not None
    assert expected is not None
    with closing(found[1]), closing(expected[1]):
        assert found[0].info("b", "k") == expected[0].info("b", "k")
        assert (found[0].etag, found[0].generation) == (expected[0].etag, expected[0].generation)
        assert found[1].read() == expected[1].read() == CONTENT[offset:][:length]


def test_boto3_is_left_to_say_what_went_wrong(
    server: tuple[S3Api, DirectReads, DirectReads], proxy: FaultyProxy
) -> None:
    api, reads, other = server
    whole = stored(api)
    assert reads.get(f"{whole}-missing", span="", etag=None) is None
    assert reads.get(whole, span="", etag='"another"') is None
    assert reads.get(whole, span=span(len(CONTENT), None), etag=None) is None
    assert other.get(whole, span="", etag=None) is None
    for fault in ("slow down", "reset before", "cut answer"):
        proxy.fail(1, fault)
        assert reads.get(whole, span="", etag=None) is None
    proxy.heal()
    assert reads.get(whole, span="", etag=None) is not None


def test_requests_are_signed_as_botocore_signs_them() -> None:
    signer = RequestSigner(AWS, lambda: Secret("AKID", "secret", "session"))
    url, headers = signer.sign("GET", "a b/c", at=1_700_000_000)
    assert url == "https://bucket.s3.eu-west-1.amazonaws.com/a%20b/c"
    assert headers["authorization"] == _signed_by_botocore(url)


def _signed_by_botocore(url: str) -> str:
    request = AWSRequest("GET", url)
    signer = auth.S3SigV4Auth(Credentials("AKID", "secret", "session"), "s3", "eu-west-1")
    with patch.object(auth, "get_current_datetime") as now:
        now.return_value = datetime.fromtimestamp(1_700_000_000, UTC)
        signer.add_auth(request)
    return str(request.headers["Authorization"])


def span(offset: int, length: int | None) -> str:
    if offset == 0 and length is None:
        return ""
    return f"bytes={offset}-{'' if length is None else offset + length - 1}"


def _sha256() -> str:
    return hashlib.sha256(CONTENT).hexdigest()
