"""Messages that are no calls: they end in the dead-letter queue and disturb nobody."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from files_service.client import FilesClient
from files_service.messaging.rpc import frames
from tests.integration.callers import RawCaller
from tests.servers.processes import ServiceProcess
from tests.servers.rabbitmq import MAX_MESSAGE_BYTES

GOOD: dict[str, Any] = {"args": [], "kwargs": {}}


@pytest.fixture
def raw(amqp_uri: str, rpc_service: ServiceProcess) -> Iterator[RawCaller]:
    with RawCaller(amqp_uri) as caller:
        caller.purge_dead_letters()
        yield caller
        assert rpc_service.is_running
        caller.call("files.count", GOOD)
        assert caller.reply()[1]["error"] is None
        assert caller.depth("rpc-files")[0] == 0


def test_a_message_without_reply_to_is_a_dead_letter(raw: RawCaller) -> None:
    raw.call("files.count", GOOD, reply_to=None)
    assert raw.dead_letter().properties["application_headers"]["x-death"][0]["reason"] == "rejected"
    assert not raw.has_reply()


@pytest.mark.parametrize(
    ("body", "properties"),
    [
        pytest.param(GOOD, {"content_type": None}, id="no content type"),
        pytest.param(GOOD, {"content_type": "application/x-python-serialize"}, id="pickle"),
        pytest.param(GOOD, {"content_type": "application/x-yaml"}, id="yaml"),
        pytest.param(b"", {}, id="empty"),
        pytest.param(b"{", {}, id="invalid JSON"),
        pytest.param(b"\xff\xfe", {}, id="invalid UTF-8"),
        pytest.param(b'{"args": [], "kwargs": {"x": NaN}}', {}, id="NaN"),
        pytest.param(b'{"args": [], "kwargs": {"x": "\\ud800"}}', {}, id="half a character"),
        pytest.param(b"[" * 100_000, {}, id="deep nesting"),
        pytest.param([], {}, id="a list"),
        pytest.param(None, {}, id="null"),
        pytest.param({"args": []}, {}, id="no kwargs"),
        pytest.param({"kwargs": {}}, {}, id="no args"),
        pytest.param({"args": {}, "kwargs": {}}, {}, id="args of a wrong shape"),
        pytest.param({"args": [], "kwargs": []}, {}, id="kwargs of a wrong shape"),
        pytest.param({"args": [], "kwargs": {"x": "y" * frames.MAX_BODY_BYTES}}, {}, id="large"),
    ],
)
def test_a_message_that_is_no_call_is_a_dead_letter_and_its_sender_is_told(
    raw: RawCaller, body: Any, properties: dict[str, Any]
) -> None:
    correlation_id = raw.call("files.count", body, **properties)
    answered, reply = raw.reply()
    assert answered == correlation_id
    assert reply["error"]["exc_path"] == "nameko.exceptions.MalformedRequest"
    raw.dead_letter()


def test_a_message_of_130_mib_is_a_dead_letter(raw: RawCaller) -> None:
    assert MAX_MESSAGE_BYTES > 130 * 2**20
    raw.call("files.count", b"x" * (130 * 2**20))
    assert raw.reply()[1]["error"]["exc_type"] == "MalformedRequest"
    assert len(raw.dead_letter().body) == 130 * 2**20


def test_a_message_put_straight_into_the_queue_is_answered_or_refused(raw: RawCaller) -> None:
    raw.publish(b"rubbish", exchange="", routing_key="rpc-files")
    raw.dead_letter()
    raw.call("rpc-files", GOOD, exchange="")
    assert raw.reply()[1]["error"]["exc_type"] == "MethodNotFound"


def test_headers_of_any_kind_do_not_disturb(raw: RawCaller) -> None:
    for stack in (None, 1, "text", [1, None, {"a": "b"}], {"a": 1}):
        headers = {"nameko.call_id_stack": stack, "nameko.request_id": [stack], "files.redeliveries": "x"}
        raw.call("files.count", GOOD, application_headers=headers)
        assert raw.reply()[1]["error"] is None


@pytest.mark.parametrize(
    "reply_to",
    ["nowhere", "x" * 255, "#", "files.count", "rpc-files", "amq.rabbitmq.reply-to.rubbish", "amq.rabbitmq.reply-to."],
)
def test_an_answer_that_nobody_takes_is_dropped(raw: RawCaller, rpc_service: ServiceProcess, reply_to: str) -> None:
    links = rpc_service.log().count('"consuming"')
    raw.call("files.count", GOOD, reply_to=reply_to)
    raw.call("files.count", GOOD)
    assert raw.reply()[1]["error"] is None
    assert rpc_service.log().count('"consuming"') == links


def test_properties_that_cannot_be_read_make_a_dead_letter(raw: RawCaller) -> None:
    publish_raw(raw, b"files.count", b"\x04\x00" + b"\x04\xff\xfe\xfd\xfc")  # a correlation id that is not UTF-8
    raw.expect_dead_letters(1)
    raw.purge_dead_letters()


def test_a_routing_key_that_is_not_text_makes_a_dead_letter(raw: RawCaller) -> None:
    publish_raw(raw, b"files.\xff\xfe", b"\x00\x00")
    raw.expect_dead_letters(1)
    raw.purge_dead_letters()


def publish_raw(raw: RawCaller, routing_key: bytes, properties: bytes) -> None:
    """Publish with bytes that py-amqp would not write."""
    number = raw.channel.channel_id
    method = b"\x00\x3c\x00\x28\x00\x00" + frames.short_text("nameko-rpc") + bytes([len(routing_key)]) + routing_key
    header = struct.pack(">HHQ", 60, 0, 2) + properties
    message = b""
    for kind, payload in ((frames.METHOD, method + b"\x00"), (frames.HEADER, header), (frames.BODY, b"{}")):
        message += struct.pack(">BHI", kind, number, len(payload)) + payload + frames.FRAME_END
    sock: socket.socket = raw.connection.sock
    sock.sendall(message)


def test_callers_are_served_while_poison_pours_in(raw: RawCaller, amqp_uri: str) -> None:
    stop = threading.Event()

    def pour() -> None:
        with RawCaller(amqp_uri) as poisoner:
            while not stop.is_set():
                poisoner.publish(os.urandom(100), routing_key="files.count")
                poisoner.depth("rpc-files")

    thread = threading.Thread(target=pour)
    thread.start()
    try:
        with FilesClient(amqp_uri) as files:
            for _ in range(200):
                files.count()
    finally:
        stop.set()
        thread.join()
    assert raw.dead_letter()
