"""The subprocess's end of the pipes to its parent: asks for ranges of the file, tells facts and pictures.

A message is one letter, the length of its body as four bytes, and the body. Only ``RANGE`` has an answer: the length
as four bytes and the bytes, or ``REFUSED`` alone when the file may not be read any further.
"""

from __future__ import annotations

import json
import os
import struct
from collections import OrderedDict
from typing import Any

RANGE, FACTS, PICTURE, END = b"R", b"F", b"P", b"E"
HEAD, ASKED, LENGTH = struct.Struct(">cI"), struct.Struct(">BQI"), struct.Struct(">I")
REFUSED = 0xFFFF_FFFF
# Between the service and the process that forks: a letter and the id of a process, and an id.
FORK, KILL = b"F", b"K"
REQUEST, ANSWER = struct.Struct(">cI"), struct.Struct(">I")
MAX_RANGE = 512 * 1024
_BLOCK = 64 * 1024
_KEPT_BLOCKS = 128


class ReadRefused(OSError):
    """The parent gives no more bytes: the file is read as far as it may be, or its bytes are gone."""


class Channel:
    """The messages to the parent, over two pipes."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def job(self) -> dict[str, Any]:
        """Return the task, which the parent sends first."""
        [length] = LENGTH.unpack(self._receive(LENGTH.size))
        job: dict[str, Any] = json.loads(self._receive(length))
        return job

    def tell(self, letter: bytes, body: bytes = b"") -> None:
        """Send a message."""
        message = memoryview(HEAD.pack(letter, len(body)) + body)
        while message:
            message = message[os.write(self._outgoing, message) :]

    def facts(self, facts: dict[str, Any]) -> None:
        """Tell facts of the file; a later fact of the same name replaces the earlier one."""
        self.tell(FACTS, json.dumps(facts).encode())

    def picture(self, kind: str, data: bytes) -> None:
        """Send a picture."""
        self.tell(PICTURE, kind.encode() + b"\0" + data)

    def read(self, source: int, offset: int, length: int) -> bytes:
        """Return a range of a source, which lies within it. Raises ReadRefused."""
        self.tell(RANGE, ASKED.pack(source, offset, length))
        [found] = LENGTH.unpack(self._receive(LENGTH.size))
        if found == REFUSED:
            raise ReadRefused("no more bytes of the file are given")
        return self._receive(found)

    def _receive(self, length: int) -> bytes:
        pieces = []
        while length:
            piece = os.read(self._incoming, length)
            if not piece:
                raise EOFError("the parent process has ended")
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)


class RangeFile:
    """A source as a file for reading, for libraries that take one; it reads blocks, and more of them in a row."""

    def __init__(self, channel: Channel, source: int, size: int) -> None:
        self._channel, self._source, self._size = channel, source, size
        self._place = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._expected, self._ahead = -1, _BLOCK

    def __repr__(self) -> str:
        """Return what errors of the libraries say of the file."""
        return "<the file>"

    def read(self, length: int = -1) -> bytes:
        """Return the bytes from the place on, fewer only at the end."""
        end = self._size if length is None or length < 0 else min(self._size, self._place + length)
        pieces = []
        while self._place < end:
            at = self._place - self._place % _BLOCK
            piece = self._block(at, end)[self._place - at : end - at]
            pieces.append(piece)
            self._place += len(piece)
        return b"".join(pieces)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; return it. Raises ValueError for one before the beginning."""
        place = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}[whence]
        if place < 0:
            raise ValueError("a place before the beginning of the file")
        self._place = place
        return place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Do nothing: the pipes stay open."""

    def _block(self, at: int, end: int) -> bytes:
        """Return the block at a place, fetched with those after it that are wanted or likely to be."""
        if at not in self._blocks:
            self._ahead = min(2 * self._ahead, MAX_RANGE) if at == self._expected else _BLOCK
            wanted = max(self._ahead, min(end - at, MAX_RANGE))
            data = self._channel.read(self._source, at, min(wanted + -wanted % _BLOCK, self._size - at))
            if not data:
                raise ReadRefused("the file is shorter than it was")
            for start in range(0, len(data), _BLOCK):
                self._blocks[at + start] = data[start : start + _BLOCK]
            self._expected = at + len(data)
            while len(self._blocks) > _KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        return self._blocks[at]
