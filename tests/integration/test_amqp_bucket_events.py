"""Events of a bucket in a queue of a real broker: applied, repeated, delayed, given up."""

from __future__ import annotations

import json
import logging
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from amqp.basic_message import Message

from files_service.cli.queues import open_queue
from files_service.cli.session import Failed
from files_service.core import Core
from files_service.messaging import bucket_events
from files_service.messaging.address import open_connection
from files_service.messaging.bucket_events import BucketEvents
from files_service.runtime.metrics import Metrics
from files_service.services.opening import open_core
from files_service.worker import puller as pull
from files_service.worker.puller import Puller
from storage_adapters import JSON, StorageUnavailable
from tests.cores import announced, call, pending_file, settings_for
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import RabbitMQ
from tests.waiting import PATIENCE_SECONDS, wait_until

BUCKET = "files"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    settings = settings_for(tmp_path, FILES_METADATA_URL="memory://", FILES_BLOBS_URL=f"memory://?bucket={BUCKET}")
    with closing(open_core(settings)) as core:
        yield core


class Bucket:
    """A queue of one test at a broker, and who sends to it as MinIO does."""

    def __init__(self, uri: str) -> None:
        self.name = self.exchange = f"bucket-{uuid.uuid4().hex}"
        self.url = f"broker://{self.name}?exchange={self.exchange}"
        self.uri = uri
        with closing(self.queue()) as queue:
            # Made and bound before the first event.
            queue.ping()

    def queue(self, queue_type: str = "classic") -> BucketEvents:
        return BucketEvents.from_url(self.url, self.uri, queue_type=queue_type)

    def send(self, *bodies: bytes) -> None:
        """Publish, and again what the broker has no way for.

        RabbitMQ 3.10 accepts connections a moment before the bindings of its topic exchanges are back after a kill.
        """
        returned: list[bytes] = []
        with closing(open_connection(self.uri)) as connection:
            channel = connection.channel()
            channel.confirm_select()
            channel.events["basic_return"].add(lambda _error, _exchange, _key, message: returned.append(message.body))

            def publish(body: bytes) -> bool:
                returned.clear()
                message = Message(body, delivery_mode=2, content_type="application/json")
                channel.basic_publish_confirm(message, exchange=self.exchange, routing_key="bucketlogs", mandatory=True)
                return not returned

            for body in bodies:
                wait_until(partial(publish, body), seconds=PATIENCE_SECONDS)

    @property
    def waiting(self) -> int:
        """Messages that no consumer has."""
        with closing(open_connection(self.uri)) as connection:
            return int(connection.channel().queue_declare(self.name, passive=True).message_count)


@pytest.fixture
def bucket(amqp_uri: str) -> Bucket:
    return Bucket(amqp_uri)


@pytest.fixture
def queue(bucket: Bucket) -> Iterator[BucketEvents]:
    with closing(bucket.queue()) as queue:
        yield queue


@pytest.fixture
def puller(core: Core, queue: BucketEvents) -> Iterator[Puller]:
    with closing(Puller(core, queue, Metrics())) as puller:
        yield puller


def event_of(key: str, kind: str = "s3:ObjectCreated:Put", bucket: str = BUCKET) -> bytes:
    described = {"bucket": {"name": bucket}, "object": {"key": key}}
    return json.dumps({"EventName": kind, "Key": key, "Records": [{"eventName": kind, "s3": described}]}).encode()


def stored(core: Core, content: bytes = b"content") -> JSON:
    """A file whose bytes are in the bucket, and of which the service has not heard."""
    record = pending_file(core, content)
    core.blobs.put(record["parts"][0]["key"], [content], content_type="text/plain", now=core.clock())
    return record


def status(core: Core, record: JSON) -> str:
    found: str = call(core, "files.info", file_id=record["file_id"])["status"]
    return found


def step_until(puller: Puller, reached: Callable[[], bool]) -> None:
    """Step as the worker does, after errors too, until the condition holds."""

    def stepped() -> bool:
        with suppress(StorageUnavailable):
            puller.step()
        return reached()

    wait_until(stepped, seconds=PATIENCE_SECONDS)


def test_an_event_completes_a_file_and_its_repetitions_change_nothing(
    core: Core, bucket: Bucket, queue: BucketEvents, puller: Puller, caplog: pytest.LogCaptureFixture
) -> None:
    def outcomes() -> list[str]:
        return [each.outcome for each in caplog.records if hasattr(each, "outcome")]

    record = stored(core)
    key = record["parts"][0]["key"]
    foreign = [event_of(key, bucket="another"), event_of("elsewhere/x"), event_of(key, "s3:ObjectRemoved:Delete")]
    with caplog.at_level(logging.DEBUG, "files_service.services.notifications.outcomes"):
        bucket.send(*foreign, b"{", b"[]", event_of(key), event_of(key), event_of(key))
        step_until(puller, lambda: len(outcomes()) == 8 and queue.held == 0)
    assert announced(core) == ["created", "uploaded"]
    expected = {"completed": 1, "duplicate": 2, "foreign": 2, "other_event": 1, "malformed": 2}
    assert Counter(outcomes()) == expected
    assert bucket.waiting == 0


def test_an_event_that_fails_is_taken_again_later_and_longer_each_time(
    core: Core, bucket: Bucket, queue: BucketEvents, puller: Puller, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(queue, "_timer", lambda: now[0])
    record = stored(core)
    with monkeypatch.context() as patch:
        patch.setattr(core.metadata, "get", _away)
        bucket.send(event_of(record["parts"][0]["key"]))
        for pause in (0, pull.RETRY_SECONDS, 2 * pull.RETRY_SECONDS):
            if pause:
                now[0] += pause - 1
                assert queue.pull(1) == []
                now[0] += 1
            step_until(puller, lambda: queue.delayed == 1)
        assert bucket.waiting == 0
    now[0] += 4 * pull.RETRY_SECONDS
    step_until(puller, lambda: status(core, record) == "uploaded" and queue.held == 0)


def test_an_event_that_always_fails_is_given_up_and_holds_no_other_up(
    core: Core,
    bucket: Bucket,
    queue: BucketEvents,
    puller: Puller,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    monkeypatch.setattr(queue, "_timer", lambda: now[0])
    poison, record = stored(core), stored(core)
    get = core.metadata.get

    def away_for_one(file_id: str) -> Any:
        return _away() if file_id == poison["file_id"] else get(file_id)

    monkeypatch.setattr(core.metadata, "get", away_for_one)
    bucket.send(event_of(poison["parts"][0]["key"]), event_of(record["parts"][0]["key"]))
    step_until(puller, lambda: queue.delayed == 1 and status(core, record) == "uploaded")
    attempts = 1
    while queue.held:
        now[0] += bucket_events.LONGEST_PAUSE_SECONDS
        puller.step()
        attempts += 1
    assert attempts == bucket_events.ATTEMPTS
    assert bucket.waiting == 0
    assert "given up" in caplog.text


def test_what_a_process_has_when_it_ends_comes_to_another(core: Core, bucket: Bucket) -> None:
    record = stored(core)
    bucket.send(event_of(record["parts"][0]["key"]))
    with closing(bucket.queue()) as first:
        wait_until(lambda: len(first.pull(10)) == 1, seconds=PATIENCE_SECONDS)
    with closing(bucket.queue()) as second, closing(Puller(core, second, Metrics())) as puller:
        step_until(puller, lambda: status(core, record) == "uploaded")


def test_events_outlive_the_broker(core: Core, own_broker: RabbitMQ) -> None:
    bucket = Bucket(own_broker.uri)
    records = [stored(core, content) for content in (b"one", b"two")]
    with closing(bucket.queue()) as queue, closing(Puller(core, queue, Metrics())) as puller:
        bucket.send(event_of(records[0]["parts"][0]["key"]))
        wait_until(lambda: len(queue.pull(10)) == 1, seconds=PATIENCE_SECONDS)
        own_broker.kill()
        with pytest.raises(StorageUnavailable):
            queue.pull(1)
        own_broker.start()
        # A broker that is killed may lose a binding that was made a moment before; each connection makes it again.
        with closing(bucket.queue()) as another:
            another.ping()
        bucket.send(event_of(records[1]["parts"][0]["key"]))
        step_until(puller, lambda: {status(core, each) for each in records} == {"uploaded"})


def test_a_quorum_queue_bounds_deliveries(bucket: Bucket) -> None:
    name = f"quorum-{uuid.uuid4().hex}"
    with closing(BucketEvents.from_url(f"broker://{name}", bucket.uri, queue_type="quorum")) as queue:
        queue.ping()
        # Declared with other arguments: an operator hears of it.
        with closing(BucketEvents.from_url(f"broker://{name}", bucket.uri)) as other, pytest.raises(StorageUnavailable):
            other.ping()


@pytest.mark.parametrize(
    "url", ["broker://", "broker://a/b", "broker://a?exchange=", "broker://a?x=1", "broker://a b", "broker://a#b"]
)
def test_other_addresses_are_refused(tmp_path: Path, amqp_uri: str, url: str) -> None:
    settings = settings_for(tmp_path, FILES_NOTIFICATIONS_URL=url, AMQP_URI=amqp_uri)
    with pytest.raises(Failed, match="broker://QUEUE"):
        open_queue(settings)


def test_a_queue_needs_a_broker(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="AMQP_URI"):
        open_queue(settings_for(tmp_path, FILES_NOTIFICATIONS_URL="broker://events"))


def test_a_worker_completes_uploads_by_events(tmp_path: Path, bucket: Bucket, redis_url: str) -> None:
    environ = {"FILES_METADATA_URL": redis_url, "FILES_DATA_DIR": str(tmp_path), "FILES_NOTIFICATIONS_URL": bucket.url}
    command = ("-m", "files_service.cli", "--config", "{config}", "worker")
    with closing(open_core(settings_for(tmp_path, **environ))) as core:
        record = stored(core)
        bucket.send(event_of(record["parts"][0]["key"], bucket=core.blobs.bucket))
        with ServiceProcess(tmp_path / "worker", bucket.uri, command=command, environ=environ):
            wait_until(lambda: status(core, record) == "processed", seconds=PATIENCE_SECONDS)


def _away(*_args: object, **_more: object) -> Any:
    raise StorageUnavailable("no answer")
