"""The time at which a picture or clip was taken, told from what its file says. Pure.

1. The sources in their order of trust are those of ``Source``; the first one that tells a time decides.
2. A local time is one whose offset from UTC nobody wrote: it is kept as if it were UTC, with an unknown offset.
3. Cameras of ``LOCAL_CAMERAS`` write local time where the container's format asks for UTC.
4. Where a satellite tells the time and the camera's clock a local one, their difference is the offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_QUARTER_MS = 15 * 60_000
_LATEST = 253_402_300_800_000
# Offsets of the inhabited world.
_OFFSETS = range(-12 * 60, 14 * 60 + 1)
LOCAL_CAMERAS = frozenset({"gopro"})


class Source(StrEnum):
    """Sources of a time, the most trusted first; the ``local`` ones do not say of which place their time is."""

    GPS = "gps"
    EXIF = "exif"
    QUICKTIME = "quicktime"
    CONTAINER = "container"
    EXIF_LOCAL = "exif_local"
    CONTAINER_LOCAL = "container_local"
    MTIME = "mtime"


LOCAL = frozenset({Source.EXIF_LOCAL, Source.CONTAINER_LOCAL})
# Two times closer than this, apart from whole quarters of an hour, are of the same moment.
_SAME_MS = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Told:
    """A time that one source tells: milliseconds since the epoch, and the offset of the place where it is known."""

    source: Source
    at: int
    offset_minutes: int | None = None


def captured(told: Sequence[Told], *, camera: str = "", mtime_at: object = None) -> Told | None:
    """Return the time at which the content was taken; None when nothing tells it.

    ``mtime_at`` is what the sender gave as the time of the file, of whatever type.
    """
    found = [_by_camera(each, camera) for each in told if 0 < each.at < _LATEST]
    if isinstance(mtime_at, int) and not isinstance(mtime_at, bool) and 0 < mtime_at < _LATEST:
        found.append(Told(Source.MTIME, mtime_at))
    order = list(Source)
    best = min(found, key=lambda each: order.index(each.source), default=None)
    if best is None or best.offset_minutes is not None:
        return best
    return Told(best.source, best.at, _offset(best, found)) if best.source is Source.GPS else best


def is_offset(minutes: int) -> bool:
    """Return True for an offset from UTC that some place has."""
    return minutes in _OFFSETS


def _by_camera(told: Told, camera: str) -> Told:
    if told.source is Source.CONTAINER and camera.lower().startswith(tuple(LOCAL_CAMERAS)):
        return Told(Source.CONTAINER_LOCAL, told.at)
    return told


def _offset(gps: Told, found: Sequence[Told]) -> int | None:
    """Return the offset that another source knows, or that a local clock shows; None without one."""
    known = next((each.offset_minutes for each in found if each.offset_minutes is not None), None)
    if known is not None:
        return known
    for each in found:
        if each.source in LOCAL:
            quarters = round((each.at - gps.at) / _QUARTER_MS)
            close = abs(each.at - gps.at - quarters * _QUARTER_MS) <= _SAME_MS
            if close and is_offset(quarters * 15):
                return quarters * 15
    return None
