"""Calls to Google's APIs that fail for the moment: what may be done twice is, within bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from storage_adapters import (
    DesiredState,
    NotificationQueue,
    QueueOptions,
    SetupStep,
    StorageUnavailable,
    open_notification_queue,
    set_up_notifications,
)
from storage_adapters.notifications.pubsub import rest
from tests.fakes.gcs.server import PROJECT, TOPIC
from tests.fakes.pubsub.admin import FakeCloud
from tests.fakes.pubsub.notices import description, message

PULL = f"{PROJECT}/subscriptions/pull"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "FIRST_PAUSE_SECONDS", 0.01)


@pytest.fixture
def queue(cloud: FakeCloud) -> Iterator[NotificationQueue]:
    cloud.pubsub.make_topic(TOPIC)
    cloud.pull_from()
    queue = open_notification_queue("pubsub://demo/pull", QueueOptions(emulator_host=cloud.url))
    yield queue
    queue.close()


def pulled(cloud: FakeCloud, queue: NotificationQueue) -> str:
    """The receipt of a message that waits to be acknowledged."""
    value = message(description("some/key", b"content"))
    cloud.pubsub.publish(TOPIC, value["attributes"], b"")
    [one] = queue.pull(10)
    return one.receipt


def set_up(cloud: FakeCloud) -> list[SetupStep]:
    wanted = DesiredState(
        bucket="files",
        prefix="",
        project="demo",
        topic="files",
        push_subscription="push",
        push_url="https://files.example.org/push",
        push_token="",
        push_email="pusher@demo.iam.gserviceaccount.com",
        push_audience="files",
        pull_subscription="pull",
        origins=("*",),
    )
    return list(
        set_up_notifications(wanted, dry_run=False, storage_emulator_host=cloud.url, pubsub_emulator_host=cloud.url)
    )


WRITES = [
    ("PATCH", "/b/files"),
    ("PUT", "/topics/files"),
    ("POST", "/topics/files:setIamPolicy"),
    ("POST", "/notificationConfigs"),
    ("PUT", "/subscriptions/push"),
    ("POST", "/subscriptions/push:setIamPolicy"),
]


@pytest.mark.parametrize("status", [0, 429, 503])
@pytest.mark.parametrize(("method", "path"), [*WRITES, ("GET", "/b/files"), ("GET", "/topics/files-dead")])
def test_a_step_that_fails_for_the_moment_is_taken_again(cloud: FakeCloud, method: str, path: str, status: int) -> None:
    # What was done and not told is found, and so not asked for a second time.
    cloud.faults.fail(status, times=2 if status else 1, method=method, part_of_path=path)
    assert [step for step in set_up(cloud) if step.state == "failed"] == []
    assert cloud.faults.left == 0
    bucket = cloud.objects.bucket("files")
    assert (len(bucket.cors), len(bucket.lifecycle["rule"]), len(bucket.notification_configs)) == (1, 2, 1)
    assert len(cloud.pubsub.topics[TOPIC]["policy"]["bindings"]) == 1
    assert {step.state for step in set_up(cloud)} == {"ok"}


def test_a_notification_that_is_replaced_is_deleted_once(cloud: FakeCloud) -> None:
    set_up(cloud)
    configs = cloud.objects.bucket("files").notification_configs
    [old] = list(configs)
    configs[old]["payload_format"] = "NONE"
    cloud.faults.lose_answer(method="DELETE", part_of_path="/notificationConfigs/")
    assert [step for step in set_up(cloud) if step.state == "failed"] == []
    assert [each["payload_format"] for each in configs.values()] == ["JSON_API_V1"]
    assert cloud.requests("DELETE") == 1


def test_a_step_that_keeps_failing_is_given_up(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "REPEAT_SECONDS", 0.1)
    cloud.faults.fail(503, times=1_000, method="PUT", part_of_path="/topics/files-dead")
    failed = {step.name: step.text for step in set_up(cloud) if step.state == "failed"}
    assert "(503)" in failed["dead-letter topic"]
    assert 1 < cloud.requests("PUT", "/topics/files-dead") < 100


def test_a_refusal_is_not_asked_for_again(cloud: FakeCloud) -> None:
    cloud.faults.fail(403, method="PUT", part_of_path="/topics/files-dead")
    failed = {step.name: step.text for step in set_up(cloud) if step.state == "failed"}
    assert "(403)" in failed["dead-letter topic"]
    assert cloud.requests("PUT", "/topics/files-dead") == 1


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_acknowledging_and_keeping_are_repeated(cloud: FakeCloud, queue: NotificationQueue, status: int) -> None:
    receipt = pulled(cloud, queue)
    calls: list[tuple[str, Callable[[], None]]] = [
        ("modifyAckDeadline", lambda: queue.extend([receipt], seconds=60)),
        ("acknowledge", lambda: queue.acknowledge([receipt])),
    ]
    for verb, call in calls:
        cloud.faults.fail(status, times=2, part_of_path=verb)
        call()
        assert cloud.requests("POST", verb) == 3
    assert cloud.pubsub.subscriptions[PULL].waiting == []


def test_the_receiver_of_a_lost_answer_pulls_again_by_itself(cloud: FakeCloud, queue: NotificationQueue) -> None:
    cloud.faults.lose_answer(part_of_path=":pull")
    with pytest.raises(StorageUnavailable):
        pulled(cloud, queue)
    assert cloud.requests("POST", ":pull") == 1
    assert queue.pull(10) == []
    cloud.advance(60)
    assert len(queue.pull(10)) == 1


def test_acknowledging_ends_when_nobody_answers(
    cloud: FakeCloud, queue: NotificationQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest, "REPEAT_SECONDS", 0.1)
    receipt = pulled(cloud, queue)
    cloud.faults.lose_answer(times=1_000, part_of_path="acknowledge")
    with pytest.raises(StorageUnavailable, match="ConnectionError"):
        queue.acknowledge([receipt])
    assert 1 < cloud.requests("POST", "acknowledge") < 100
