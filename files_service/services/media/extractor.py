"""The parent of the subprocess that opens a file: it gives ranges of the file and takes facts and pictures.

Nothing that the subprocess says is trusted: messages, reading, time and output have limits, facts have a form, and
pictures are WebP. Its memory and processor time have limits of their own (``extraction.confinement``).
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from files_service.domain.derived import COVER, KINDS
from files_service.runtime.clock import monotonic_ms
from files_service.services.media.extraction.channel import (
    ASKED,
    END,
    FACTS,
    HEAD,
    LENGTH,
    MAX_RANGE,
    PICTURE,
    RANGE,
    REFUSED,
)
from files_service.services.media.forking import FORKS

logger = logging.getLogger(__name__)

MIB = 2**20
Read = Callable[[int, int, int], bytes | None]
_TICK_MS = 1_000
_ENDED = "the subprocess ended early"
_LETTERS = (RANGE, FACTS, PICTURE, END)
# Each has a gigabyte of address space at most: two at a time in a process.
_PLACES = threading.BoundedSemaphore(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one extraction; ``poster_bytes`` is what may be read before the poster of a clip is there."""

    wall_seconds: float = 60
    poster_bytes: int = 16 * MIB
    read_bytes: int = 64 * MIB
    picture_bytes: int = 128 * MIB
    output_bytes: int = 8 * MIB
    messages: int = 20_000


@dataclass(kw_only=True)
class Extraction:
    """The outcome: what the file tells, pictures by kind, the bytes that were read, and what went wrong, if anything.

    After a fault there is what was told before it.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)
    read_bytes: int = 0
    fault: str | None = None


class _Misbehaves(Exception):
    """The subprocess ended early, took too long, or said what it must not."""


DEFAULTS = Limits()


def extract(
    kind: str, sizes: Sequence[int], read: Read, *, tick: Callable[[], None] = lambda: None, limits: Limits = DEFAULTS
) -> Extraction:
    """Open a file in a subprocess: a ``picture``, ``clip``, ``sound``, a picture to ``cover``; ``none`` opens nothing.

    ``sizes`` are those of the file and, of a clip, its proxy. ``read`` gets the number of the source, offset and
    length, and returns None for bytes that are not there. ``tick`` is called every second; its errors, and those of
    ``read``, are raised again. No file makes this raise.
    """
    outcome = Extraction()
    with _place(tick), ExitStack() as opened:
        try:
            incoming, outgoing = opened.enter_context(FORKS.process())
        except (OSError, RuntimeError) as error:
            # A RuntimeError where the system gives no thread.
            logger.warning("no process to open a file can be started", extra={"error": str(error)})
            return Extraction(fault=f"no process can be started: {error}")
        try:
            _Conversation(incoming, outgoing, kind, sizes, read, tick, limits, outcome).run()
        except BrokenPipeError:
            outcome.fault = _ENDED
        except _Misbehaves as error:
            outcome.fault = str(error)
    return outcome


@contextmanager
def _place(tick: Callable[[], None]) -> Iterator[None]:
    while not _PLACES.acquire(timeout=_TICK_MS / 1000):
        tick()
    try:
        yield
    finally:
        _PLACES.release()


class _Conversation:
    """The messages between parent and subprocess, up to its end."""

    def __init__(
        self,
        incoming: int,
        outgoing: int,
        kind: str,
        sizes: Sequence[int],
        read: Read,
        tick: Callable[[], None],
        limits: Limits,
        outcome: Extraction,
    ) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        os.set_blocking(self._outgoing, False)
        self._kind, self._sizes, self._read, self._tick = kind, sizes, read, tick
        self._limits, self._outcome = limits, outcome
        self._deadline = monotonic_ms() + int(limits.wall_seconds * 1000)
        self._said = 0

    def run(self) -> None:
        """Serve the subprocess until it says that it is done. Raises _Misbehaves."""
        job = orjson.dumps({"kind": self._kind, "sizes": list(self._sizes)})
        self._send(LENGTH.pack(len(job)) + job)
        for _ in range(self._limits.messages):
            letter, length = HEAD.unpack(self._receive(HEAD.size))
            self._said += length
            if letter not in _LETTERS or self._said > self._limits.output_bytes:
                raise _Misbehaves("the subprocess said too much")
            body = self._receive(length)
            if letter == END:
                return
            self._take(letter, body)
        raise _Misbehaves("the subprocess asked too often")

    def _take(self, letter: bytes, body: bytes) -> None:
        if letter == RANGE:
            if len(body) != ASKED.size:
                raise _Misbehaves("the subprocess asked for no range")
            self._give(*ASKED.unpack(body))
        elif letter == FACTS:
            self._note(body)
        else:
            kind, _, data = body.partition(b"\0")
            name = kind.decode("ascii", "replace")
            if name not in (*KINDS, COVER) or data[:4] != b"RIFF" or data[8:12] != b"WEBP":
                raise _Misbehaves("the subprocess sent no preview")
            self._outcome.pictures[name] = data

    def _give(self, source: int, offset: int, length: int) -> None:
        """Send a range, or the refusal of one."""
        is_range = source < len(self._sizes) and 0 < length <= MAX_RANGE and offset + length <= self._sizes[source]
        is_room = self._outcome.read_bytes + length <= self._most_read()
        data = self._read(source, offset, length) if is_range and is_room else None
        if data is None:
            self._send(LENGTH.pack(REFUSED))
            return
        self._outcome.read_bytes += len(data)
        self._send(LENGTH.pack(len(data)) + data)

    def _most_read(self) -> int:
        if self._kind == "picture":
            return self._limits.picture_bytes
        return self._limits.read_bytes if "poster" in self._outcome.pictures else self._limits.poster_bytes

    def _note(self, body: bytes) -> None:
        try:
            facts = orjson.loads(body)
        except orjson.JSONDecodeError:
            facts = None
        if not isinstance(facts, dict):
            raise _Misbehaves("the subprocess told no facts")
        fault = facts.pop("fault", None)
        self._outcome.fault = str(fault) if fault is not None else self._outcome.fault
        self._outcome.facts |= facts

    def _receive(self, length: int) -> bytes:
        pieces = []
        while length:
            self._wait(self._incoming, select.POLLIN)
            piece = os.read(self._incoming, length)
            if not piece:
                raise _Misbehaves(_ENDED)
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._wait(self._outgoing, select.POLLOUT)
            with suppress(BlockingIOError):
                rest = rest[os.write(self._outgoing, rest) :]

    def _wait(self, pipe: int, event: int) -> None:
        """Wait until the pipe is ready; renew the lease meanwhile. Raises _Misbehaves at the end of the time."""
        ready = select.poll()
        ready.register(pipe, event)
        while True:
            left = self._deadline - monotonic_ms()
            if left <= 0:
                raise _Misbehaves("the subprocess took too long")
            self._tick()
            if ready.poll(min(left, _TICK_MS)):
                return


def is_installed() -> bool:
    """Return True when the libraries of the extra ``media`` are installed."""
    from importlib.util import find_spec

    return all(find_spec(name) is not None for name in ("av", "PIL", "pillow_heif"))


def facts_of(outcome: Extraction) -> Mapping[str, Any]:
    """Return the facts of an extraction that have a known name and a plain value."""
    return {name: value for name, value in outcome.facts.items() if name in _FACTS and _is_plain(value)}


_FACTS = frozenset(
    {
        *("width", "height", "rotation", "duration_ms", "codec", "audio_codec", "format", "bit_depth"),
        *("frames_per_second", "sample_rate", "hdr", "camera_make", "camera_model", "kind"),
        "content_identifier",
    }
)
_MAX_TEXT, _MAX_NUMBER = 100, 2**53


def _is_plain(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, str):
        return len(value) <= _MAX_TEXT and value.isprintable()
    return isinstance(value, (int, float)) and 0 <= value <= _MAX_NUMBER
