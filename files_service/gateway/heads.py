"""The heads of requests: aiohttp's parser bounds each line, this one all lines together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import MAX_MSG_QUEUE_SIZE

# The answer of a parser: messages with their bodies, True after an upgrade, and the bytes after it.
_Parsed = tuple[Sequence[tuple[Any, Any]], bool, bytes]


class BoundedParser:
    """A parser of requests that refuses a head of more than ``most`` bytes."""

    def __init__(self, parser: Any, most: int) -> None:
        self._parser, self._most = parser, most
        self._length = self._waiting = 0
        self._body: Any = None

    @property
    def begun(self) -> bool:
        """State of the parser: True while a head is incomplete."""
        return self._length > 0

    def message_consumed(self) -> None:
        """See the parser: a message is handled."""
        self._waiting -= 1
        self._parser.message_consumed()

    def feed_data(self, data: bytes) -> _Parsed:
        """Parse bytes. Raises LineTooLong."""
        found: list[tuple[Any, Any]] = []
        while True:
            piece = data if self._in_body() else data[: self._most - self._length]
            data = data[len(piece) :]
            in_head = not self._in_body()
            messages, upgraded, tail = self._parser.feed_data(piece)
            found += messages
            self._waiting += len(messages)
            if messages:
                self._body, self._length = messages[-1][1], 0
            elif in_head:
                self._length += len(piece)
                if self._length >= self._most:
                    raise LineTooLong("head", self._most)
            if upgraded or not data:
                return found, upgraded, tail + data

    def _in_body(self) -> bool:
        """Return True for bytes of a body, and while the parser keeps pipelined requests unparsed."""
        return self._waiting >= MAX_MSG_QUEUE_SIZE or (self._body is not None and not self._body.is_eof())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)
