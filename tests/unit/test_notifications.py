"""What a notification says, and what is none."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from files_service.services.notifications.messages import (
    Finalized,
    Ignored,
    Malformed,
    Message,
    meaning,
    message_of,
    read_push,
    resource_of_channel,
)
from tests.fakes.pubsub.notices import EVENT_AT, description, message, unwrapped, wrapped

NAME = "0123456789abcdef0123456789abcdef/01ARZ3NDEKTSV4RRFFQ69G5FAV/p0"
OBJECT = description(NAME, b"content", generation=1_700_000_000_000_001)
FINALIZED = Finalized(
    bucket="files",
    name=NAME,
    generation=1_700_000_000_000_001,
    event_at=EVENT_AT,
    size=7,
    content_type="application/octet-stream",
    md5="9a0364b9e99bb480dd25e1f0284c8555",
    crc32c="61af7533",
)
NO_HEADERS: CIMultiDict[str] = CIMultiDict()


def said(value: dict[str, Any]) -> Finalized | Ignored:
    return meaning(message_of(value))


def test_a_wrapped_and_an_unwrapped_push_and_a_pulled_message_say_the_same() -> None:
    body, headers = unwrapped(message(OBJECT, message_id="17"))
    for push in (
        read_push(wrapped(message(OBJECT, message_id="17")), NO_HEADERS),
        read_push(body, CIMultiDict(headers)),
        message_of(message(OBJECT, message_id="17")),
    ):
        assert push.message_id == "17"
        assert meaning(push) == FINALIZED


def test_without_a_description_the_attributes_say_which_object_it_is() -> None:
    found = said(message(OBJECT, data=b"", payloadFormat="NONE"))
    assert found == Finalized(bucket="files", name=NAME, generation=FINALIZED.generation, event_at=EVENT_AT)


def test_a_composed_object_has_no_md5() -> None:
    found = said(message(description(NAME, b"content", md5Hash=None, componentCount=3)))
    assert isinstance(found, Finalized)
    assert (found.md5, found.crc32c) == (None, "61af7533")


@pytest.mark.parametrize("event", ["OBJECT_DELETE", "OBJECT_ARCHIVE", "OBJECT_METADATA_UPDATE", "SOMETHING_NEW"])
def test_other_events_are_ignored_whatever_else_they_say(event: str) -> None:
    assert said(message(OBJECT, eventType=event, overwrittenByGeneration="2")) == Ignored(event)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"attributes": None, "data": None},
        {"attributes": [], "data": "x"},
        {"attributes": {"eventType": 1}},
        {"messageId": 1},
        {"data": "not base64!"},
        {"data": {}},
        message(OBJECT, eventType=None),
        message(OBJECT, bucketId=None),
        message(OBJECT, objectId=""),
        message(OBJECT, objectId="x" * 2_000),
        message(OBJECT, objectId="a\0b"),
        message(OBJECT, objectId="a\udcffb", data=b""),
        message(OBJECT, objectGeneration=None),
        message(OBJECT, objectGeneration="-1"),
        message(OBJECT, objectGeneration="1e3"),
        message(OBJECT, objectGeneration="٣"),
        message(OBJECT, objectGeneration="9" * 30),
        message(OBJECT, data=b"{"),
        message(OBJECT, data=b"[]"),
        message(OBJECT, data=b"\xff"),
        message(OBJECT, objectId="another"),
        message(OBJECT, bucketId="another"),
        message(OBJECT, objectGeneration="2"),
        message(description(NAME, b"", size="many")),
        message(description(NAME, b"", size=-1)),
        message(description(NAME, b"", size=True)),
        message(description(NAME, b"", md5Hash="short")),
        message(description(NAME, b"", md5Hash=7)),
        message(description(NAME, b"", crc32c="AAAA")),
    ],
)
def test_what_makes_no_sense_is_malformed(value: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        said(value)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"message": 1}', b"\xff\xfe", b'{"message": []}'])
def test_a_body_that_is_no_push_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_push(body, NO_HEADERS)


@pytest.mark.parametrize("time", ["", "yesterday", "2026-01-01T00:00:00", "99999-01-01T00:00:00Z"])
def test_a_time_that_is_none_is_left_out(time: str) -> None:
    found = said(message(OBJECT, eventTime=time))
    assert isinstance(found, Finalized)
    assert found.event_at is None


def test_an_object_change_notification_says_it_by_its_state() -> None:
    body = json.dumps(OBJECT).encode()
    assert resource_of_channel(body, "exists") == FINALIZED
    assert resource_of_channel(body, "not_exists") == Ignored("not_exists")
    assert resource_of_channel(b"", "sync") == Ignored("sync")
    with pytest.raises(Malformed):
        resource_of_channel(b"", "exists")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["attributes", "data", "messageId", "message_id"]), JSON_VALUES))
def test_whatever_a_message_holds_it_is_read_or_malformed(value: dict[str, Any]) -> None:
    with suppress(Malformed):
        said(value)


@given(st.sampled_from(sorted(OBJECT)), JSON_VALUES)
def test_whatever_a_description_holds_it_is_read_or_malformed(field: str, value: Any) -> None:
    with suppress(Malformed):
        said({**message(OBJECT), "data": message(OBJECT | {field: value})["data"]})


@given(st.binary(max_size=200))
def test_whatever_bytes_come_they_are_read_or_malformed(body: bytes) -> None:
    for headers in (NO_HEADERS, CIMultiDict({"X-Goog-Pubsub-Message-Id": "1", "eventType": "OBJECT_FINALIZE"})):
        with suppress(Malformed):
            read_push(body, headers)
            meaning(Message(attributes={"eventType": "OBJECT_FINALIZE"}, data=body))
