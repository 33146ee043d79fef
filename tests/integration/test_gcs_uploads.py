"""Bytes go from the client straight to Cloud Storage, the service hears of it by a push, and the file is processed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.adapters.gcs_buckets import running_fake
from tests.cores import call
from tests.fakes.gcs import FakeGcs
from tests.integration.gcs_service import PUSHER, WAIT_SECONDS, GcsService, put
from tests.integration.resuming import Sender
from tests.scale import NIGHTLY

MIB = 1024 * 1024
BIG = 300_000_000 if NIGHTLY else 24_000_000


@pytest.fixture(scope="module")
def google() -> Iterator[FakeGcs]:
    with running_fake() as fake:
        fake.notify("files", object_name_prefix="media/")
        yield fake


@pytest.fixture(scope="module")
def service(google: FakeGcs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsService]:
    with GcsService(tmp_path_factory.mktemp("up"), "gs://files/media", google.url, google) as service:
        # Three subscriptions of one topic: each notification comes three times.
        for number in range(3):
            google.push_to(service.webhook, name=f"push{number}", email=PUSHER)
        yield service


def content_of(size: int, seed: int) -> bytes:
    """Bytes of which no two mebibytes are the same."""
    block = random.Random(seed).randbytes(MIB - 8)
    return b"".join(number.to_bytes(8, "big") + block for number in range(-(-size // MIB)))[:size]


def test_a_big_file_survives_cut_connections_and_a_lost_answer(google: FakeGcs, service: GcsService) -> None:
    content = content_of(BIG, 1)
    record = service.declare(content)
    upload = record["parts"][0]["upload"]
    assert (upload["protocol"], upload["method"]) == ("resumable", "PUT")
    google.faults.cut_upload_at(BIG // 6 // MIB * MIB + 1, BIG // 5 * 2 + 77, BIG // MIB // 10 * 9 * MIB)
    google.faults.lose_final_answer()

    sender = Sender(upload, content)
    sender.send()

    assert (google.faults.left, sender.interruptions) == (0, 4)
    assert service.assert_completed_once(record["file_id"], content)["size"] == BIG


def test_a_big_file_comes_by_a_single_signed_request(service: GcsService) -> None:
    content = content_of(BIG, 2)
    record = service.declare(content, resumable=False)
    upload = record["parts"][0]["upload"]
    assert upload["protocol"] == "put"
    put(upload, content)
    service.assert_completed_once(record["file_id"], content)
    # The address is good for nothing more.
    again = requests.put(upload["url"], headers=upload["headers"], data=content, timeout=WAIT_SECONDS)
    assert again.status_code == 412


@pytest.mark.parametrize("seed", [3, 4])
def test_parts_come_in_any_order_by_both_ways_and_complete_the_file_once(service: GcsService, seed: int) -> None:
    dice = random.Random(seed)
    contents = [content_of(size, seed * 100 + size) for size in (1, 300_000, 1_000_001, 17, 262_144)]
    record = service.declare(*contents, resumable=bool(seed % 2))
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
    processed = service.assert_completed_once(record["file_id"], *contents)
    assert all(part["received_at"] for part in processed["parts"])


def test_other_bytes_than_declared_are_refused_where_they_arrive(google: FakeGcs, service: GcsService) -> None:
    content = content_of(500_000, 5)
    wrong = content[:-1] + bytes([content[-1] ^ 1])
    record = service.declare(content)
    sender = Sender(record["parts"][0]["upload"], wrong)
    with pytest.raises(AssertionError, match="400"):
        sender.send()
    assert f"media/{record['parts'][0]['key']}" not in google.objects.bucket("files").objects
    [again] = service.declare(content, request_id=record["file_id"])["parts"]
    Sender(again["upload"], content).send()


def test_no_log_has_the_address_of_an_upload(google: FakeGcs, service: GcsService) -> None:
    sent = service.declare(b"sent")
    Sender(sent["parts"][0]["upload"], b"sent").send()
    service.assert_completed_once(sent["file_id"], b"sent")
    record = service.declare(b"first", b"second")
    call(service.core, "files.upload", owner="ann", name="x", parts=[{"size": 1}], resumable=False)
    log = service.process.log()
    assert "/webhooks/gcs/pubsub" in log
    sessions = list(google.sessions.sessions.values())
    assert sessions
    assert not any(session.id in log for session in sessions)
    assert record["parts"][0]["upload"]["url"] not in log
    assert "X-Goog-Signature=" not in log.replace("X-Goog-Signature=***", "")
