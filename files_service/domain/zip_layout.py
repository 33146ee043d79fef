"""Layout of ZIP archives whose entries are stored, not compressed: lengths, records, the pieces of a range. Pure.

1. The length of an archive follows from names and sizes. With the CRC-32 of each entry, every byte beside the contents
   does, too: any range can be made without the rest.
2. An entry of unknown CRC-32 is followed by a data descriptor: such an archive can be made from its beginning alone.
3. Sizes and offsets from 4 GiB - 1 on, and 65 535 entries or more, are in ZIP64 records; nothing else is.

APPNOTE.TXT 6.3.10 of PKWARE; the extended timestamp is that of Info-ZIP.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from types import MappingProxyType

_MOST_16, _MOST_32 = 0xFFFF, 0xFFFF_FFFF
_PLAIN, _EXTENDED, _ZIP64 = 10, 20, 45
_UNIX = 3 << 8
_FILE_MODE, _FOLDER_MODE = 0o100644 << 16, 0o40755 << 16 | 0x10
_HAS_DESCRIPTOR, _UTF8 = 0x0008, 0x0800
_LOCAL, _CENTRAL = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L")
_DESCRIPTOR_32, _DESCRIPTOR_64 = struct.Struct("<4s3L"), struct.Struct("<4sL2Q")
_END, _END_64, _LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_STAMP = struct.Struct("<2HBL")
_LATEST_STAMP = 2**31 - 1
_FIRST_DATE, _LAST_DATE = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, 23, 59, 58, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of an archive, or a folder, whose name ends with a slash. ``crc32`` is None while it is unknown."""

    name: str
    size: int = 0
    modified_at: int = 0
    crc32: int | None = 0

    @property
    def has_descriptor(self) -> bool:
        """True when the CRC-32 follows the content."""
        return self.crc32 is None and self.size > 0


@dataclass(frozen=True, slots=True)
class Content:
    """A range of the content of an entry, as a piece of an archive."""

    index: int
    offset: int
    length: int


Piece = bytes | Content


class Layout:
    """The archive of some entries, in their order. It keeps two numbers for each, and makes records when asked."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self.entries = entries
        self._local = list(accumulate(map(_local_length, entries), initial=0))
        lengths = (_central_length(each, start) for each, start in zip(entries, self._local, strict=False))
        self._central = list(accumulate(lengths, initial=self._local[-1]))
        self._end = _end_records(len(entries), self._local[-1], self._central[-1])
        self.size = self._central[-1] + len(self._end)
        self.is_resumable = not any(each.has_descriptor for each in entries)

    def pieces(
        self, start: int = 0, end: int | None = None, found: Mapping[int, int] = MappingProxyType({})
    ) -> Iterator[Piece]:
        """Yield what the bytes from ``start`` to ``end`` consist of.

        ``found`` must have the CRC-32 of each content that has a descriptor, by its index, before the piece behind it
        is asked for.
        """
        end = self.size if end is None else end
        for place, piece in self._pieces_from(start, found):
            length = piece.length if isinstance(piece, Content) else len(piece)
            first, last = max(0, start - place), min(end - place, length)
            if last <= 0:
                return
            if first < last:
                yield piece[first:last] if isinstance(piece, bytes) else Content(piece.index, first, last - first)

    def _pieces_from(self, start: int, found: Mapping[int, int]) -> Iterator[tuple[int, Piece]]:
        """Yield whole pieces with their places, from the record or content on in which ``start`` lies."""
        for index in range(bisect_right(self._local, start) - 1, len(self.entries)):
            entry, place = self.entries[index], self._local[index]
            header = _local_header(entry)
            yield place, header
            if entry.size:
                yield place + len(header), Content(index, 0, entry.size)
            if entry.has_descriptor:
                yield place + len(header) + entry.size, _descriptor(entry, found[index])
        for index in range(max(0, bisect_right(self._central, start) - 1), len(self.entries)):
            entry, crc32 = self.entries[index], self.entries[index].crc32
            crc32 = found[index] if entry.has_descriptor else crc32 or 0
            yield self._central[index], _central_record(entry, crc32, self._local[index])
        yield self._central[-1], self._end


def _is_large(entry: Entry) -> bool:
    return entry.size >= _MOST_32


def _local_length(entry: Entry) -> int:
    """Return the length of all that stands before the next entry."""
    descriptor = _DESCRIPTOR_64 if _is_large(entry) else _DESCRIPTOR_32
    extra = (20 if _is_large(entry) else 0) + (_STAMP.size if _is_stamped(entry) else 0)
    after = entry.size + (descriptor.size if entry.has_descriptor else 0)
    return _LOCAL.size + len(entry.name.encode()) + extra + after


def _central_length(entry: Entry, start: int) -> int:
    wide = (2 if _is_large(entry) else 0) + (1 if start >= _MOST_32 else 0)
    extra = (4 + 8 * wide if wide else 0) + (_STAMP.size if _is_stamped(entry) else 0)
    return _CENTRAL.size + len(entry.name.encode()) + extra


def _local_header(entry: Entry) -> bytes:
    name, extra = entry.name.encode(), _stamp(entry)
    crc32, size = (0, 0) if entry.has_descriptor else (entry.crc32 or 0, entry.size)
    if _is_large(entry):
        extra = struct.pack("<2H2Q", 1, 16, size, size) + extra
        size = _MOST_32
    fields = (_needed(entry), _flags(entry), 0, *_dos_time(entry), crc32, size, size, len(name), len(extra))
    return _LOCAL.pack(b"PK\3\4", *fields) + name + extra


def _descriptor(entry: Entry, crc32: int) -> bytes:
    form = _DESCRIPTOR_64 if _is_large(entry) else _DESCRIPTOR_32
    return form.pack(b"PK\7\10", crc32, entry.size, entry.size)


def _central_record(entry: Entry, crc32: int, start: int) -> bytes:
    name = entry.name.encode()
    wide = ([entry.size] * 2 if _is_large(entry) else []) + ([start] if start >= _MOST_32 else [])
    extra = struct.pack(f"<2H{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    extra += _stamp(entry)
    needed = _ZIP64 if wide else _needed(entry)
    size = min(entry.size, _MOST_32)
    mode = _FOLDER_MODE if entry.name.endswith("/") else _FILE_MODE
    fields = (_UNIX | _ZIP64, needed, _flags(entry), 0, *_dos_time(entry), crc32, size, size)
    lengths = (len(name), len(extra), 0)
    return _CENTRAL.pack(b"PK\1\2", *fields, *lengths, 0, 0, mode, min(start, _MOST_32)) + name + extra


def _end_records(count: int, start: int, end: int) -> bytes:
    length = end - start
    short = min(count, _MOST_16)
    plain = _END.pack(b"PK\5\6", 0, 0, short, short, min(length, _MOST_32), min(start, _MOST_32), 0)
    if count < _MOST_16 and length < _MOST_32 and start < _MOST_32:
        return plain
    # Its length is that of what follows it.
    versions = (_UNIX | _ZIP64, _ZIP64)
    wide = _END_64.pack(b"PK\6\6", _END_64.size - 12, *versions, 0, 0, count, count, length, start)
    return wide + _LOCATOR.pack(b"PK\6\7", 0, end, 1) + plain


def _needed(entry: Entry) -> int:
    if _is_large(entry):
        return _ZIP64
    return _EXTENDED if entry.has_descriptor or entry.name.endswith("/") else _PLAIN


def _flags(entry: Entry) -> int:
    return (_HAS_DESCRIPTOR if entry.has_descriptor else 0) | (0 if entry.name.isascii() else _UTF8)


def _dos_time(entry: Entry) -> tuple[int, int]:
    """Return time and date in UTC: the format knows no zone. The extended timestamp is exact."""
    try:
        moment = datetime.fromtimestamp(entry.modified_at // 1000, tz=UTC)
    except (OverflowError, ValueError, OSError):
        moment = _LAST_DATE
    moment = min(max(moment, _FIRST_DATE), _LAST_DATE)
    time = moment.hour << 11 | moment.minute << 5 | moment.second // 2
    return time, (moment.year - 1980) << 9 | moment.month << 5 | moment.day


def _is_stamped(entry: Entry) -> bool:
    return 0 <= entry.modified_at // 1000 <= _LATEST_STAMP


def _stamp(entry: Entry) -> bytes:
    return _STAMP.pack(0x5455, 5, 1, entry.modified_at // 1000) if _is_stamped(entry) else b""
