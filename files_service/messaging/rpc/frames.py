"""AMQP 0-9-1 frames of every call, read and written without py-amqp's general machinery.

1. Content from a peer never raises here: undecodable properties make a delivery without properties.
2. A body above ``MAX_BODY_BYTES`` is discarded while it arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Any

from amqp.serialization import decode_properties_basic, dumps

MAX_BODY_BYTES = 8 * 2**20
FRAME_END = b"\xce"
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
# A header frame without its properties: prefix, class, size of the body, and end.
HEADER_BYTES = 7 + 12 + 1

Frame = tuple[int, int, bytes]
Properties = dict[str, Any]

_DELIVER, _RETURN, _ACK, _NACK = (60, 60), (60, 50), (60, 80), (60, 120)
_prefix = Struct(">BHI")
_signature = Struct(">HH")
_tag_and_flag = Struct(">QB")
_content = Struct(">HHQ")
_ack = Struct(">BHIHHQBB")


@dataclass(slots=True, eq=False)
class Delivery:
    """One message from a queue. ``properties`` is None when they could not be decoded."""

    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    size: int = 0
    properties: Properties | None = None
    body: bytes = b""

    @property
    def is_oversized(self) -> bool:
        """True when the body was above the size limit and was discarded."""
        return self.size > MAX_BODY_BYTES


@dataclass(frozen=True, slots=True)
class Confirm:
    """The broker's confirm, positive or negative, of a publish number, or of all up to it."""

    number: int
    multiple: bool
    taken: bool


class FrameReader:
    """Assembles deliveries and confirms from frames; passes other methods on to py-amqp.

    Has the interface of ``amqp.method_framing.frame_handler``'s closure, one instance per connection.
    """

    def __init__(self, connection: Any, on_method: Callable[..., Any]) -> None:
        self._connection = connection
        self._on_method = on_method
        self._delivery: Delivery | None = None
        self._pieces: list[bytes] = []
        self._missing = 0
        self.on_delivery: Callable[[Delivery], None] = lambda _: None
        self.on_confirm: Callable[[Confirm], None] = lambda _: None

    def __call__(self, frame: Frame) -> bool:
        """Read one frame; return True when it completed something."""
        kind, channel, payload = frame
        self._connection.bytes_recv += 1
        if kind == BODY:
            return self._body(payload)
        if kind == HEADER:
            return self._header(payload)
        if kind == HEARTBEAT:
            return False
        signature = _signature.unpack_from(payload)
        if signature == _DELIVER:
            self._delivery = _read_deliver(payload)
            return False
        if signature == _RETURN:
            self._delivery = None
            return False
        if signature in (_ACK, _NACK):
            number, flags = _tag_and_flag.unpack_from(payload, 4)
            self.on_confirm(Confirm(number, bool(flags & 1), signature == _ACK))
            return True
        self._on_method(channel, signature, payload, None)
        return True

    def _header(self, payload: bytes) -> bool:
        _, _, self._missing = _content.unpack_from(payload)
        self._pieces = []
        if self._delivery is not None:
            self._delivery.size = self._missing
            try:
                self._delivery.properties, _ = decode_properties_basic(payload, 12)
            except Exception:  # noqa: BLE001 - whatever a peer wrote there must not end the connection
                self._delivery.properties = None
        return self._complete() if self._missing == 0 else False

    def _body(self, payload: bytes) -> bool:
        self._missing -= len(payload)
        if self._delivery is not None and not self._delivery.is_oversized:
            self._pieces.append(payload)
        return self._complete() if self._missing <= 0 else False

    def _complete(self) -> bool:
        delivery, self._delivery = self._delivery, None
        if delivery is not None:
            delivery.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces = []
            self.on_delivery(delivery)
        return True


def _read_deliver(payload: bytes) -> Delivery:
    at = 5 + payload[4]
    tag, redelivered = _tag_and_flag.unpack_from(payload, at)
    at += 9
    key_at = at + 1 + payload[at]
    exchange = payload[at + 1 : key_at]
    routing_key = payload[key_at + 1 : key_at + 1 + payload[key_at]]
    # A name that is not UTF-8 is not one of ours, but must stay unchanged.
    return Delivery(tag, bool(redelivered), exchange.decode("utf-8", "replace"), routing_key.decode("utf-8", "replace"))


def split_frames(buffer: bytes) -> tuple[list[Frame], bytes]:
    """Cut complete frames off a buffer; return them and the rest. Raises ValueError for data that is not AMQP."""
    frames, at, end = [], 0, len(buffer)
    while end - at >= 8:
        kind, channel, size = _prefix.unpack_from(buffer, at)
        after = at + 8 + size
        if after > end:
            break
        if buffer[after - 1] != 0xCE:
            raise ValueError("frame without a valid end")
        frames.append((kind, channel, buffer[at + 7 : after - 1]))
        at = after
    return frames, buffer[at:]


def ack_frame(channel: int, tag: int) -> bytes:
    """Encode the acknowledgement of one delivery."""
    return _ack.pack(METHOD, channel, 13, 60, 80, tag, 0, 0xCE)


def reject_frame(channel: int, tag: int) -> bytes:
    """Encode the rejection of one delivery, which sends it to the dead-letter exchange."""
    return _ack.pack(METHOD, channel, 13, 60, 90, tag, 0, 0xCE)


def publish_frames(
    channel: int, exchange: str, routing_key: str, properties: bytes, body: bytes, frame_max: int
) -> bytes:
    """Encode a publish of a non-mandatory message; ``properties`` are encoded flags and values."""
    method = b"\x00\x3c\x00\x28\x00\x00" + short_text(exchange) + short_text(routing_key) + b"\x00"
    header = _content.pack(60, 0, len(body)) + properties
    frames = [
        _prefix.pack(METHOD, channel, len(method)), method, FRAME_END,
        _prefix.pack(HEADER, channel, len(header)), header, FRAME_END,
    ]  # fmt: skip
    room = frame_max - 8
    for at in range(0, len(body), room):
        piece = body[at : at + room]
        frames += (_prefix.pack(BODY, channel, len(piece)), piece, FRAME_END)
    return b"".join(frames)


def json_properties(correlation_id: str | None, headers: bytes = b"", reply_to: str | None = None) -> bytes:
    """Encode the properties of a persistent JSON message."""
    flags = 0xD000 | (0x2000 if headers else 0) | (0x0400 if correlation_id else 0) | (0x0200 if reply_to else 0)
    encoded = flags.to_bytes(2, "big") + b"\x10application/json\x05utf-8" + headers + b"\x02"
    if correlation_id:
        encoded += short_text(correlation_id)
    return encoded + short_text(reply_to) if reply_to else encoded


def header_table(headers: dict[str, Any]) -> bytes:
    """Encode headers."""
    table: bytes = dumps("F", [headers])
    return table


def request_id_header(request_id: str) -> bytes:
    """Encode the single header of a reply."""
    value = request_id.encode()
    entry = b"\x11nameko.request_idS" + len(value).to_bytes(4, "big") + value
    return len(entry).to_bytes(4, "big") + entry


def short_text(value: str) -> bytes:
    """Encode a short string of at most 255 bytes."""
    encoded = value.encode("utf-8", "surrogatepass")
    return bytes((len(encoded),)) + encoded
