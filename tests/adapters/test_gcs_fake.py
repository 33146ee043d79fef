"""The fake Google Cloud Storage itself, seen through Google's own client and by plain requests."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import google_crc32c
import pytest
import requests
from google.api_core.exceptions import BadRequest, NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.oauth2.service_account import Credentials

from tests.cores import at_once
from tests.fakes.gcs import FakeGcs
from tests.fakes.gcs.tokens import private_key
from tests.waiting import PATIENCE_SECONDS as SECONDS

STEP = 256 * 1024
EMAIL = "files@demo.iam.gserviceaccount.com"


@pytest.fixture
def fake() -> Iterator[FakeGcs]:
    with FakeGcs() as running:
        running.make_bucket("files")
        yield running


@pytest.fixture
def client(fake: FakeGcs) -> Iterator[storage.Client]:
    with storage.Client(
        project="demo", credentials=AnonymousCredentials(), client_options={"api_endpoint": fake.url}
    ) as opened:
        yield opened


@pytest.fixture
def bucket(client: storage.Client) -> Any:
    return client.bucket("files")


@pytest.fixture
def signed(fake: FakeGcs) -> Any:
    """Signs as Google's own library does, which is not what the product signs with."""
    credentials = Credentials.from_service_account_info(fake.add_service_account(EMAIL))
    blob = storage.Client(project="demo", credentials=credentials).bucket("files").blob("a/b")

    def sign(method: str, **options: Any) -> str:
        url: str = blob.generate_signed_url(
            version="v4",
            method=method,
            api_access_endpoint=fake.url,
            **{"expiration": timedelta(minutes=5), **options},
        )
        return url

    return sign


def test_googles_client_finds_what_it_put(fake: FakeGcs, bucket: Any) -> None:
    blob = bucket.blob("a/b")
    blob.upload_from_string(b"content", content_type="text/plain", if_generation_match=0)
    found = bucket.get_blob("a/b")
    assert (found.size, found.content_type, found.generation) == (7, "text/plain", blob.generation)
    assert found.md5_hash == base64.b64encode(hashlib.md5(b"content", usedforsecurity=False).digest()).decode()
    assert found.crc32c == base64.b64encode(google_crc32c.value(b"content").to_bytes(4, "big")).decode()
    assert found.download_as_bytes() == b"content"
    assert found.download_as_bytes(start=1, end=3) == b"ont"
    assert [each.name for each in bucket.list_blobs(prefix="a/")] == ["a/b"]
    with pytest.raises(PreconditionFailed):
        bucket.blob("a/b").upload_from_string(b"other", if_generation_match=0)
    with pytest.raises(PreconditionFailed):
        found.delete(if_generation_match=1)
    found.delete(if_generation_match=found.generation)
    with pytest.raises(NotFound):
        found.reload()


def test_googles_client_resumes_uploads_and_joins_and_copies(fake: FakeGcs, bucket: Any) -> None:
    content = bytes(range(256)) * 4096 * 3
    big = bucket.blob("big", chunk_size=2 * STEP)
    with big.open("wb", if_generation_match=0) as file:
        file.write(content)
    big.reload()
    assert (big.size, big.download_as_bytes()) == (len(content), content)
    joined = bucket.blob("joined")
    joined.compose([big, big], if_generation_match=0)
    joined.reload()
    assert (joined.size, joined.md5_hash, joined.component_count) == (2 * len(content), None, 2)
    copied = bucket.blob("copied")
    copied.rewrite(big, if_generation_match=0)
    assert copied.download_as_bytes() == content


def test_a_batch_answers_each_call(client: storage.Client, bucket: Any) -> None:
    for name in ("a", "b"):
        bucket.blob(name).upload_from_string(b"x")
    with client.batch(raise_exception=False) as batch:
        for name in ("a", "missing", "b"):
            bucket.blob(name).delete()
    assert [each.status_code for each in batch._responses] == [204, 404, 204]
    assert list(bucket.list_blobs()) == []


def test_uniform_access_takes_no_acl(fake: FakeGcs, bucket: Any) -> None:
    blob = bucket.blob("a")
    blob.upload_from_string(b"x")
    with pytest.raises(BadRequest, match="legacy ACL"):
        bucket.blob("b").upload_from_string(b"x", predefined_acl="publicRead")
    with pytest.raises(BadRequest, match="legacy ACL"):
        blob.make_public()
    assert requests.get(f"{fake.url}/files/a", timeout=SECONDS).status_code == 403
    fake.objects.bucket("files").uniform = False
    blob.make_public()
    assert requests.get(f"{fake.url}/files/a", timeout=SECONDS).content == b"x"


def test_the_signature_of_googles_library_is_accepted_and_no_other(fake: FakeGcs, signed: Any) -> None:
    headers = {"x-goog-content-length-range": "0,7", "content-type": "text/plain"}
    # The library adds to the dictionary that it is given, and would sign a content type in it twice.
    url = signed("PUT", headers={"x-goog-content-length-range": "0,7"}, content_type="text/plain")
    assert requests.put(url, data=b"12345678", headers=headers, timeout=SECONDS).status_code == 400
    assert (
        requests.put(url, data=b"content", headers={"content-type": "text/plain"}, timeout=SECONDS).status_code == 400
    )
    more = {**headers, "x-goog-if-generation-match": "0"}
    assert requests.put(url, data=b"content", headers=more, timeout=SECONDS).status_code == 403
    assert requests.put(url, data=b"content", headers=headers, timeout=SECONDS).status_code == 200
    url = signed("GET", response_disposition='attachment; filename="x"')
    answer = requests.get(url, timeout=SECONDS)
    assert (answer.content, answer.headers["Content-Disposition"]) == (b"content", 'attachment; filename="x"')
    assert requests.get(url.replace("files/a", "files/c"), timeout=SECONDS).status_code == 403
    assert requests.get(url[:-1] + ("0" if url[-1] != "0" else "1"), timeout=SECONDS).status_code == 403
    assert requests.delete(url, timeout=SECONDS).status_code == 403
    fake.advance(301)
    assert "ExpiredToken" in requests.get(url, timeout=SECONDS).text


def start(fake: FakeGcs, size: int, **headers: str) -> str:
    answer = requests.post(
        f"{fake.url}/upload/storage/v1/b/files/o?uploadType=resumable&name=a%2Fb&ifGenerationMatch=0",
        json={"contentType": "video/mp4"},
        headers={"X-Upload-Content-Length": str(size), **headers},
        timeout=SECONDS,
    )
    assert answer.status_code == 200
    return answer.headers["Location"]


def ask(uri: str, size: int) -> requests.Response:
    return requests.put(uri, headers={"Content-Range": f"bytes */{size}"}, timeout=SECONDS)


def send(uri: str, content: bytes, first: int, end: int) -> requests.Response:
    headers = {"Content-Range": f"bytes {first}-{end - 1}/{len(content)}"}
    return requests.put(uri, data=content[first:end], headers=headers, timeout=SECONDS)


def test_a_session_keeps_whole_steps_until_the_end(fake: FakeGcs) -> None:
    content = bytes(3 * STEP + 5)
    uri = start(fake, len(content))
    nothing = ask(uri, len(content))
    assert (nothing.status_code, nothing.headers.get("Range")) == (308, None)
    assert send(uri, content, 0, STEP + 100).headers["Range"] == f"bytes=0-{STEP - 1}"
    assert send(uri, content, 2 * STEP, 3 * STEP).status_code == 400
    assert send(uri, content, STEP, 3 * STEP).headers["Range"] == f"bytes=0-{3 * STEP - 1}"
    assert requests.put(uri, headers={"Content-Range": "bytes */999"}, timeout=SECONDS).status_code == 400
    last = send(uri, content, 3 * STEP, len(content))
    assert (last.status_code, last.json()["size"]) == (200, str(len(content)))
    assert ask(uri, len(content)).json()["generation"] == last.json()["generation"]


def test_connections_are_cut_and_answers_lost_on_demand(fake: FakeGcs) -> None:
    content = bytes(8 * STEP + 5)
    uri = start(fake, len(content))
    fake.faults.cut_upload_at(3 * STEP + 1)
    fake.faults.lose_final_answer()
    with pytest.raises(requests.ConnectionError):
        send(uri, content, 0, len(content))
    held = ask(uri, len(content)).headers["Range"]
    assert held == f"bytes=0-{4 * STEP - 1}"
    with pytest.raises(requests.ConnectionError):
        send(uri, content, 4 * STEP, len(content))
    assert ask(uri, len(content)).status_code == 200
    assert fake.faults.left == 0


def test_sessions_end(fake: FakeGcs) -> None:
    uri = start(fake, 5)
    assert requests.delete(uri, timeout=SECONDS).status_code == 499
    assert ask(uri, 5).status_code == 499
    assert ask(uri[:-4], 5).status_code == 404
    uri = start(fake, 5)
    fake.advance(8 * 86_400)
    assert ask(uri, 5).status_code == 410


def test_pages_of_a_known_origin_may_send(fake: FakeGcs) -> None:
    fake.objects.bucket("files").cors = [
        {"origin": ["https://app.example"], "method": ["PUT"], "responseHeader": ["Content-Type", "x-goog-*"]}
    ]
    wanted = {
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type,x-goog-if-generation-match",
    }
    allowed = requests.options(
        f"{fake.url}/files/a", headers={**wanted, "Origin": "https://app.example"}, timeout=SECONDS
    )
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    other = requests.options(
        f"{fake.url}/files/a", headers={**wanted, "Origin": "https://evil.example"}, timeout=SECONDS
    )
    assert "Access-Control-Allow-Origin" not in other.headers
    uri = start(fake, 5, Origin="https://app.example")
    for origin, shown in (("https://app.example", True), ("https://evil.example", False)):
        answer = requests.put(uri, headers={"Content-Range": "bytes */5", "Origin": origin}, timeout=SECONDS)
        assert ("Access-Control-Allow-Origin" in answer.headers) is shown


def test_changes_are_published_and_pulled(fake: FakeGcs, bucket: Any) -> None:
    fake.notify("files")
    fake.pull_from()
    bucket.blob("a/b").upload_from_string(b"content")
    url = f"{fake.url}/v1/projects/demo/subscriptions/pull"
    (received,) = requests.post(f"{url}:pull", json={"maxMessages": 10}, timeout=SECONDS).json()["receivedMessages"]
    assert received["message"]["attributes"]["eventType"] == "OBJECT_FINALIZE"
    assert received["message"]["attributes"]["objectId"] == "a/b"
    assert json.loads(base64.b64decode(received["message"]["data"]))["size"] == "7"
    assert requests.post(f"{url}:pull", json={"maxMessages": 10}, timeout=SECONDS).json() == {}
    requests.post(f"{url}:acknowledge", json={"ackIds": [received["ackId"]]}, timeout=SECONDS)
    fake.advance(60)
    assert requests.post(f"{url}:pull", json={"maxMessages": 10}, timeout=SECONDS).json() == {}


def test_changes_are_pushed_until_they_are_taken(fake: FakeGcs, bucket: Any) -> None:
    fake.notify("files")
    # A place that answers 403 and one that answers 404 are at hand; neither takes the message.
    refused = fake.push_to(f"{fake.url}/files/nobody", email="push@demo.iam.gserviceaccount.com")
    bucket.blob("a").upload_from_string(b"x")
    while fake.pushes[0].answers[403] < 3:
        assert not refused.wait_until_empty(0.05)
    refused.config["pushConfig"]["pushEndpoint"] = f"{fake.url}/token"
    assert refused.wait_until_empty(SECONDS)
    assert fake.pushes[0].answers[200] == 1


def test_all_who_need_a_key_first_get_the_same() -> None:
    name = f"key-{uuid.uuid4()}"
    keys = at_once(8, lambda _: private_key(name))
    assert {id(key) for key in keys} == {id(private_key(name))}
