"""Uploads through the emulator of Cloud Storage, whose notifications are sent for it, three times each."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest
import requests

from files_service.core import Core, open_core
from storage_adapters import JSON
from tests.cores import announced, call, settings_for
from tests.fakes.gcs.server import FakeGcs
from tests.fakes.pubsub.notices import message, unwrapped, wrapped
from tests.integration.resuming import Sender
from tests.servers.gcs_emulator import GcsEmulator
from tests.servers.network import Network
from tests.servers.ports import free_ports
from tests.servers.processes import ServiceProcess

MIB = 2**20
BIG = 300_000_000
CHUNK = 32 * MIB
TIMES = 3
WAIT_SECONDS = 120
EMAIL = "pusher@demo.iam.gserviceaccount.com"
WEBHOOK = "/webhooks/gcs/pubsub"


class Relay:
    """Looks for new objects, and pushes a notification of each, in any order, several times and in both forms."""

    def __init__(self, bucket_url: str, google: FakeGcs, url: str) -> None:
        self.statuses: list[int] = []
        self._bucket_url, self._google, self._url = bucket_url, google, url
        self._told: set[tuple[str, str]] = set()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(60)

    def _run(self) -> None:
        while not self._stopped.wait(0.1):
            listed = requests.get(f"{self._bucket_url}/o", timeout=60).json().get("items", [])
            found = [each for each in listed if (each["name"], each["generation"]) not in self._told]
            self._told |= {(each["name"], each["generation"]) for each in found}
            deliveries = found * TIMES
            random.Random(7).shuffle(deliveries)
            for number, resource in enumerate(deliveries):
                self._push(resource, number)

    def _push(self, resource: JSON, number: int) -> None:
        token = self._google.tokens.id_token(email=EMAIL, audience=self._url)
        notice = message(resource, message_id=f"{resource['generation']}-{number}")
        body, headers = unwrapped(notice) if number % 2 else (wrapped(notice), {"Content-Type": "application/json"})
        answer = requests.post(self._url, body, headers={**headers, "Authorization": f"Bearer {token}"}, timeout=60)
        self.statuses.append(answer.status_code)


class Service:
    """``files up`` beside the emulator, and a second look at its stores."""

    def __init__(self, folder: Path, bucket: str, network: Network, google: FakeGcs) -> None:
        [port] = free_ports(1)
        self.webhook = f"http://127.0.0.1:{port}{WEBHOOK}"
        environ = {
            "FILES_HTTP": f"127.0.0.1:{port}",
            "FILES_BLOBS_URL": f"gs://{bucket}",
            "STORAGE_EMULATOR_HOST": network.url,
            "FILES_GCS_HMAC_ACCESS_ID": "GOOG1EEXAMPLEACCESSID",
            "FILES_GCS_HMAC_SECRET": "not-a-secret-but-forty-characters-long-0",
            "FILES_WEBHOOK_EMAIL": EMAIL,
            "FILES_WEBHOOK_CERTS_URL": f"{google.url}/oauth2/v3/certs",
        }
        self.process = ServiceProcess(
            folder,
            "",
            command=("-m", "files_service.cli", "--config", "{config}", "up"),
            ready=("ready http", 1),
            environ=environ,
            # What the tests wait for comes by notification, not by the sweeper.
            FILES={"sweep_interval_seconds": 3_600},
        )
        self.core: Core = open_core(settings_for(self.process.data_dir, **environ))

    def wait_until_processed(self, file_id: str) -> JSON:
        deadline = time.monotonic() + WAIT_SECONDS
        while (record := call(self.core, "files.info", file_id=file_id))["status"] != "processed":
            assert time.monotonic() < deadline, (record, self.process.log()[-6_000:])
            time.sleep(0.05)
        return record


@pytest.fixture(scope="module")
def emulator() -> Iterator[GcsEmulator]:
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def network(emulator: GcsEmulator) -> Iterator[Network]:
    with Network(emulator.url) as network:
        yield network


@pytest.fixture(scope="module")
def service(emulator: GcsEmulator, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with FakeGcs() as google, emulator.bucket() as bucket, ExitStack() as stack:
        service = Service(tmp_path_factory.mktemp("up"), bucket, network, google)
        stack.callback(service.core.close)
        stack.enter_context(service.process)
        relay = stack.enter_context(Relay(f"{emulator.url}/storage/v1/b/{bucket}", google, service.webhook))
        yield service
        assert set(relay.statuses) == {204}


def declare(service: Service, *contents: bytes, resumable: bool = True) -> JSON:
    parts = [
        {"size": len(each), "md5": hashlib.md5(each, usedforsecurity=False).hexdigest(), "content_type": "video/mp4"}
        for each in contents
    ]
    return call(service.core, "files.upload", owner="ann", name="film.mp4", parts=parts, resumable=resumable)


def put(upload: JSON, content: bytes) -> None:
    answer = requests.request(upload["method"], upload["url"], headers=upload["headers"], data=content, timeout=60)
    assert answer.status_code == 200, answer.text


def assert_completed_once(service: Service, file_id: str, *contents: bytes) -> None:
    service.wait_until_processed(file_id)
    assert announced(service.core, file_id) == ["created", "uploaded", "processed"]
    urls = call(service.core, "files.download", file_id=file_id)["urls"]
    for url, content in zip(urls, contents, strict=True):
        answer = requests.get(url, timeout=60)
        assert answer.status_code == 200
        assert hashlib.sha256(answer.content).digest() == hashlib.sha256(content).digest()


@pytest.mark.timeout(300)
def test_a_big_file_survives_cut_connections_and_a_lost_answer(network: Network, service: Service) -> None:
    content = random.Random(1).randbytes(MIB) * (BIG // MIB) + b"end"
    record = declare(service, content)
    upload = record["parts"][0]["upload"]
    assert upload["protocol"] == "resumable"
    network.cuts.extend(network.sent + place for place in (50 * MIB, 120 * MIB, 250 * MIB))
    network.lose_answer.set()
    sender = Sender(upload, content, chunk=CHUNK)
    # The emulator knows nothing of a session that is complete, where Cloud Storage would answer with the object.
    with pytest.raises(AssertionError, match="404"):
        sender.send()
    assert (list(network.cuts), network.lose_answer.is_set(), sender.interruptions) == ([], False, 4)
    assert_completed_once(service, record["file_id"], content)


@pytest.mark.timeout(300)
def test_a_big_file_comes_by_a_single_signed_request(service: Service) -> None:
    content = random.Random(2).randbytes(MIB) * (BIG // MIB) + b"end"
    record = declare(service, content, resumable=False)
    assert record["parts"][0]["upload"]["protocol"] == "put"
    put(record["parts"][0]["upload"], content)
    assert_completed_once(service, record["file_id"], content)


@pytest.mark.parametrize("resumable", [True, False])
def test_parts_in_any_order_complete_the_file_once(service: Service, resumable: bool) -> None:
    dice = random.Random(3)
    contents = [dice.randbytes(size) for size in (1, 300_000, MIB + 1, 17, 262_144)]
    record = declare(service, *contents, resumable=resumable)
    order = list(zip(record["parts"], contents, strict=True))
    dice.shuffle(order)
    for part, content in order:
        if resumable:
            Sender(part["upload"], content).send()
        else:
            put(part["upload"], content)
    assert_completed_once(service, record["file_id"], *contents)
