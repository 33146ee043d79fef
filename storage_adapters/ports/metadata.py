"""The two ports and their optional capabilities. All semantics are in these docstrings; adapters do not repeat them.

A capability is a class of its own that an adapter inherits when it can do it: ask with ``isinstance``. Every method
may raise ``StorageUnavailable``; all methods may be called from several threads at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from storage_adapters.ports.documents import DocumentChange
from storage_adapters.query import ListQuery, Page
from storage_adapters.records import Change, FileRecord, Tombstone, is_number_passed
from storage_adapters.usage import Usage

# A sequence of every store that lies before its first change.
BEGINNING = "0"


class MetadataStore(ABC):
    """Store of one record per file. ``save`` and ``delete`` are atomic, durable when they return, and all or nothing.

    One write moves the record, every index, the usage counters, the parity digest and the change feed together; a
    process that dies at any moment leaves either all of it or none.
    """

    @abstractmethod
    def get(self, file_id: str) -> FileRecord:
        """Return the record as last saved.

        Raises RecordDeleted when it was deleted, else RecordNotFound when there never was one.
        """

    @abstractmethod
    def save(
        self,
        record: FileRecord,
        *,
        expected_revision: int,
        changed_at: int,
        event: str | None,
        before: FileRecord | None = None,
    ) -> FileRecord:
        """Write the record if the stored revision is ``expected_revision`` (0 = there is none) and return it as stored.

        The stored revision is ``expected_revision`` + 1, whatever ``record.revision`` says. ``event`` and
        ``changed_at`` go into the change feed. Of several concurrent saves of one revision exactly one wins.

        ``before`` is the record of the expected revision as this store returned it to the caller, so that it need not
        be read again. It is a hint: a store compares it with what is stored, and where that is anything else, reads and
        goes by what is stored. A wrong ``before`` costs time and changes nothing.

        Raises RevisionConflict when the stored revision is another, the file does not exist (and the expected revision
        is not 0), or the file was deleted: an id is never used again. Raises NameTaken (kind "alias", "request_id" or
        "path") when another file of the same owner holds the name (``records.names_held``); of several concurrent
        claims exactly one wins. A failed save changes nothing.
        """

    @abstractmethod
    def delete(
        self,
        file_id: str,
        *,
        expected_revision: int,
        deleted_at: int,
        event: str | None,
        clean_after: int | None,
        before: FileRecord | None = None,
    ) -> Tombstone:
        """Remove the record and all its index entries, leave a tombstone, free its names.

        The tombstone's revision is ``expected_revision`` + 1. It keeps the parts, those of versions too, so that their
        blobs can be deleted from ``clean_after`` on; with ``clean_after`` None the blobs are to be kept and the
        tombstone has no parts.
        ``before`` is what it is for ``save``.

        Raises RevisionConflict when the stored revision is another or there is no such file.
        """

    @abstractmethod
    def find(self, query: ListQuery) -> Page:
        """Return one page in the query's order; ``storage_adapters.query`` defines queries.

        Work is bounded by ``query.scan_limit``: no call reads many more records than that, and a page that met the
        limit ends early with a position to go on from. Walking the positions to the end returns each file that was not
        changed meanwhile exactly once, and each folder (``query``, rule 6) of such files once; a folder costs one
        bounded read, however many files lie in it.
        """

    @abstractmethod
    def usage(self, owner: str | None) -> Usage:
        """Return the counters of one owner, or of all files. Costs the same however many files there are."""

    @abstractmethod
    def resolve(self, owner: str, kind: str, names: Sequence[str]) -> list[str | None]:
        """Return, in order, the ids of the owner's files that hold these names, None where no file does.

        ``kind`` is "alias", "request_id" or "path".
        """

    @abstractmethod
    def unclean(self, *, now: int, limit: int, after: str = "") -> list[Tombstone]:
        """Return tombstones that still name blobs and whose ``clean_after`` is not later than ``now``, by file id."""

    @abstractmethod
    def mark_clean(self, file_id: str) -> None:
        """Forget the parts of a tombstone: their blobs are gone. Does nothing when there is no such tombstone."""

    @abstractmethod
    def ping(self) -> None:
        """Return when the store can answer and, as far as it knows without a write, can take one and keep it."""

    @abstractmethod
    def close(self) -> None:
        """Release connections and threads. A closed store is not used again; closing twice is harmless."""


class SupportsChanges(ABC):
    """An ordered, durable feed with one entry per write, and a place for its consumers' checkpoints.

    Sequences are opaque; "" lies before the first change. ``BEGINNING`` does as well, and can be a checkpoint: that of
    a consumer that has everything else while the feed is still empty, as after an import. Entries appear in the order
    of their sequences and never behind one that a reader has already seen: a consumer that reads on from its last
    sequence misses nothing.
    """

    @abstractmethod
    def changes(self, *, after: str, limit: int) -> list[Change | DocumentChange]:
        """Return up to ``limit`` changes behind the sequence ``after``, oldest first: of files and of documents."""

    def changes_of(self, wanted: Callable[[str], bool], *, after: str, limit: int) -> tuple[list[Change], str, int]:
        """Return the changes of the wanted files among the next ``limit`` changes, and where and how many those were.

        ``wanted`` decides by the file id. The second answer is the sequence of the last change read, ``after`` where
        nothing is behind it; the third is the number of changes read. So several consumers share a feed, each with
        files of its own; a store need not decode the changes of others.
        """
        found = self.changes(after=after, limit=limit)
        chosen = [each for each in found if isinstance(each, Change) and wanted(each.file_id)]
        return chosen, found[-1].sequence if found else after, len(found)

    @abstractmethod
    def last_sequence(self) -> str:
        """Return the sequence of the newest change, "" when there never was one."""

    def has_passed(self, sequence: str, checkpoint: str) -> bool:
        """Return True when a consumer whose checkpoint is ``checkpoint`` has read the change ``sequence``.

        True also when the two are the same, and for the sequences before every change, "" and ``BEGINNING``. Where
        the store cannot tell, and for a text that it never gave out as a sequence, the answer is False: "not that I
        know". Here sequences are numbers.
        """
        return is_number_passed(sequence, checkpoint)

    @abstractmethod
    def has_changes_behind(self, sequence: str) -> bool:
        """Return True when the feed reached this sequence and still has every change behind it.

        False says that a consumer at this checkpoint misses changes: the feed was trimmed past it, or is another one
        that never came as far. ``sequence`` is one that this store gave out, or "".
        """

    @abstractmethod
    def checkpoint(self, consumer: str) -> str:
        """Return where the consumer's checkpoint stands, "" when it has none."""

    def checkpoints(self, consumers: Sequence[str]) -> list[str]:
        """Return, in order, where the consumers' checkpoints stand, "" for one that has none."""
        return [self.checkpoint(consumer) for consumer in consumers]

    @abstractmethod
    def move_checkpoint(self, consumer: str, *, expected: str, sequence: str) -> None:
        """Move the checkpoint from ``expected`` to ``sequence``, durably; to "" removes it.

        A checkpoint may also be a text that is no sequence (a consumer that prepares itself keeps its place so): then
        nothing is trimmed. Raises CheckpointConflict when it is not at ``expected``: another consumer is active.
        """

    @abstractmethod
    def trim_changes(self, *, limit: int) -> int:
        """Drop up to ``limit`` changes that every checkpoint has passed; return how many. Without checkpoints, none."""


class SupportsReplication(ABC):
    """Replication of another store's files with their revisions, for the writes of a syncer or an import.

    What is taken over stands in the record, all indexes, the names, the counters and the digest as if it had been
    saved here. It does not enter the change feed: it was announced where it was written first.
    """

    @abstractmethod
    def replicate(self, copies: Sequence[FileRecord | Tombstone], *, force: bool = False) -> list[bool]:
        """Store each copy whose revision is higher than the stored one (a tombstone's counts as one); say which were.

        There is at most one copy per file. Each copy is stored wholly or not at all; of the sequence, after an error,
        any part may be. Doing it again is harmless. With ``force`` a copy is stored whatever stands there, also where
        the revision is the same or lower: the answer then says whether it differed.

        Copies may come in an order in which several of them have one name: it is never refused. While several stored
        records have a name, ``resolve`` gives any of them; as soon as only one does, that one, whether the others
        lost it by a copy, a save, a deletion or ``discard``.
        """

    @abstractmethod
    def discard(self, file_ids: Sequence[str]) -> int:
        """Remove records and tombstones that the other store never had, without a trace; return how many there were."""


class SupportsLeases(ABC):
    """Named leases that at most one holder has at a time, so that one process of several does a job.

    For another holder that asks for it, a lease never ends later than ``now`` plus its length: a refusal shortens an
    end that lies further ahead than ``until``. So a holder that died with its clock ahead delays others by one length.
    """

    @abstractmethod
    def acquire_lease(self, name: str, *, holder: str, now: int, until: int) -> bool:
        """Take or prolong the lease; return False when another holder has it and it has not expired at ``now``."""

    def acquire_leases(self, names: Sequence[str], *, holder: str, now: int, until: int) -> list[bool]:
        """Take or prolong each lease; return, in order, what ``acquire_lease`` returns for it."""
        return [self.acquire_lease(name, holder=holder, now=now, until=until) for name in names]

    @abstractmethod
    def release_lease(self, name: str, *, holder: str) -> None:
        """Release the lease; do nothing when the holder does not have it."""

    @abstractmethod
    def lease_holders(self, names: Sequence[str], *, now: int) -> list[str]:
        """Return, in order, the holders of the leases, "" for one that nobody has or that has expired at ``now``."""
