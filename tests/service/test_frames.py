"""AMQP frames, compared with those of py-amqp."""

from __future__ import annotations

import struct
from types import SimpleNamespace
from typing import Any

import pytest
from amqp.basic_message import Message
from amqp.method_framing import frame_handler, frame_writer
from amqp.serialization import dumps
from hypothesis import given
from hypothesis import strategies as st

from files_service.messaging.rpc import frames
from files_service.messaging.rpc.frames import Confirm, Delivery, FrameReader

FRAME_MAX = 4096


class Peer:
    """Takes frames apart as py-amqp does."""

    def __init__(self) -> None:
        self.messages: list[tuple[bytes, Message]] = []
        connection, publish = SimpleNamespace(bytes_recv=0), frozenset({(60, 40)})
        self._on_frame = frame_handler(connection, self._take, content_methods=publish)

    def _take(self, _channel: int, _method: tuple[int, int], arguments: bytes, content: Message) -> None:
        self.messages.append((arguments, content))

    def feed(self, data: bytes) -> None:
        found, rest = frames.split_frames(data)
        assert rest == b""
        for frame in found:
            self._on_frame(frame)


def delivered(body: bytes, properties: dict[str, Any], *, tag: int = 7, key: str = "files.info") -> bytes:
    """The frames of a delivery, written by py-amqp."""
    written = bytearray()
    connection = SimpleNamespace(frame_max=FRAME_MAX, bytes_sent=0)
    write = frame_writer(connection, SimpleNamespace(write=written.extend))
    write(1, 1, (60, 60), dumps("sLbss", ("tag", tag, True, "nameko-rpc", key)), Message(body, **properties))
    return bytes(written)


def read(data: bytes) -> list[Delivery]:
    found: list[Delivery] = []
    reader = FrameReader(SimpleNamespace(bytes_recv=0), lambda *_: None)
    reader.on_delivery = found.append
    for frame in frames.split_frames(data)[0]:
        reader(frame)
    return found


@given(st.binary(max_size=20_000), st.text(max_size=50), st.dictionaries(st.text(max_size=20), st.integers(0, 1000)))
def test_deliveries_are_read_as_they_were_written(body: bytes, name: str, headers: dict[str, int]) -> None:
    properties = {"content_type": "application/json", "correlation_id": name, "application_headers": headers}
    [delivery] = read(delivered(body, properties))
    assert (delivery.tag, delivery.redelivered, delivery.routing_key) == (7, True, "files.info")
    assert (delivery.body, delivery.size, delivery.properties) == (body, len(body), properties)


@given(st.lists(st.binary(max_size=6_000), max_size=5), st.data())
def test_it_does_not_matter_how_the_bytes_arrive(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(delivered(body, {}) for body in bodies)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    found, rest = [], b""
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        some, rest = frames.split_frames(rest + stream[start:end])
        found += some
    assert rest == b""
    assert found == frames.split_frames(stream)[0]
    assert [delivery.body for delivery in read(stream)] == bodies


@given(st.binary(max_size=20_000), st.text(min_size=1, max_size=50), st.text(alphabet="abc:-19", max_size=50))
def test_what_is_published_is_understood(body: bytes, name: str, request_id: str) -> None:
    peer = Peer()
    headers = frames.request_id_header(request_id) if request_id else b""
    properties = frames.json_properties(name, headers, reply_to="elsewhere")
    peer.feed(frames.publish_frames(1, "nameko-rpc", "somewhere", properties, body, FRAME_MAX))
    [(arguments, message)] = peer.messages
    assert arguments[4:] == dumps("Bssbb", (0, "nameko-rpc", "somewhere", False, False))
    assert message.body == body or (body == b"" and message.body == "")
    expected = {
        "content_type": "application/json",
        "content_encoding": "utf-8",
        "delivery_mode": 2,
        "correlation_id": name,
        "reply_to": "elsewhere",
    }
    if request_id:
        expected["application_headers"] = {"nameko.request_id": request_id}
    assert message.properties == expected


def test_acknowledgements_and_refusals_are_written_as_py_amqp_writes_them() -> None:
    for frame, method in ((frames.ack_frame, 80), (frames.reject_frame, 90)):
        payload = struct.pack(">HH", 60, method) + dumps("Lb", (2**40, False))
        assert frame(3, 2**40) == struct.pack(">BHI", 1, 3, len(payload)) + payload + b"\xce"


def test_confirms_are_handed_on() -> None:
    confirms: list[Confirm] = []
    reader = FrameReader(SimpleNamespace(bytes_recv=0), lambda *_: None)
    reader.on_confirm = confirms.append
    for method, flags in ((80, 0), (80, 1), (120, 0)):
        reader((1, 1, struct.pack(">HHQB", 60, method, 5, flags)))
    assert confirms == [Confirm(5, False, True), Confirm(5, True, True), Confirm(5, False, False)]


def test_other_methods_go_on_to_py_amqp() -> None:
    seen: list[tuple[int, tuple[int, int]]] = []
    reader = FrameReader(SimpleNamespace(bytes_recv=0), lambda channel, method, *_: seen.append((channel, method)))
    assert reader((1, 0, struct.pack(">HH", 10, 51)))
    assert not reader((8, 0, b""))
    assert seen == [(0, (10, 51))]


def test_an_oversized_body_is_not_kept() -> None:
    reader = FrameReader(SimpleNamespace(bytes_recv=0), lambda *_: None)
    found: list[Delivery] = []
    reader.on_delivery = found.append
    [method, header, *_] = frames.split_frames(delivered(b"x", {}))[0]
    size = frames.MAX_BODY_BYTES + 10
    reader(method)
    reader((2, 1, header[2][:4] + struct.pack(">Q", size) + header[2][12:]))
    reader((3, 1, bytes(size)))
    assert (found[0].is_oversized, found[0].body) == (True, b"")


@given(st.binary(max_size=200))
def test_properties_of_any_bytes_are_read_or_not_but_never_raise(garbage: bytes) -> None:
    reader = FrameReader(SimpleNamespace(bytes_recv=0), lambda *_: None)
    found: list[Delivery] = []
    reader.on_delivery = found.append
    reader(frames.split_frames(delivered(b"", {}))[0][0])
    reader((2, 1, struct.pack(">HHQ", 60, 0, 0) + garbage))
    assert len(found) == 1


def test_bytes_that_are_no_frames_end_the_connection() -> None:
    with pytest.raises(ValueError, match="frame"):
        frames.split_frames(b"\x01\x00\x00\x00\x00\x00\x01xx")
