"""Capabilities for changes of a live store: a mark of its schema, a journal, a scan, and what can be rebuilt.

All semantics are in these docstrings; adapters do not repeat them. Every method may raise ``StorageUnavailable``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from storage_adapters.errors import OrderUnavailable
from storage_adapters.ports.digest import DigestBucket
from storage_adapters.records import FileRecord, Tombstone
from storage_adapters.unicode_text import UNICODE_VERSION
from storage_adapters.usage import Usage

UNICODE_OF_0_1 = "14.0"
_UNICODE = "unicode"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The mark under which the data lie, "" when there is none, and the one that this code knows.

    ``empty`` says that the store holds nothing yet: the first to open it installs the schema. ``unicode`` is the
    version of Unicode by which names are sorted.
    """

    found: str
    known: str
    empty: bool = False
    unicode: str = ""


class SupportsMigrations(ABC):
    """Migrations of a live store: it opens with any schema, keeps a journal, and lists all records."""

    _names_are_sorted = False

    @classmethod
    @abstractmethod
    def from_url_of_any_schema(cls, url: str) -> Self:
        """Open the store without looking at its schema and without changing anything in it."""

    @abstractmethod
    def schema(self) -> Schema:
        """Return which schema the store has."""

    @abstractmethod
    def change_schema(self, mark: str) -> None:
        """Migrate the schema to this mark, up or down, and set it; in one atomic write where the store has such.

        "" only takes the mark away: the data stay, and ``from_url`` raises SchemaMismatch. Of data without a mark,
        any mark is believed. Doing it again is harmless. Raises SchemaMismatch for a mark that this code has no way to.
        """

    @abstractmethod
    def schema_faults(self) -> list[str]:
        """Return the differences from a new store with the mark that was found."""

    def repair_schema(self) -> bool:
        """Make again what is lost of the schema, where that loses nothing silently; return True when something was.

        A feed that is made again has the latest change of each file and document, in other sequences: checkpoints are
        removed, so that consumers start over. Processes of the service may run meanwhile.
        """
        return False

    @abstractmethod
    def read_journal(self, name: str) -> bytes | None:
        """Return a document of the journal, None when there is none of this name. Works with every schema."""

    @abstractmethod
    def write_journal(self, name: str, *, expected: bytes | None, document: bytes) -> bool:
        """Replace the document ``expected`` (None = there is none), durably; return False when it is another."""

    def unicode_version(self) -> str:
        """Return the version of Unicode by which names are sorted; without a mark that of version 0.1."""
        return (self.read_journal(_UNICODE) or b"").decode() or UNICODE_OF_0_1

    def mark_unicode(self, version: str) -> None:
        """Note by which version of Unicode names are sorted."""
        while version != self.unicode_version():
            self.write_journal(_UNICODE, expected=self.read_journal(_UNICODE), document=version.encode())

    def mark_new(self) -> None:
        """Note the version of Unicode in a new store."""
        if UNICODE_VERSION != UNICODE_OF_0_1:
            self.mark_unicode(UNICODE_VERSION)

    def require_order(self, field: str) -> None:
        """Return if the order of this field is the one that this code means. Raises OrderUnavailable.

        Looked at once: the mark is moved while no process of the service runs.
        """
        if field == "name" and not self._names_are_sorted:
            found = self.unicode_version()
            if found != UNICODE_VERSION:
                raise OrderUnavailable(found=found, known=UNICODE_VERSION)
            self._names_are_sorted = True

    @abstractmethod
    def scan(self, *, after: str, limit: int) -> tuple[list[FileRecord], str]:
        """Return up to ``limit`` records behind a position, and the position to go on from, "" at the end.

        "" is the beginning. The order is the store's own and does not follow from anything that a write changes: a
        walk to the end meets each file that exists all the time exactly once.
        """

    @abstractmethod
    def stored(self, file_ids: Sequence[str]) -> list[FileRecord | Tombstone | None]:
        """Return what is stored under these ids, in order: a record, a tombstone, or None for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Sums of a store, all as of one change: the usage of each owner asked for, and the digest."""

    sequence: str
    usages: list[Usage]
    digest: list[DigestBucket]


class SupportsRebuilding(SupportsMigrations):
    """Comparison and correction of indexes and sums against the records while writers write."""

    @abstractmethod
    def count_index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> tuple[int, int]:
        """Return how many places of these records in the order of these fields, and names, are missing, and are there.

        A record that is not stored as it is given counts as neither.
        """

    @abstractmethod
    def count_entries(self, *, after: str, limit: int) -> tuple[int, str]:
        """Count about ``limit`` entries of all indexes, and names, behind a position, without reading records.

        Returns the count, which is never too low, and the position to go on from, "" at the end; "" is the beginning.
        Where no record lacks an entry and nothing is written meanwhile, a total of as many entries as the records have
        says that there are no strays.
        """

    @abstractmethod
    def index(self, records: Sequence[FileRecord], fields: Iterable[str]) -> int:
        """Add the missing places and names of these records; return how many were added.

        A record that is not stored as it is given is passed over: its own write takes care of it. A name that another
        file holds is left to it.
        """

    @abstractmethod
    def strays(self, *, after: str, limit: int, fields: Iterable[str], remove: bool) -> tuple[int, str]:
        """Check about ``limit`` entries of the indexes behind a position, and remove those that do not belong.

        An entry belongs when a record has it and its field is one of ``fields``. Returns how many do not, and the
        position to go on from, "" at the end; "" is the beginning. Without ``remove`` nothing is changed.
        """

    @abstractmethod
    def counted(self, owners: Sequence[str | None]) -> Counted:
        """Return the stored counters of these owners (None = everybody) and the stored digest."""

    @abstractmethod
    def counted_owners(self, *, after: str, limit: int) -> tuple[list[str], str]:
        """Return owners that have counters, and the position to go on from, "" at the end.

        An owner may be returned twice.
        """

    @abstractmethod
    def correct_usage(self, owner: str | None, difference: Usage) -> None:
        """Add to the counters of an owner, in one atomic write; what comes to no files goes."""

    @abstractmethod
    def correct_digest(self, bucket: int, difference: DigestBucket) -> None:
        """Add to the sums of one bucket."""

    @abstractmethod
    def forget_checkpoint(self, consumer: str) -> None:
        """Remove a consumer's checkpoint, so that it holds no changes any more; do nothing without one."""


class SupportsBulkImport(ABC):
    """Bulk import of new files, which takes no name from other files."""

    @abstractmethod
    def import_files(self, records: Sequence[FileRecord]) -> list[bool]:
        """Store each record of a new id (also to tombstones) whose names are free; return True for each one stored.

        There is at most one record per file; of those that have one name, one at most is stored. As by ``replicate``,
        each stands in everything or nowhere, none enters the feed, revisions are kept, and after an error any part of
        the sequence may be stored.
        """


class SupportsDesigns(SupportsMigrations):
    """Indexes that the database derives from definitions, which are named after their content.

    A changed definition is therefore another one beside that in use: a version reads those that it knows, and none is
    read before it is built. Those that no version in use knows are dropped in the end.
    """

    @abstractmethod
    def designs(self) -> tuple[list[str], list[str], list[str]]:
        """Return the names of the definitions that are missing, those installed, and those that this code needs not.

        Missing and installed ones are in the order in which they are best built: what most lists need comes first.
        """

    @abstractmethod
    def build_progress(self) -> dict[str, float]:
        """Return the part that is built, 0 to 1, of each index that lacks so many changes that lists would wait for it.

        By the names of the indexes that people know. Empty where the database does not tell. Builds nothing.
        """

    @abstractmethod
    def build_design(self, name: str) -> bool:
        """Write a missing definition and wait for its index as long as one request may; return True when it is done.

        Building takes processor time from readers and writers: ask for one when the one before is built.
        """

    @abstractmethod
    def mark_designs(self, *, built: bool) -> None:
        """Note that all are built, so that a process that starts need not look; or that this is no longer known."""

    @abstractmethod
    def correct_indexes(self, *, after: str, limit: int, write: bool) -> tuple[int, str]:
        """Compare what indexes read of up to ``limit`` files behind a position with what this version makes of them.

        They differ where another version of Unicode sorted a name, or a release wrote a file whose later fields it does
        not know. With ``write`` those that differ are corrected, without an entry in the feed; one that is written
        meanwhile is left to that write. Returns how many differed, and the position to go on from, "" at the end; "" is
        the beginning.
        """

    @abstractmethod
    def drop_designs(self, names: Sequence[str]) -> None:
        """Remove definitions and their indexes; missing ones are ignored."""
