"""Completion by webhook: what a notification does to a file, and how each is answered."""

from __future__ import annotations

import base64
import logging
from pathlib import Path
from typing import Any

import pytest

from files_service.gateway.limits import Limits
from files_service.services.opening import open_core
from storage_adapters import JSON, StorageDenied, StorageUnavailable
from tests.cores import announced, at_once, call, pending_file, settings_for
from tests.fakes.pubsub.notices import description, message, unwrapped, wrapped
from tests.gateway.notified import CONTENT, PUBSUB, TOKEN, outcomes, status, stored
from tests.gateway.serving import Reply, Served, serving, wait_until


def push(served: Served, value: JSON | bytes, token: str = TOKEN) -> Reply:
    body = value if isinstance(value, bytes) else wrapped(value)
    return served.request("POST", PUBSUB, body, {"Content-Type": "application/json", "X-Files-Token": token})


def test_a_push_completes_the_upload_and_says_nothing(hooked: Served) -> None:
    record = pending_file(hooked.core)
    reply = push(hooked, message(stored(hooked, record), message_id="8123"))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["X-Request-Id"] == "8123"
    assert status(hooked, record) == "uploaded"
    assert outcomes(hooked) == {"completed": 1}


def test_a_push_without_an_envelope_does_the_same(hooked: Served) -> None:
    record = pending_file(hooked.core)
    body, headers = unwrapped(message(stored(hooked, record)))
    reply = hooked.request("POST", f"{PUBSUB}?token={TOKEN}", body, headers)
    assert (reply.status, status(hooked, record)) == (204, "uploaded")


def test_a_notification_without_a_description_has_the_store_asked(hooked: Served) -> None:
    record = pending_file(hooked.core)
    blob = message(stored(hooked, record), data=b"", payloadFormat="NONE")
    # The store's generation is none of Google's numbers, and a notification of another generation is late.
    assert push(hooked, blob).status == 204
    assert (status(hooked, record), outcomes(hooked)) == ("pending", {"stale": 1})


def test_parts_in_any_order_and_each_notification_three_times_are_one_completion(hooked: Served) -> None:
    contents = (b"one", b"two", b"three", b"four")
    record = pending_file(hooked.core, *contents)
    blobs = [stored(hooked, record, index, content) for index, content in enumerate(contents)]
    for index in (2, 0, 2, 3, 0, 0, 3, 2, 3, 1, 1, 1):
        assert push(hooked, message(blobs[index])).status == 204
    assert announced(hooked.core) == ["created", "uploaded"]
    assert outcomes(hooked) == {"received": 3, "completed": 1, "duplicate": 8}


def test_all_notifications_at_once_are_one_completion(hooked: Served) -> None:
    contents = tuple(b"%d" % index for index in range(6))
    record = pending_file(hooked.core, *contents)
    blobs = [stored(hooked, record, index, content) for index, content in enumerate(contents)]
    replies = at_once(18, lambda number: push(hooked, message(blobs[number % 6])))
    assert {reply.status for reply in replies} == {204}
    assert announced(hooked.core) == ["created", "uploaded"]
    assert outcomes(hooked) == {"received": 5, "completed": 1, "duplicate": 12}


@pytest.mark.parametrize(("generation", "outcome"), [(5, "duplicate"), (4, "stale"), (16, "overwritten")])
def test_generations_are_compared_as_numbers(hooked: Served, generation: int, outcome: str) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record, generation=5)
    push(hooked, message(blob))
    late = description(blob["name"], b"other bytes", generation=generation)
    assert push(hooked, message(late, overwroteGeneration="5")).status == 204
    assert outcomes(hooked) == {"completed": 1} | {outcome: 1}
    [part] = call(hooked.core, "files.info", file_id=record["file_id"])["parts"]
    assert (part["generation"], part["size"]) == ("5", len(CONTENT))


@pytest.mark.parametrize("event", ["OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE"])
def test_other_events_change_nothing(hooked: Served, event: str) -> None:
    record = pending_file(hooked.core)
    blob = message(stored(hooked, record), eventType=event, overwrittenByGeneration="2")
    assert push(hooked, blob).status == 204
    assert (status(hooked, record), outcomes(hooked)) == ("pending", {"other_event": 1})
    push(hooked, message(description(record["parts"][0]["key"], CONTENT)))
    push(hooked, blob)
    assert status(hooked, record) == "uploaded"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"bucket": "another"}, "foreign"),
        ({"key": "tmp/composed/part-1"}, "foreign"),
        ({"key": "prefix/{key}"}, "foreign"),
        ({"key": "0" * 32 + "/chunks/0123456789abcdef"}, "foreign"),
        ({"key": "0" * 32 + "/01ARZ3NDEKTSV4RRFFQ69G5FAV/p0"}, "unknown"),
        ({"key": "{key}7"}, "unknown"),
        ({"key": "{other_owner}"}, "unknown"),
    ],
)
def test_foreign_and_unknown_objects_are_settled(hooked: Served, changes: JSON, outcome: str) -> None:
    record = pending_file(hooked.core)
    key = record["parts"][0]["key"]
    stored(hooked, record)
    names = {"key": key, "other_owner": "0" * 32 + key[32:]}
    place = {"key": key} | {name: value.format(**names) for name, value in changes.items()}
    blob = description(place.pop("key"), CONTENT, **place)
    assert push(hooked, message(blob)).status == 204
    assert (status(hooked, record), outcomes(hooked)) == ("pending", {outcome: 1})


@pytest.mark.parametrize("content", [b"longer than declared", b"wrong!!"])
def test_bytes_that_are_not_the_declared_ones_make_room_for_the_right_ones(hooked: Served, content: bytes) -> None:
    md5 = "9a0364b9e99bb480dd25e1f0284c8555"
    record = pending_file(hooked.core, parts=[{"size": len(CONTENT), "md5": md5}])
    assert push(hooked, message(stored(hooked, record, content=content))).status == 204
    assert (status(hooked, record), outcomes(hooked)) == ("pending", {"mismatch": 1})
    push(hooked, message(stored(hooked, record, generation=2)))
    assert status(hooked, record) == "uploaded"


def test_a_notification_that_lies_about_its_object_is_judged_by_what_is_stored(hooked: Served) -> None:
    record = pending_file(hooked.core)
    stored(hooked, record)
    assert push(hooked, message(description(record["parts"][0]["key"], b"x" * 99))).status == 204
    assert status(hooked, record) == "pending"
    assert hooked.core.blobs.head(record["parts"][0]["key"]).size == len(CONTENT)


def test_a_late_object_of_a_removed_file_is_settled(hooked: Served) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record)
    call(hooked.core, "files.remove", file_id=record["file_id"])
    assert push(hooked, message(blob)).status == 204
    assert outcomes(hooked) == {"gone": 1}


def test_a_late_object_that_a_policy_protects_is_not_asked_for_again(
    hooked: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record)
    call(hooked.core, "files.remove", file_id=record["file_id"])

    def keep(*_args: object, **_more: object) -> None:
        raise StorageDenied("Cloud Storage: Forbidden 403 retentionPolicyNotMet")

    monkeypatch.setattr(hooked.core.blobs, "delete", keep)
    assert push(hooked, message(blob)).status == 204
    assert outcomes(hooked) == {"gone": 1}


def test_kept_bytes_of_a_removed_file_survive_a_late_notification(hooked: Served) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record)
    push(hooked, message(blob))
    call(hooked.core, "files.remove", file_id=record["file_id"], soft=True)
    assert push(hooked, message(blob)).status == 204
    assert hooked.core.blobs.head(record["parts"][0]["key"]).size == len(CONTENT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"message": {"data": "*"}}',
        b'{"message": {}}',
        b"\xff" * 50,
        b" " * 200_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    ],
)
def test_what_cannot_be_read_is_settled_for_it_would_come_again_and_again(hooked: Served, body: bytes) -> None:
    assert push(hooked, body).status == 204
    assert outcomes(hooked) == {"malformed": 1}


def test_a_composed_object_is_judged_by_the_checksums_that_it_has(hooked: Served) -> None:
    crc32c, md5 = "61af7533", "9a0364b9e99bb480dd25e1f0284c8555"
    for declared, outcome in ((crc32c, "completed"), ("00000000", "mismatch")):
        parts = [{"size": len(CONTENT), "md5": md5, "crc32c": declared}]
        record = pending_file(hooked.core, parts=parts)
        stored(hooked, record)
        composed = description(record["parts"][0]["key"], CONTENT, md5Hash=None, componentCount=3)
        assert push(hooked, message(composed)).status == 204
        assert outcomes(hooked).pop(outcome) == 1
        # What the notification does not say is left to processing.
        assert status(hooked, record) == ("uploaded" if declared == crc32c else "pending")


def test_what_cannot_be_settled_now_is_asked_for_again(hooked: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    record = pending_file(hooked.core)
    blob = message(stored(hooked, record))

    def away(*_args: object, **_more: object) -> Any:
        raise StorageUnavailable("no answer")

    for method in ("get", "save"):
        with monkeypatch.context() as patch:
            patch.setattr(hooked.core.metadata, method, away)
            reply = push(hooked, blob)
            assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "storage_unavailable", "1")
    assert push(hooked, blob).status == 204
    assert outcomes(hooked) == {"failed": 2, "completed": 1}


def test_too_many_at_once_are_asked_for_again(tmp_path: Path) -> None:
    settings = settings_for(
        tmp_path, FILES_METADATA_URL="memory://", FILES_BLOBS_URL="memory://", FILES_WEBHOOK_TOKEN=TOKEN
    )
    with serving(open_core(settings), Limits(notifications=0)) as served:
        assert push(served, b"").status == 503


def test_the_log_says_what_is_unusual_under_the_id_of_the_message(
    hooked: Served, caplog: pytest.LogCaptureFixture
) -> None:
    record = pending_file(hooked.core)
    blob = stored(hooked, record)
    with caplog.at_level(logging.INFO):
        push(hooked, message(blob, message_id="41"))
        push(hooked, message({**blob, "bucket": "another"}, message_id="42"))
        push(hooked, message(blob, message_id="43", data=b"{"))
        wait_until(lambda: sum(each.name == "files_service.access" for each in caplog.records) == 3)
    lines = [vars(each) for each in caplog.records if each.name == "files_service.services.notifications.outcomes"]
    assert [(line["outcome"], line["levelname"]) for line in lines] == [("foreign", "INFO"), ("malformed", "WARNING")]
    assert TOKEN not in str([vars(each) for each in caplog.records])


def test_the_delay_from_the_end_of_the_upload_is_measured(hooked: Served) -> None:
    record = pending_file(hooked.core)
    push(hooked, message(stored(hooked, record)))
    lines = hooked.request("GET", "/metrics").body.decode().splitlines()
    assert 'files_notification_delay_seconds_count{source="push"} 1.0' in lines


def test_base64_of_a_description_may_be_any_text(hooked: Served) -> None:
    value = message(description("a/b", b""))
    value["data"] = base64.b64encode("ü".encode()).decode()
    assert push(hooked, value).status == 204
