"""Time formats of files, turned into milliseconds since the epoch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EXIF = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JSON = dict[str, Any]


def told(source: str, moment: datetime, offset_minutes: int | None = None) -> JSON:
    """Return a time for the parent; a local one whose offset is not known is taken as UTC."""
    return {"source": source, "at": (moment - _EPOCH) // timedelta(milliseconds=1), "offset_minutes": offset_minutes}


def exif_times(plain: Mapping[int, Any], detail: Mapping[int, Any], gps: Mapping[int, Any]) -> list[JSON]:
    """Return the times in the three directories of Exif: of the image, of the photo, and of the satellite receiver."""
    return [each for each in (_gps_time(gps), _photo_time(plain, detail)) if each is not None]


def text_time(source: str, local_source: str, text: str) -> JSON | None:
    """Return the time in an ISO 8601 text, None without one; without an offset it is that of ``local_source``."""
    match = _EXIF.match(text.strip())
    if match is None:
        return None
    moment = _moment(match)
    rest = text.strip()[match.end() :]
    offset = offset_of(re.sub(r"^\.\d+", "", rest))
    if moment is None:
        return None
    if offset is None:
        return told(local_source, moment)
    try:
        return told(source, moment - timedelta(minutes=offset), offset)
    except OverflowError:
        # A clock that was never set, at the beginning of all years.
        return None


def offset_of(text: str) -> int | None:
    """Return the minutes in an offset such as ``+02:00``, None for anything else."""
    if text.strip() == "Z":
        return 0
    match = _OFFSET.fullmatch(text.strip())
    if match is None:
        return None
    return (int(match[2]) * 60 + int(match[3])) * (-1 if match[1] == "-" else 1)


def _photo_time(plain: Mapping[int, Any], detail: Mapping[int, Any]) -> JSON | None:
    """Return DateTimeOriginal, DateTimeDigitized or DateTime, each with its offset and its part of a second."""
    for value, zone, part in (
        (detail.get(0x9003), detail.get(0x9011), detail.get(0x9291)),
        (detail.get(0x9004), detail.get(0x9012), detail.get(0x9292)),
        (plain.get(0x0132), detail.get(0x9010), detail.get(0x9290)),
    ):
        match = _EXIF.match(str(value or ""))
        moment = _moment(match) if match else None
        if moment is None:
            continue
        digits = str(part or "").strip().strip("\0")
        if digits.isascii() and digits.isdecimal():
            moment += timedelta(milliseconds=int(digits[:3].ljust(3, "0")))
        offset = offset_of(str(zone or "").strip("\0"))
        if offset is not None:
            return told("exif", moment - timedelta(minutes=offset), offset)
        return told("exif_local", moment)
    return None


def _gps_time(gps: Mapping[int, Any]) -> JSON | None:
    """Return GPSDateStamp with GPSTimeStamp, which are UTC."""
    try:
        year, month, date = (int(each) for each in str(gps[0x001D]).strip("\0 ").split(":"))
        day = datetime(year, month, date, tzinfo=UTC)
        hours, minutes, seconds = (float(each) for each in gps[0x0007])
        return told("gps", day + timedelta(hours=hours, minutes=minutes, seconds=seconds))
    except (KeyError, ValueError, TypeError, ZeroDivisionError, OverflowError):
        return None


def _moment(match: re.Match[str]) -> datetime | None:
    try:
        year, month, day, hour, minute, second = (int(each) for each in match.groups())
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
