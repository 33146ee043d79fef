"""Counts of files by kind and access, by the day on which the files were made. Pure.

Tallies are numbers of files and bytes under keys: "image/private", "trash" and "versions"; of several days with the
day before the key. A file is under one key of kind and access, or in the trash. Versions count on the day of their
file, and so does the upload of a version on its own. A picture or video that was taken in another month than that of
its making has a second tally, under ``CAPTURED_PREFIX``, that month and its kind.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from storage_adapters import FileRecord, usage_entries

IMAGE, VIDEO, AUDIO, DOCUMENT, ARCHIVE, OTHER = "image", "video", "audio", "document", "archive", "other"
KINDS = (IMAGE, VIDEO, AUDIO, DOCUMENT, ARCHIVE, OTHER)
SHOWN = (IMAGE, VIDEO)
TRASH, VERSIONS = "trash", "versions"
CAPTURED_PREFIX = "captured "

Tallies = Mapping[str, tuple[int, int]]

_EPOCH = datetime.fromtimestamp(0, UTC)
_DAY_MS = 86_400_000
_FIRST_MS = -5_364_662_400_000  # 1800: before there were pictures
_LAST_MS = 253_402_300_799_999
_DOCUMENTS = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "application/msword",
        "application/epub+zip",
        "application/json",
        "application/xml",
        "application/postscript",
    }
)
_DOCUMENT_PREFIXES = (
    "text/",
    "application/vnd.ms-",
    "application/vnd.openxmlformats-officedocument.",
    "application/vnd.oasis.opendocument.",
    "application/vnd.apple.",
)
_ARCHIVES = frozenset(
    {
        "application/zip",
        "application/gzip",
        "application/x-gzip",
        "application/x-tar",
        "application/x-bzip2",
        "application/x-xz",
        "application/zstd",
        "application/x-7z-compressed",
        "application/vnd.rar",
        "application/x-rar-compressed",
        "application/java-archive",
        "application/x-iso9660-image",
        "application/x-zip-compressed",
    }
)


def kind_of(content_type: str) -> str:
    """Return the kind of files of a content type."""
    plain = content_type.partition(";")[0].strip()
    top = plain.partition("/")[0]
    if top in (IMAGE, VIDEO, AUDIO):
        return top
    if plain in _ARCHIVES:
        return ARCHIVE
    return DOCUMENT if plain in _DOCUMENTS or plain.startswith(_DOCUMENT_PREFIXES) else OTHER


def day_of(time: int) -> str:
    """Return the day of a time, in UTC: "2026-11-29"."""
    return datetime.fromtimestamp(min(max(time, 0), _LAST_MS) // 1000, UTC).date().isoformat()


def month_of(time: int) -> str:
    """Return the month of a time, in UTC: "2026-11"."""
    return (_EPOCH + timedelta(milliseconds=min(max(time, _FIRST_MS), _LAST_MS))).strftime("%Y-%m")


def taken_at(record: FileRecord) -> int:
    """Return the time at which the timeline shows a file: that of its capture, else of its making.

    A camera whose clock was ahead of the upload, or set to nothing, tells no time.
    """
    captured = record.captured_at
    is_known = captured is not None and _FIRST_MS <= captured < record.created_at + _DAY_MS
    return captured if captured is not None and is_known else record.created_at


def beginning_of(day: str) -> int:
    """Return the time at which a day begins, in UTC."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * 1000


def limits_of_month(month: str) -> tuple[int, int]:
    """Return the times at which a month begins, in UTC, and at which the next one does: "2026-07"."""
    days = monthrange(int(month[:4]), int(month[5:]))[1]
    return beginning_of(f"{month}-01"), beginning_of(f"{month}-{days}") + _DAY_MS


def days_until(time: int, number: int) -> list[str]:
    """Return so many days in their order, the last of which is that of a time."""
    last = datetime.fromisoformat(day_of(time)).toordinal()
    return [date.fromordinal(each).isoformat() for each in range(max(1, last - number + 1), last + 1)]


def tallies_of(record: FileRecord) -> Tallies:
    """Return what one file adds: the same files and bytes as to the usage of its owner."""
    found: dict[str, tuple[int, int]] = {}
    for dimension, _, tally in usage_entries(record):
        key = f"{kind_of(record.content_type)}/{record.access.value}" if dimension == "total" else dimension
        if key in (TRASH, VERSIONS) or dimension == "total":
            add(found, {key: (tally.files, tally.bytes)}, 1)
        kind, month = kind_of(record.content_type), month_of(taken_at(record))
        if dimension == "total" and kind in SHOWN and month != month_of(record.created_at):
            add(found, {f"{CAPTURED_PREFIX}{month}/{kind}": (tally.files, tally.bytes)}, 1)
    return found


def merged(many: Iterable[Tallies]) -> dict[str, tuple[int, int]]:
    """Add tallies up."""
    total: dict[str, tuple[int, int]] = {}
    for tallies in many:
        add(total, tallies, 1)
    return total


def add(total: dict[str, tuple[int, int]], tallies: Tallies, sign: int) -> None:
    """Add tallies to a sum, or take them off; keys without files are dropped."""
    for key, (count, size) in tallies.items():
        had = total.get(key, (0, 0))
        now = had[0] + sign * count, had[1] + sign * size
        if now == (0, 0):
            del total[key]
        else:
            total[key] = now


class Sum:
    """Tallies of members by name, and their sum."""

    def __init__(self) -> None:
        self.members: dict[str, Tallies] = {}
        self.total: dict[str, tuple[int, int]] = {}

    def put(self, name: str, tallies: Tallies) -> None:
        """Set the tallies of a member; empty ones remove it."""
        add(self.total, self.members.pop(name, {}), -1)
        add(self.total, tallies, 1)
        if tallies:
            self.members[name] = tallies
