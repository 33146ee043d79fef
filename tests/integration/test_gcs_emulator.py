"""Uploads through the emulator of Cloud Storage, whose notifications are sent for it, three times each."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Self

import pytest
import requests

from storage_adapters import JSON
from tests.fakes.gcs.server import FakeGcs
from tests.fakes.pubsub.notices import message, unwrapped, wrapped
from tests.integration.gcs_service import PUSHER, GcsService, put
from tests.integration.resuming import Sender
from tests.scale import NIGHTLY
from tests.servers.gcs_emulator import GcsEmulator
from tests.servers.network import Network
from tests.waiting import PATIENCE_SECONDS

MIB = 2**20
BIG = 300_000_000 if NIGHTLY else 24_000_000
CHUNK = BIG // 9 // MIB * MIB
TIMES = 3


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
        self._thread.join(PATIENCE_SECONDS)

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
        token = self._google.tokens.id_token(email=PUSHER, audience=self._url)
        notice = message(resource, message_id=f"{resource['generation']}-{number}")
        body, headers = unwrapped(notice) if number % 2 else (wrapped(notice), {"Content-Type": "application/json"})
        answer = requests.post(self._url, body, headers={**headers, "Authorization": f"Bearer {token}"}, timeout=60)
        self.statuses.append(answer.status_code)


@pytest.fixture(scope="module")
def emulator() -> Iterator[GcsEmulator]:
    with GcsEmulator() as emulator:
        yield emulator


@pytest.fixture(scope="module")
def network(emulator: GcsEmulator) -> Iterator[Network]:
    with Network(emulator.url) as network:
        yield network


@pytest.fixture(scope="module")
def service(emulator: GcsEmulator, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GcsService]:
    with (
        FakeGcs() as google,
        emulator.bucket() as bucket,
        GcsService(tmp_path_factory.mktemp("up"), f"gs://{bucket}", network.url, google) as service,
        Relay(f"{emulator.url}/storage/v1/b/{bucket}", google, service.webhook) as relay,
    ):
        yield service
        assert set(relay.statuses) == {204}


@pytest.mark.timeout(900)
def test_a_big_file_survives_cut_connections_and_a_lost_answer(network: Network, service: GcsService) -> None:
    content = random.Random(1).randbytes(MIB) * (BIG // MIB) + b"end"
    record = service.declare(content)
    upload = record["parts"][0]["upload"]
    assert upload["protocol"] == "resumable"
    network.cuts.extend(network.sent + place for place in (BIG // 6, BIG // 5 * 2, BIG // 6 * 5))
    network.lose_answer.set()
    sender = Sender(upload, content, chunk=CHUNK)
    # The emulator knows nothing of a session that is complete, where Cloud Storage would answer with the object.
    with pytest.raises(AssertionError, match="404"):
        sender.send()
    assert (list(network.cuts), network.lose_answer.is_set(), sender.interruptions) == ([], False, 4)
    service.assert_completed_once(record["file_id"], content)


@pytest.mark.timeout(900)
def test_a_big_file_comes_by_a_single_signed_request(service: GcsService) -> None:
    content = random.Random(2).randbytes(MIB) * (BIG // MIB) + b"end"
    record = service.declare(content, resumable=False)
    assert record["parts"][0]["upload"]["protocol"] == "put"
    put(record["parts"][0]["upload"], content)
    service.assert_completed_once(record["file_id"], content)


@pytest.mark.parametrize("resumable", [True, False])
def test_parts_in_any_order_complete_the_file_once(service: GcsService, resumable: bool) -> None:
    dice = random.Random(3)
    contents = [dice.randbytes(size) for size in (1, 300_000, MIB + 1, 17, 262_144)]
    record = service.declare(*contents, resumable=resumable)
    order = list(zip(record["parts"], contents, strict=True))
    dice.shuffle(order)
    for part, content in order:
        if resumable:
            Sender(part["upload"], content).send()
        else:
            put(part["upload"], content)
    service.assert_completed_once(record["file_id"], *contents)
