"""The boundaries of messages in the bytes of a WebSocket (RFC 6455), before the parser has read them. Pure."""

from __future__ import annotations

from typing import Protocol

_CONTROL = 0x08
_FIN = 0x80
_MASK = 0x80
_LENGTH_BYTES = {126: 2, 127: 8}
_MASK_BYTES = 4


class OnFrame(Protocol):
    """A listener for frames."""

    def __call__(self, size: int, /, *, begins: bool, ends: bool) -> None:
        """See ``Frames``."""


class Frames:
    """Reader of frame heads that skips payloads; the real parser reports invalid frames.

    ``on_frame`` is called at the head of each frame of a message, with the length of the message up to the end of this
    frame, and whether it is the first and the last one.
    """

    def __init__(self, on_frame: OnFrame) -> None:
        self._on_frame = on_frame
        self._head = bytearray()
        self._left = 0
        self._message: int | None = None
        self._ends_message = False

    @property
    def unfinished(self) -> bool:
        """State of the current message: True while it is incomplete."""
        return self._message is not None

    def feed(self, data: bytes, most: int) -> tuple[int, int]:
        """Read up to ``most`` frames of these bytes; return the numbers of bytes and of frames that were read."""
        place = frames = 0
        while place < len(data) and (frames < most or self._left):
            if self._left:
                skipped = min(self._left, len(data) - place)
                self._left -= skipped
                place += skipped
            else:
                self._head.append(data[place])
                place += 1
                if len(self._head) < self._head_bytes():
                    continue
                self._read_head()
                frames += 1
            if not self._left and self._ends_message:
                self._message, self._ends_message = None, False
        return place, frames

    def _head_bytes(self) -> int:
        if len(self._head) < 2:
            return 2
        second = self._head[1]
        return 2 + _LENGTH_BYTES.get(second & 0x7F, 0) + (_MASK_BYTES if second & _MASK else 0)

    def _read_head(self) -> None:
        first, second = self._head[:2]
        extended = _LENGTH_BYTES.get(second & 0x7F)
        self._left = int.from_bytes(self._head[2 : 2 + extended], "big") if extended else second & 0x7F
        self._head.clear()
        # Frames of control may stand between those of a message.
        if not first & _CONTROL:
            begins = self._message is None
            self._message = (self._message or 0) + self._left
            self._ends_message = bool(first & _FIN)
            self._on_frame(self._message, begins=begins, ends=self._ends_message)
