"""Notifications that the worker pulls: settled, acknowledged, or handed out again."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from files_service.core import Core
from files_service.messaging.events import LogPublisher
from files_service.runtime.metrics import Metrics
from files_service.services.opening import open_core
from files_service.worker import puller as pull
from files_service.worker.puller import Puller
from files_service.worker.run import Worker
from storage_adapters import (
    JSON,
    NotificationQueue,
    Pulled,
    QueueOptions,
    StorageUnavailable,
    UnknownStore,
    open_notification_queue,
)
from storage_adapters.notifications.pubsub import rest
from tests.cores import announced, call, pending_file, settings_for
from tests.fakes.gcs.server import PROJECT, FakeGcs
from tests.fakes.pubsub.notices import description, message
from tests.gateway.serving import wait_until
from tests.waiting import PATIENCE_SECONDS

TOPIC = f"{PROJECT}/topics/files"
URL = "pubsub://demo/pull"


@pytest.fixture
def google() -> Iterator[FakeGcs]:
    with FakeGcs() as fake:
        fake.pubsub.make_topic(TOPIC)
        fake.pull_from()
        yield fake


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    settings = settings_for(tmp_path, FILES_METADATA_URL="memory://", FILES_BLOBS_URL="memory://?bucket=files")
    core = open_core(settings)
    yield core
    core.close()


@pytest.fixture
def queue(google: FakeGcs) -> Iterator[NotificationQueue]:
    queue = open_notification_queue(URL, QueueOptions(emulator_host=google.url.removeprefix("http://")))
    yield queue
    queue.close()


@pytest.fixture
def puller(core: Core, queue: NotificationQueue) -> Iterator[Puller]:
    puller = Puller(core, queue, Metrics())
    yield puller
    puller.close()


def publish(google: FakeGcs, value: JSON) -> None:
    google.pubsub.publish(TOPIC, value["attributes"], base64.b64decode(value["data"]))


def waiting(google: FakeGcs) -> int:
    return len(google.pubsub.subscriptions[f"{PROJECT}/subscriptions/pull"].waiting)


def status(core: Core, record: JSON) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def test_what_is_pulled_is_settled_and_acknowledged(core: Core, google: FakeGcs, puller: Puller) -> None:
    record = pending_file(core, b"one", b"two")
    blobs = [description(part["key"], content) for part, content in zip(record["parts"], (b"one", b"two"), strict=True)]
    for blob in (blobs[1], blobs[0], blobs[1], {**blobs[0], "bucket": "another"}):
        publish(google, message(blob))
    publish(google, message(blobs[0], data=b"{"))
    assert puller.step() == 0
    assert waiting(google) == 0
    assert announced(core) == ["created", "uploaded"]
    assert puller.step() > 0


def test_what_could_not_be_settled_comes_again(
    core: Core, google: FakeGcs, puller: Puller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pull, "RETRY_SECONDS", 0)
    record = pending_file(core)
    publish(google, message(description(record["parts"][0]["key"], b"content")))

    def away(*_args: object, **_more: object) -> Any:
        raise StorageUnavailable("no answer")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(core.metadata, "get", away)
        puller.step()
    assert waiting(google) == 1
    assert "delayed" in caplog.text
    puller.step()
    assert (waiting(google), status(core, record)) == (0, "uploaded")


def test_a_message_that_takes_long_is_kept(
    core: Core, google: FakeGcs, puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pull, "EXTEND_EVERY_SECONDS", 0.0)
    record = pending_file(core)
    publish(google, message(description(record["parts"][0]["key"], b"content")))
    go_on = threading.Event()
    real = core.metadata.get

    def slow(file_id: str) -> Any:
        assert go_on.wait(PATIENCE_SECONDS)
        return real(file_id)

    monkeypatch.setattr(core.metadata, "get", slow)
    step = threading.Thread(target=puller.step)
    step.start()
    wait_until(lambda: google.requests("POST", "modifyAckDeadline") >= 2)
    go_on.set()
    step.join(PATIENCE_SECONDS)
    assert (waiting(google), status(core, record)) == (0, "uploaded")


def test_a_worker_that_stops_gives_back_what_it_has_not_begun_with(core: Core) -> None:
    stopping = threading.Event()
    record = pending_file(core)
    blob = message(description(record["parts"][0]["key"], b"content"))

    class Queue(NotificationQueue):
        """Hands out a hundred messages, and is told what became of them."""

        acknowledged: Sequence[str] = ()
        given_back: Sequence[str] = ()

        def pull(self, limit: int) -> list[Pulled]:
            stopping.set()
            return [Pulled(receipt=str(number), message=blob) for number in range(limit)]

        def acknowledge(self, receipts: Sequence[str]) -> None:
            self.acknowledged = receipts

        def extend(self, receipts: Sequence[str], *, seconds: int) -> None:
            assert seconds == 0
            self.given_back = receipts

        def ping(self) -> None:
            pass

        def close(self) -> None:
            pass

    queue = Queue()
    puller = Puller(core, queue, Metrics(), stopped=stopping.is_set)
    puller.step()
    puller.close()
    assert sorted([*queue.acknowledged, *queue.given_back]) == sorted(str(number) for number in range(pull.BATCH))


def test_a_worker_with_a_queue_pulls_and_stops(core: Core, google: FakeGcs, queue: NotificationQueue) -> None:
    metrics = Metrics()
    worker = Worker(core, LogPublisher(), queue=queue, metrics=metrics)
    worker.start()
    record = pending_file(core)
    core.blobs.put(record["parts"][0]["key"], [b"content"], content_type="x/y", now=1)
    for _ in range(3):
        publish(google, message(description(record["parts"][0]["key"], b"content")))
    wait_until(lambda: status(core, record) == "processed" and waiting(google) == 0)
    assert worker.stop(PATIENCE_SECONDS)
    assert announced(core) == ["created", "uploaded", "processed"]
    assert b'files_notifications_total{outcome="duplicate",source="pull"} 2.0' in metrics.exposition()


def test_a_subscription_that_does_not_exist_or_answer_is_a_store_that_is_away(
    google: FakeGcs, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = open_notification_queue("pubsub://demo/other", QueueOptions(emulator_host=google.url))
    for ask in (queue.ping, lambda: queue.pull(1)):
        with pytest.raises(StorageUnavailable, match="not found"):
            ask()
    google.faults.fail(503, times=1_000)
    monkeypatch.setattr(rest, "REPEAT_SECONDS", 0.1)
    with pytest.raises(StorageUnavailable, match="503"):
        queue.ping()
    queue.close()
    nobody = open_notification_queue(URL, QueueOptions(emulator_host="127.0.0.1:1"))
    with pytest.raises(StorageUnavailable, match="ConnectionError"):
        nobody.pull(1)
    nobody.close()


def test_without_credentials_the_queue_is_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "missing.json"))
    queue = open_notification_queue(URL, QueueOptions())
    with pytest.raises(StorageUnavailable, match="credentials"):
        queue.ping()
    queue.close()


@pytest.mark.parametrize(
    "url", ["pubsub://", "pubsub://demo", "pubsub://demo/a/b", "pubsub://demo/pull?x=1", "amqp://x/y", "pull"]
)
def test_a_url_of_no_queue_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        open_notification_queue(url, QueueOptions())
