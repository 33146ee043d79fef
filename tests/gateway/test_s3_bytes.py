"""A gateway whose bytes are in an S3 bucket: every door, and clients that send and read straight from the bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from files_service.services.cleaning import clean_early
from storage_adapters import JSON
from tests.cores import announced, call
from tests.gateway.owners import bearer
from tests.gateway.s3_cores import WEBHOOK_TOKEN, s3_core
from tests.gateway.serving import Reply, Served, serving
from tests.gateway.tus import file_id_of, made, patch
from tests.servers.seaweedfs import BUCKET, SeaweedFS

CONTENT = os.urandom(9_000_001)
TIMEOUT = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, seaweedfs: SeaweedFS) -> Iterator[Served]:
    with serving(s3_core(tmp_path_factory.mktemp("data"), seaweedfs.store_url())) as served:
        yield served


def declare(served: Served, content: bytes, **params: object) -> JSON:
    part = {"size": len(content), "content_type": "video/mp4", "sha256": hashlib.sha256(content).hexdigest()}
    record: JSON = served.result("files.upload", owner="ann", name="a b.mp4", parts=[part], **params)
    return record


def send_parts(upload: JSON, content: bytes) -> None:
    for part in upload["parts"]:
        piece = content[part["offset"] : part["offset"] + part["size"]]
        assert requests.put(part["url"], data=piece, timeout=TIMEOUT).status_code == 200


def notify(served: Served, body: object, token: str = f"Bearer {WEBHOOK_TOKEN}") -> Reply:
    headers = {"Authorization": token, "Content-Type": "application/json"}
    return served.request("POST", "/webhooks/s3", json.dumps(body).encode(), headers)


def event_of(served: Served, key: str, kind: str = "s3:ObjectCreated:Put", bucket: str = BUCKET) -> JSON:
    """What MinIO sends of an object; other fields of it are not looked at."""
    prefix = served.core.settings.blobs_url.split("/")[3].partition("?")[0]
    described = {"bucket": {"name": bucket}, "object": {"key": quote(f"{prefix}/{key}", safe=""), "size": 1}}
    return {"eventName": kind, "eventTime": "2026-01-02T03:04:05.000Z", "s3": described}


def assert_is(served: Served, file_id: str, content: bytes) -> None:
    """The file is processed, announced once, and its bytes come straight from the bucket."""
    assert served.result("files.process", file_id=file_id)["status"] == "processed"
    assert announced(served.core, file_id) == ["created", "uploaded", "processed"]
    [url] = served.result("files.download", file_id=file_id, attachment=True)["urls"]
    answer = requests.get(url, timeout=TIMEOUT)
    assert (answer.status_code, answer.content) == (200, content)
    assert "a%20b.mp4" in answer.headers["Content-Disposition"]


def test_a_big_file_goes_straight_to_the_bucket_in_parts(served: Served) -> None:
    content = os.urandom(20_000_000)
    record = declare(served, content)
    [part] = record["parts"]
    assert (part["upload"]["protocol"], len(part["upload"]["parts"])) == ("s3-multipart", 2)
    address = {"file_id": record["file_id"], "part_id": part["part_id"]}
    assert served.call("files.finish", **address).code == "not_found"
    send_parts(part["upload"], content)
    assert served.result("files.finish", **address)["status"] == "uploaded"
    assert served.result("files.finish", **address)["duplicate"]
    assert_is(served, record["file_id"], content)


def test_the_sweeper_completes_what_nobody_finished(served: Served) -> None:
    record = declare(served, CONTENT)
    send_parts(record["parts"][0]["upload"], CONTENT)
    dry = served.result("files.sync", older_than_seconds=0, dry_run=True)
    assert dry["finished"] == []
    assert served.result("files.sync", older_than_seconds=0)["finished"] == [record["file_id"]]
    assert_is(served, record["file_id"], CONTENT)


def test_addresses_of_a_removed_file_take_nothing_more_and_what_came_is_deleted(served: Served) -> None:
    record = declare(served, CONTENT)
    upload = record["parts"][0]["upload"]
    send_parts(upload, CONTENT)
    assert requests.get(upload["url"], timeout=TIMEOUT).status_code == 200
    served.result("files.remove", file_id=record["file_id"])
    clean_early(served.core, [record["file_id"]])
    for method, address in (("GET", upload["url"]), ("PUT", upload["parts"][0]["url"])):
        content = CONTENT[: upload["parts"][0]["size"]] if method == "PUT" else None
        assert requests.request(method, address, data=content, timeout=TIMEOUT).status_code == 404, method


def test_bytes_other_than_declared_fail_in_processing(served: Served) -> None:
    record = declare(served, CONTENT)
    [part] = record["parts"]
    send_parts(part["upload"], bytes(len(CONTENT)))
    served.result("files.finish", file_id=record["file_id"], part_id=part["part_id"])
    assert served.result("files.process", file_id=record["file_id"])["status"] == "failed"


def test_one_signed_request_is_bound_to_type_and_size_and_stores_once(served: Served) -> None:
    record = declare(served, CONTENT, resumable=False)
    [part] = record["parts"]
    upload = part["upload"]
    assert upload["protocol"] == "put"
    for headers, content, status in (
        ({**upload["headers"], "Content-Type": "text/html"}, CONTENT, 403),
        (upload["headers"], CONTENT + b"x", 403),
        ({name: value for name, value in upload["headers"].items() if name != "If-None-Match"}, CONTENT, 403),
        (upload["headers"], CONTENT, 200),
        (upload["headers"], CONTENT, 412),
    ):
        assert requests.put(upload["url"], headers=headers, data=content, timeout=TIMEOUT).status_code == status
    # The bucket tells of the same object several times, and of others.
    other = event_of(served, part["key"], "s3:ObjectRemoved:Delete")
    assert (
        notify(served, {"Records": [other, event_of(served, part["key"]), event_of(served, part["key"])]}).status == 204
    )
    assert_is(served, record["file_id"], CONTENT)


def test_the_filer_of_seaweedfs_tells_of_objects_too(served: Served) -> None:
    record = declare(served, b"content", resumable=False)
    [part] = record["parts"]
    upload = part["upload"]
    assert requests.put(upload["url"], headers=upload["headers"], data=b"content", timeout=TIMEOUT).status_code == 200
    prefix = served.core.settings.blobs_url.split("/")[3].partition("?")[0]
    entry = {"name": part["part_id"], "attributes": {"file_size": 7, "mtime": 1_700_000_000}}
    event = {"event_type": "create", "message": {"new_entry": entry}}
    folder = {"event_type": "create", "message": {"new_entry": {"name": prefix, "is_directory": True}}}
    assert notify(served, {**folder, "key": f"/buckets/{BUCKET}/{prefix}"}).status == 204
    assert notify(served, {**event, "key": f"/buckets/{BUCKET}/{prefix}/{part['key']}"}).status == 204
    assert_is(served, record["file_id"], b"content")


def test_only_the_bucket_may_tell(served: Served) -> None:
    record = declare(served, b"content", resumable=False)
    body = {"Records": [event_of(served, record["parts"][0]["key"])]}
    for token in ("", "Bearer ", f"Bearer {WEBHOOK_TOKEN}x", f"bearer {WEBHOOK_TOKEN}", "Bearer é"):
        assert notify(served, body, token).code == "forbidden"
    assert notify(served, body, WEBHOOK_TOKEN).status == 204
    assert call(served.core, "files.info", file_id=record["file_id"])["status"] == "pending"


def test_what_is_no_message_is_acknowledged_and_counted(served: Served) -> None:
    created = "s3:ObjectCreated:Put"
    bodies: list[object] = [[], {}, {"Records": []}, {"Records": [1]}, {"Records": [{"eventName": created}]}]
    bodies += [{"event_type": 1}, {"event_type": "create", "key": f"/buckets/{BUCKET}/a"}]
    for body in bodies:
        assert notify(served, body).status == 204
    text = served.request("GET", "/metrics").body.decode()
    assert f'files_notifications_total{{outcome="malformed",source="s3"}} {len(bodies)}.0' in text


def test_every_door_stores_in_the_bucket(served: Served) -> None:
    url = made(served, len(CONTENT))
    assert patch(served, url, 0, CONTENT[:5_000_000]).status == 204
    assert patch(served, url, 5_000_000, CONTENT[5_000_000:]).status == 204
    form = served.request(
        "POST", "/api/files/upload?name=b.mp4", CONTENT, {**bearer("ann"), "Content-Type": "video/mp4"}
    )
    assert form.status == 201
    for file_id in (file_id_of(url), form.json["file_id"]):
        assert served.result("files.process", file_id=file_id)["status"] == "processed"
        path = f"/api/files/{file_id}/download"
        whole = served.request("GET", path, headers=bearer("ann"))
        assert (whole.status, whole.body) == (200, CONTENT)
        ranged = served.request("GET", path, headers={**bearer("ann"), "Range": "bytes=4194300-4194310"})
        assert (ranged.status, ranged.body) == (206, CONTENT[4_194_300:4_194_311])
        served.result("files.remove", file_id=file_id)


def test_encrypted_bytes_pass_the_gateway_and_never_go_straight_to_the_bucket(tmp_path: Path, s3_url: str) -> None:
    keys = f"a:{base64.b64encode(secrets.token_bytes(32)).decode()}"
    with serving(s3_core(tmp_path, s3_url, FILES_ENCRYPTION_KEYS=keys)) as served:
        refused = served.call("files.upload", owner="ann", name="x", parts=[{"size": 1}])
        assert refused.code == "not_supported"
        url = made(served, 300_000)
        assert patch(served, url, 0, CONTENT[:300_000]).status == 204
        path = f"/api/files/{file_id_of(url)}/download"
        assert served.result("files.process", file_id=file_id_of(url))["status"] == "processed"
        assert served.request("GET", path, headers=bearer("ann")).body == CONTENT[:300_000]
    clear = s3_core(tmp_path / "other", s3_url)
    stored = [b"".join(clear.blobs.get(info.key)) for info in clear.blobs.scan(limit=100)]  # type: ignore[attr-defined]
    assert stored
    assert all(CONTENT[:1_000] not in each for each in stored)
    clear.close()
