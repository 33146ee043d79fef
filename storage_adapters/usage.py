"""Counters of an owner, or of everybody: files and bytes, by what they are. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from storage_adapters.records import FileRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A number of files and the sum of their sizes in bytes."""

    files: int = 0
    bytes: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(files=self.files + other.files, bytes=self.bytes + other.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Files and bytes of an owner (or everybody); keys without files are absent.

    ``total`` and what it is divided into are the files that are listed. ``trash`` are those in the trash; ``versions``
    the former contents of both, and the uploads of new ones. ``usage_entries`` says it for each record.
    """

    total: Tally = Tally()
    by_access: Mapping[str, Tally] = field(default_factory=dict)
    by_content_type: Mapping[str, Tally] = field(default_factory=dict)
    by_status: Mapping[str, Tally] = field(default_factory=dict)
    trash: Tally = Tally()
    versions: Tally = Tally()

    @property
    def files(self) -> int:
        """Number of files, those in the trash and versions too: the owner has something while it is not 0."""
        return self.total.files + self.trash.files + self.versions.files

    @property
    def bytes(self) -> int:
        """Bytes of files, trash and versions together: those that count against a quota."""
        return self.total.bytes + self.trash.bytes + self.versions.bytes

    def counters(self) -> Iterator[tuple[str, str, Tally]]:
        """Yield dimension, key and tally of each counter, from which ``usage_from`` makes the usage again."""
        yield "total", "", self.total
        yield "trash", "", self.trash
        yield "versions", "", self.versions
        yield from (("access", key, tally) for key, tally in self.by_access.items())
        yield from (("content_type", key, tally) for key, tally in self.by_content_type.items())
        yield from (("status", key, tally) for key, tally in self.by_status.items())


def usage_entries(record: FileRecord) -> Iterator[tuple[str, str, Tally]]:
    """Yield the counters in which a record counts: dimension, key, and what it adds."""
    one = Tally(files=1, bytes=record.size)
    if record.version_of is not None:
        yield "versions", "", one
    elif record.trashed_at is not None:
        yield "trash", "", one
    else:
        yield "total", "", one
        yield "access", record.access.value, one
        yield "content_type", record.content_type, one
        yield "status", record.status.value, one
    if record.versions:
        yield "versions", "", Tally(files=len(record.versions), bytes=sum(each.size for each in record.versions))


def usage_from(counted: Mapping[str, Mapping[str, Tally]]) -> Usage:
    """Return the usage whose tallies are given by dimension and key."""
    return Usage(
        total=counted.get("total", {}).get("", Tally()),
        by_access=counted.get("access", {}),
        by_content_type=counted.get("content_type", {}),
        by_status=counted.get("status", {}),
        trash=counted.get("trash", {}).get("", Tally()),
        versions=counted.get("versions", {}).get("", Tally()),
    )
