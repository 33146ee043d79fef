"""GPMF, the metadata track of GoPro cameras: the first time that a satellite told.

An entry is a key of four letters, the type of its values, the size and the number of its samples, and the values,
filled up to four bytes. Entries of type 0 have entries within them: a device its streams, a stream its measurements.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HEAD = struct.Struct(">4sBBH")
_GPSU = re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.(\d{3})")
_NESTED = 0
_LEAST_FIX = 2
_GPS9_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MAX_DEPTH = 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``size`` is that of each of its samples."""

    key: bytes
    kind: int
    size: int
    data: bytes


def first_gps_time(payload: bytes) -> datetime | None:
    """Return the UTC time in one payload of the track, None without a fix by then."""
    for stream in _streams(payload, 0):
        moment = _time_of(stream)
        if moment is not None:
            return moment
    return None


def entries(payload: bytes) -> Iterator[Entry]:
    """Yield the entries of one level, up to the first one that is cut."""
    place = 0
    while place + _HEAD.size <= len(payload):
        key, kind, size, count = _HEAD.unpack_from(payload, place)
        place += _HEAD.size
        length = size * count
        if place + length > len(payload) or key == b"\0\0\0\0":
            return
        yield Entry(key, kind, size, payload[place : place + length])
        place += length + -length % 4


def _streams(payload: bytes, depth: int) -> Iterator[Mapping[bytes, Entry]]:
    """Yield the measurements of each stream by their key."""
    for entry in entries(payload):
        if entry.kind == _NESTED and entry.key == b"STRM":
            yield {each.key: each for each in entries(entry.data)}
        elif entry.kind == _NESTED and depth < _MAX_DEPTH:
            yield from _streams(entry.data, depth + 1)


def _time_of(stream: Mapping[bytes, Entry]) -> datetime | None:
    if b"GPSU" in stream:
        fix = stream.get(b"GPSF")
        is_fixed = fix is not None and int.from_bytes(fix.data[:4], "big") >= _LEAST_FIX
        return _of_gpsu(stream[b"GPSU"].data) if is_fixed else None
    if b"GPS9" in stream:
        return _of_gps9(stream)
    return None


def _of_gpsu(data: bytes) -> datetime | None:
    """Return the time in a text such as ``240501101530.250``."""
    match = _GPSU.match(data)
    if match is None:
        return None
    year, month, day, hour, minute, second, milliseconds = (int(each) for each in match.groups())
    try:
        return datetime(2000 + year, month, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)
    except ValueError:
        return None


def _of_gps9(stream: Mapping[bytes, Entry]) -> datetime | None:
    """Return days and seconds since the year 2000 of the first sample with a fix, by the scale of its stream."""
    entry, scale = stream[b"GPS9"], stream.get(b"SCAL")
    scales = struct.unpack(f">{len(scale.data) // 4}i", scale.data) if scale and scale.size == 4 else (1,) * 9
    if len(scales) != 9 or not all(scales) or entry.size != 32:
        return None
    for place in range(0, len(entry.data) - 31, 32):
        *_, days, seconds, _, fix = struct.unpack_from(">7i2H", entry.data, place)
        if fix / scales[8] >= _LEAST_FIX and days > 0:
            return _GPS9_EPOCH + timedelta(days=days / scales[5], seconds=seconds / scales[6])
    return None
