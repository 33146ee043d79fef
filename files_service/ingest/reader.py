"""Reading of the files of a card: each byte once, nothing opened for writing, and the device's faults told apart."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

BLOCK_BYTES = 4 * 1024 * 1024
PIECE_BYTES = 64 * 1024
TRIES = 3
# A card that is bad all over is not worn out by our search for its good pieces.
MOST_BAD_PIECES = 256
_GONE = frozenset(
    (errno.ENODEV, errno.ENXIO, errno.ENOMEDIUM, errno.ESTALE, errno.ENOTCONN, errno.ESHUTDOWN, errno.ETIMEDOUT)
)

# Fills buffers from a place of an open file, as ``os.preadv`` does.
Read = Callable[[int, Sequence[memoryview], int], int]
Ranges = tuple[tuple[int, int], ...]


def read_at(descriptor: int, buffers: Sequence[memoryview], offset: int) -> int:
    """Read from a place of an open file into buffers."""
    return os.preadv(descriptor, buffers, offset)


class DeviceGone(Exception):
    """A card that was pulled."""


class Exchanged(DeviceGone):
    """Another card in the place of the one that is read."""

    def __init__(self, root: Path) -> None:
        super().__init__(f"another card is at {root}")


class Missing(Exception):
    """A file that is no longer on the card."""


class Changed(Exception):
    """A file that changed while it was read."""


class Unreadable(Exception):
    """A file that the card cannot give whole; ``ranges`` are the bytes that it does not give."""

    def __init__(self, reason: str, ranges: Ranges = ()) -> None:
        super().__init__(reason)
        self.ranges = ranges


@dataclass(frozen=True, slots=True)
class State:
    """Size and modification time of a file."""

    size: int
    mtime_ns: int


class CardReader:
    """The files below the root of one card. ``read`` is the lowest call, and counts into ``bytes_read``."""

    def __init__(self, root: Path, *, read: Read = read_at) -> None:
        self.root = root
        self.bytes_read = 0
        self._read, self._lock = read, Lock()
        try:
            self._device = root.stat().st_dev
        except OSError as error:
            raise DeviceGone(f"cannot read {root}: {error.strerror}") from error

    def is_present(self) -> bool:
        """Return True when the card is still there."""
        try:
            with os.scandir(self.root) as entries:
                next(entries, None)
            device = self.root.stat().st_dev
        except OSError:
            return False
        number = f"{os.major(device)}:{os.minor(device)}"
        # Anonymous file systems, as those of FUSE, have no device to be pulled.
        return device == self._device and (os.major(device) == 0 or Path(f"/sys/dev/block/{number}").exists())

    @contextmanager
    def open(self, path: str) -> Iterator[OpenFile]:
        """Open a file for reading. Raises Missing, Unreadable, DeviceGone."""
        try:
            descriptor = _open(self.root / path)
            try:
                found = os.fstat(descriptor)
                if found.st_dev != self._device:
                    raise Exchanged(self.root)
                if not stat.S_ISREG(found.st_mode):
                    raise Unreadable("not a file")
                yield OpenFile(self, descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self.fault(error) from error

    def fault(self, error: OSError) -> Exception:
        """Return the fault that an error of the system means."""
        if error.errno in _GONE or not self.is_present():
            return DeviceGone(f"the card at {self.root} is gone")
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return Missing("no longer on the card")
        return Unreadable(error.strerror or type(error).__name__)

    def read(self, descriptor: int, data: memoryview, offset: int) -> None:
        """Fill the buffer. Raises OSError, and Changed at the end of the file."""
        done = 0
        while done < len(data):
            count = self._read(descriptor, [data[done:]], offset + done)
            if count == 0:
                raise Changed("became shorter while it was read")
            done += count
            with self._lock:
                self.bytes_read += count


@dataclass(frozen=True, slots=True)
class OpenFile:
    """One open file of a card."""

    card: CardReader
    descriptor: int

    @property
    def state(self) -> State:
        """Size and modification time now. Raises DeviceGone."""
        try:
            found = os.fstat(self.descriptor)
        except OSError as error:
            raise self.card.fault(error) from error
        return State(found.st_size, found.st_mtime_ns)

    def read(self, data: memoryview, offset: int) -> None:
        """Fill the buffer with the bytes at an offset; a failing read is repeated.

        Raises Unreadable when the tries are used up, DeviceGone and Changed.
        """
        for attempt in range(1, TRIES + 1):
            try:
                self.card.read(self.descriptor, data, offset)
            except OSError as error:
                fault = self.card.fault(error)
                if error.errno != errno.EIO or isinstance(fault, DeviceGone) or attempt == TRIES:
                    raise fault from error
            else:
                return

    def forget(self, offset: int = 0, length: int = 0) -> None:
        """Drop bytes from the page cache, so that the next read is one of the card; all of them by default."""
        self._advise(offset, length, "POSIX_FADV_DONTNEED")

    def read_ahead(self) -> None:
        """Announce that the file is read from its beginning to its end."""
        self._advise(0, 0, "POSIX_FADV_SEQUENTIAL")

    def read_singly(self) -> None:
        """Announce that nothing beside the bytes that are asked for is wanted."""
        self._advise(0, 0, "POSIX_FADV_RANDOM")

    def _advise(self, offset: int, length: int, name: str) -> None:
        advice = getattr(os, name, None)
        if advice is not None:
            with suppress(OSError):
                os.posix_fadvise(self.descriptor, offset, length, advice)

    def bad_ranges(self, start: int, size: int) -> Ranges:
        """Find the ranges from ``start`` on that cannot be read, in steps of 64 KiB. Raises DeviceGone and Changed."""
        self.read_singly()
        found: list[tuple[int, int]] = []
        buffer = memoryview(bytearray(BLOCK_BYTES))
        bad = 0
        for offset in range(start, size, BLOCK_BYTES):
            end = min(offset + BLOCK_BYTES, size)
            if self._can_read(buffer[: end - offset], offset):
                continue
            for first in range(offset, end, PIECE_BYTES):
                last = min(first + PIECE_BYTES, end)
                if not self._can_read(buffer[: last - first], first):
                    bad += 1
                    _extend(found, first, last)
                if bad == MOST_BAD_PIECES:
                    _extend(found, last, size)
                    return tuple(found)
        return tuple(found)

    def _can_read(self, data: memoryview, offset: int) -> bool:
        try:
            self.card.read(self.descriptor, data, offset)
        except OSError as error:
            fault = self.card.fault(error)
            if isinstance(fault, DeviceGone):
                raise fault from error
            return False
        return True


def _extend(ranges: list[tuple[int, int]], start: int, end: int) -> None:
    if start == end:
        return
    if ranges and ranges[-1][1] == start:
        ranges[-1] = (ranges[-1][0], end)
    else:
        ranges.append((start, end))


def _open(path: Path) -> int:
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        # Only the owner of a file may leave its access time alone.
        return os.open(path, flags)
