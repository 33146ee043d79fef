"""URLs of the S3 store: its own, and those that it signs. botocore is the judge of signatures."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
import requests
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from storage_adapters import UnknownStore
from storage_adapters.blobs.s3 import S3BlobStore
from storage_adapters.blobs.s3.location import Location, parse
from storage_adapters.blobs.s3.parts import LARGEST_PART, MOST_PARTS, SMALLEST_PART, part_size, ranges
from storage_adapters.blobs.s3.signing import Secret, UrlSigner
from tests.adapters.s3_buckets import opened
from tests.contract.blob_scenes import KEY, put

AT = 1_700_000_000.0
SERVER = "http://127.0.0.1:8333"


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://films", Location(bucket="films", path_style=False)),
        (
            f"s3://films/a/b?endpoint={SERVER}/&region=eu-west-1&timeout=2.5",
            Location(bucket="films", prefix="a/b", endpoint=SERVER, region="eu-west-1", timeout=2.5),
        ),
        (
            f"s3://films?endpoint={SERVER}&path_style=no&conditions=none",
            Location(bucket="films", endpoint=SERVER, path_style=False, conditions=False),
        ),
    ],
)
def test_a_url_says_where_the_bucket_is(url: str, location: Location) -> None:
    assert parse(url) == location


@pytest.mark.parametrize(
    "url",
    [
        "s3://",
        "s3://Films",
        "s3://f_ilms",
        "s3://films/a//b",
        "s3://films/../b",
        "s3://films/.files",
        "s3://films?endpoint=ftp://x",
        "s3://films?endpoint=http://u:p@x",
        "s3://films?endpoint=http://x/path",
        "s3://films?region=EU",
        "s3://films?path_style=maybe",
        "s3://films?conditions=yes",
        "s3://films?timeout=0",
        "s3://films?timeout=1&timeout=2",
        "s3://films?secret=x",
        "s3://films#x",
    ],
)
def test_any_other_url_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore, match="the S3 store takes"):
        parse(url)


@pytest.mark.parametrize("token", [None, "session/token+="])
@pytest.mark.parametrize("endpoint", ["", SERVER, "http://storage.example:80"])
@pytest.mark.parametrize("path_style", [True, False])
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {}),
        ({"Content-Type": "text/plain;  charset=utf-8", "Content-Length": "5", "If-None-Match": "*"}, {}),
        ({}, {"uploadId": "a+/=b c", "partNumber": "7", "response-content-disposition": 'a; b="ü.txt"'}),
    ],
)
def test_a_signature_is_that_of_botocore(
    endpoint: str, path_style: bool, token: str | None, headers: dict[str, str], query: dict[str, str]
) -> None:
    location = Location(bucket="films", prefix="p", endpoint=endpoint, region="eu-west-1", path_style=path_style)
    signer = UrlSigner(location, lambda: Secret("AKID", "secret", token))
    url = signer.sign("PUT", "p/a-b_c/d", at=AT, seconds=900, headers=headers, query=query)

    request = AWSRequest("PUT", signer.address_of("p/a-b_c/d"), headers=headers, params=query)
    now = datetime.fromtimestamp(AT, UTC).replace(tzinfo=None)
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now):
        S3SigV4QueryAuth(Credentials("AKID", "secret", token), "s3", "eu-west-1", expires=900).add_auth(request)
    assert parse_qs(urlsplit(url).query) == parse_qs(urlsplit(request.url).query)
    assert urlsplit(url)[:3] == urlsplit(request.url)[:3]


def test_clients_may_reach_the_server_at_another_address() -> None:
    location = parse(f"s3://films?endpoint={SERVER}&public_endpoint=https://s3.example:443")
    url = UrlSigner(location, lambda: Secret("AKID", "secret")).sign("GET", "a", at=AT, seconds=1)
    assert url.startswith("https://s3.example/films/a?")


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(Secret("AKID", "hidden", "hidden too"))


def test_a_signed_url_reads_a_blob_and_names_the_attachment(s3_url: str) -> None:
    with opened(s3_url) as store:
        put(store)
        later = int(datetime.now(UTC).timestamp() * 1000) + 900_000
        signed = store.sign("GET", KEY, expires_at=later, filename='Übung "1".mov')
        answer = requests.get(signed.url, timeout=60)
        assert (answer.status_code, answer.content) == (200, b"some bytes")
        assert "UTF-8''%C3%9Cbung%20%221%22.mov" in answer.headers["Content-Disposition"]
        assert requests.head(store.sign("HEAD", KEY, expires_at=later).url, timeout=60).status_code == 200
        plain = requests.get(store.sign("GET", KEY, expires_at=later).url, headers={"Range": "bytes=0-3"}, timeout=60)
        assert (plain.status_code, plain.content) == (206, b"some")
        assert plain.headers["Cache-Control"] == "private, max-age=900, immutable"
        for url in (signed.url.replace(KEY, "other"), signed.url.replace(".mov", ".exe")):
            assert requests.get(url, timeout=60).status_code == 403
        assert requests.put(signed.url, data=b"x", timeout=60).status_code == 403


@pytest.mark.parametrize(("method", "extra"), [("DELETE", {}), ("GET", {"size": 1}), ("PUT", {}), ("PUT", {"size": 1})])
def test_nothing_else_is_signed(s3_url: str, method: str, extra: dict[str, int]) -> None:
    with opened(s3_url) as store, pytest.raises(ValueError, match=r"cannot sign|accepts"):
        S3BlobStore.sign(store, method, KEY, expires_at=1, **extra)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 1, SMALLEST_PART, SMALLEST_PART + 1, 10**9, 10**11 + 1, MOST_PARTS * LARGEST_PART])
def test_parts_cover_a_blob_and_are_no_more_than_a_server_takes(size: int) -> None:
    found = list(ranges(size))
    assert len(found) <= MOST_PARTS
    assert sum(length for _, _, length in found) == size
    assert [offset for _, offset, _ in found] == [number * part_size(size) for number in range(len(found))]
    assert part_size(size) <= LARGEST_PART
