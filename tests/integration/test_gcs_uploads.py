"""Bytes go from the client straight to Cloud Storage, the service hears of it by a push, and the file is processed."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from files_service.core import Core, open_core
from storage_adapters import JSON
from tests.adapters.gcs_buckets import ACCESS_ID, SECRET, running_fake
from tests.cores import announced, call, settings_for
from tests.fakes.gcs import FakeGcs
from tests.integration.resuming import Sender
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess

MIB = 1024 * 1024
BIG = 300_000_000
PUSHER = "pusher@demo.iam.gserviceaccount.com"
WAIT_SECONDS = 90
WEBHOOK = "/webhooks/gcs/pubsub"


class Service:
    """``files up`` beside a bucket, and a second look at its stores."""

    def __init__(self, folder: Path, google: FakeGcs) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        environ = {
            "FILES_HTTP": f"127.0.0.1:{port}",
            "FILES_BLOBS_URL": "gs://files/media",
            "STORAGE_EMULATOR_HOST": google.url,
            "FILES_GCS_HMAC_ACCESS_ID": ACCESS_ID,
            "FILES_GCS_HMAC_SECRET": SECRET,
            "FILES_WEBHOOK_EMAIL": PUSHER,
            "FILES_WEBHOOK_AUDIENCE": f"{self.url}{WEBHOOK}",
            "FILES_WEBHOOK_CERTS_URL": f"{google.url}/oauth2/v3/certs",
            # What the tests wait for comes by notification, not by the sweeper.
            "FILES_LOG_LEVEL": "DEBUG",
        }
        command = ("-m", "files_service.cli", "--config", "{config}", "up")
        self.process = ServiceProcess(
            folder,
            "",
            command=command,
            ready=("ready http", 1),
            environ=environ,
            FILES={"sweep_interval_seconds": 3_600},
        )
        self.core: Core = open_core(settings_for(self.process.data_dir, **environ))

    def wait_until_processed(self, file_id: str) -> JSON:
        """Wait for the notification and the processing that follows."""
        deadline = time.monotonic() + WAIT_SECONDS
        while (record := call(self.core, "files.info", file_id=file_id))["status"] != "processed":
            assert time.monotonic() < deadline, (record, self.process.log()[-6_000:])
            time.sleep(0.05)
        return record


@pytest.fixture(scope="module")
def google() -> Iterator[FakeGcs]:
    with running_fake() as fake:
        fake.notify("files", object_name_prefix="media/")
        yield fake


@pytest.fixture(scope="module")
def service(google: FakeGcs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("up"), google)
    with running.process:
        # Three subscriptions of one topic: each notification comes three times.
        for number in range(3):
            google.push_to(f"{running.url}{WEBHOOK}", name=f"push{number}", email=PUSHER)
        yield running
        running.core.close()


def content_of(size: int, seed: int) -> bytes:
    """Bytes of which no two mebibytes are the same."""
    block = random.Random(seed).randbytes(MIB - 8)
    return b"".join(number.to_bytes(8, "big") + block for number in range(-(-size // MIB)))[:size]


def declare(service: Service, *contents: bytes, **params: Any) -> JSON:
    parts = [
        {"size": len(each), "content_type": "video/mp4", "md5": hashlib.md5(each, usedforsecurity=False).hexdigest()}
        for each in contents
    ]
    return call(service.core, "files.upload", owner="ann", name="film.mp4", parts=parts, **params)


def assert_downloads(service: Service, file_id: str, *contents: bytes) -> None:
    urls = call(service.core, "files.download", file_id=file_id)["urls"]
    for url, content in zip(urls, contents, strict=True):
        answer = requests.get(url, timeout=WAIT_SECONDS)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


def put(upload: JSON, content: bytes) -> None:
    answer = requests.request(
        upload["method"], upload["url"], headers=upload["headers"], data=content, timeout=WAIT_SECONDS
    )
    assert answer.status_code == 200, answer.text


def test_a_big_file_survives_cut_connections_and_a_lost_answer(google: FakeGcs, service: Service) -> None:
    content = content_of(BIG, 1)
    record = declare(service, content)
    upload = record["parts"][0]["upload"]
    assert (upload["protocol"], upload["method"]) == ("resumable", "PUT")
    google.faults.cut_upload_at(50 * MIB + 1, 120 * MIB + 77, 280 * MIB)
    google.faults.lose_final_answer()

    sender = Sender(upload, content)
    sender.send()

    assert (google.faults.left, sender.interruptions) == (0, 4)
    processed = service.wait_until_processed(record["file_id"])
    assert processed["size"] == BIG
    assert announced(service.core, record["file_id"]) == ["created", "uploaded", "processed"]
    assert_downloads(service, record["file_id"], content)


def test_a_big_file_comes_by_a_single_signed_request(service: Service) -> None:
    content = content_of(BIG, 2)
    record = declare(service, content, resumable=False)
    upload = record["parts"][0]["upload"]
    assert upload["protocol"] == "put"
    put(upload, content)
    service.wait_until_processed(record["file_id"])
    assert announced(service.core, record["file_id"]) == ["created", "uploaded", "processed"]
    assert_downloads(service, record["file_id"], content)
    # The address is good for nothing more.
    again = requests.put(upload["url"], headers=upload["headers"], data=content, timeout=WAIT_SECONDS)
    assert again.status_code == 412


@pytest.mark.parametrize("seed", [3, 4])
def test_parts_come_in_any_order_by_both_ways_and_complete_the_file_once(service: Service, seed: int) -> None:
    dice = random.Random(seed)
    contents = [content_of(size, seed * 100 + size) for size in (1, 300_000, 1_000_001, 17, 262_144)]
    record = declare(service, *contents, resumable=bool(seed % 2))
    order = list(range(len(contents)))
    dice.shuffle(order)

    def bring(index: int) -> None:
        upload = record["parts"][index]["upload"]
        if upload["protocol"] == "put":
            put(upload, contents[index])
        else:
            Sender(upload, contents[index]).send()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(bring, order))
    processed = service.wait_until_processed(record["file_id"])
    assert all(part["received_at"] for part in processed["parts"])
    assert announced(service.core, record["file_id"]) == ["created", "uploaded", "processed"]
    assert_downloads(service, record["file_id"], *contents)


def test_other_bytes_than_declared_are_refused_where_they_arrive(google: FakeGcs, service: Service) -> None:
    content = content_of(500_000, 5)
    wrong = content[:-1] + bytes([content[-1] ^ 1])
    record = declare(service, content)
    sender = Sender(record["parts"][0]["upload"], wrong)
    with pytest.raises(AssertionError, match="400"):
        sender.send()
    assert f"media/{record['parts'][0]['key']}" not in google.objects.bucket("files").objects
    [again] = declare(service, content, request_id=record["file_id"])["parts"]
    Sender(again["upload"], content).send()


def test_no_log_has_the_address_of_an_upload(google: FakeGcs, service: Service) -> None:
    record = declare(service, b"first", b"second")
    call(service.core, "files.upload", owner="ann", name="x", parts=[{"size": 1}], resumable=False)
    log = service.process.log()
    assert "/webhooks/gcs/pubsub" in log
    for session in list(google.sessions.sessions.values()):
        assert session.id not in log
    assert record["parts"][0]["upload"]["url"] not in log
    assert "X-Goog-Signature=" not in log.replace("X-Goog-Signature=***", "")
