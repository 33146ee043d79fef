"""Conflict resolution: decides the outcome of each imported file, and writes it.

1. A file whose stamp has the same fingerprint is unchanged, however often the import runs.
2. A file that changed in the source is written again if it still has the stamped revision. If it was also changed here,
   the local version stays and the report says so; with ``overwrite`` the source wins.
3. A file that was deleted here stays deleted.
4. New files are imported in bulk if the store can do so without taking an alias from another file; otherwise a file
   with an alias is saved, which claims the alias atomically. If another writer is faster, it keeps the alias, and the
   report says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Self

from migrations.errors import BadRequest
from migrations.importers.ms_files.oddities import Oddity
from migrations.importers.ms_files.report import Report
from migrations.importers.ms_files.stamps import as_revision, stamp_of
from migrations.stores import TargetStore
from storage_adapters import FileRecord, NameTaken, RevisionConflict, SupportsBulkImport, Tombstone

SAVERS = 4
_ATTEMPTS = 10

_Stored = FileRecord | Tombstone | None


class ConflictResolver:
    """The target side of an import. ``is_blank``: the target has neither a schema nor files."""

    def __init__(
        self, target: TargetStore, report: Report, *, overwrite: bool, is_blank: bool, clock: Callable[[], int]
    ) -> None:
        self._target, self._report = target, report
        self._overwrite, self._is_blank, self._clock = overwrite, is_blank, clock
        self._imports_in_bulk = isinstance(target, SupportsBulkImport)
        self._savers = ThreadPoolExecutor(SAVERS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._savers.shutdown()

    def rehearse(self, records: Sequence[FileRecord]) -> None:
        """Count the outcomes of these stamped records; write nothing."""
        stored = self._stored(records)
        taken = self._taken([record for record, here in zip(records, stored, strict=True) if here is None])
        for record, here in zip(records, stored, strict=True):
            outcome = self._decide(here, record)[0]
            if outcome == "conflict":
                self._report.note(_conflict(here, record))
            if record.file_id in taken:
                outcome = f"{outcome}_without_alias"
                self._report.note(_alias_taken(record, taken[record.file_id]))
            self._report.count(outcome)

    def store(self, records: Sequence[FileRecord]) -> None:
        """Import these stamped records."""
        fresh, others = [], []
        for record, here in zip(records, self._stored(records), strict=True):
            if here is None and (self._imports_in_bulk or record.alias is None):
                fresh.append(record)
            elif self._decide(here, record)[0] == "unchanged":
                self._report.count("unchanged")
            else:
                others.append(record)
        for record, written in zip(fresh, self._take_over(fresh), strict=True):
            if written:
                self._report.count("imported")
            else:
                others.append(record)  # another writer was faster, or holds the alias
        for outcome, oddity in self._savers.map(self._resolve, others):
            self._report.count(outcome)
            if oddity is not None:
                self._report.note(oddity)

    def _take_over(self, records: Sequence[FileRecord]) -> list[bool]:
        if not records:
            return []
        if isinstance(self._target, SupportsBulkImport):
            return self._target.import_files(records)
        return self._target.replicate(records)

    def _stored(self, records: Sequence[FileRecord]) -> list[_Stored]:
        if self._is_blank:
            return [None] * len(records)
        return self._target.stored([record.file_id for record in records])

    def _taken(self, records: Sequence[FileRecord]) -> dict[str, str]:
        """Return the records whose alias is taken here, with its holder."""
        by_owner = defaultdict(list)
        for record in records:
            if record.alias is not None and not self._is_blank:
                by_owner[record.owner].append((record.alias, record.file_id))
        taken = {}
        for owner, wanted in by_owner.items():
            holders = self._target.resolve(owner, "alias", [alias for alias, _ in wanted])
            for (_, file_id), holder in zip(wanted, holders, strict=True):
                if holder is not None:
                    taken[file_id] = holder
        return taken

    def _decide(self, here: _Stored, record: FileRecord) -> tuple[str, FileRecord | None]:
        """Return the outcome for a file, and the record to write, if any."""
        if here is None:
            return "imported", record
        if isinstance(here, Tombstone):
            return "deleted_here", None
        old, new = stamp_of(here), stamp_of(record)
        assert new is not None
        if old is not None and old.fingerprint == new.fingerprint:
            return "unchanged", None
        if not self._overwrite and (old is None or old.revision != here.revision):
            return "conflict", None
        return "updated", as_revision(record, here.revision + 1)

    def _resolve(self, record: FileRecord) -> tuple[str, Oddity | None]:
        """Import one file that has an alias or exists here."""
        oddity = None
        for _ in range(_ATTEMPTS):
            (here,) = self._target.stored([record.file_id])
            outcome, wanted = self._decide(here, record)
            if wanted is None:
                return outcome, _conflict(here, record) if outcome == "conflict" else oddity
            if oddity is not None:
                wanted = replace(wanted, alias=None)
            try:
                revision = 0 if here is None else here.revision
                self._target.save(wanted, expected_revision=revision, changed_at=self._clock(), event=None)
            except NameTaken as error:
                if error.kind != "alias":
                    raise
                oddity = _alias_taken(record, error.file_id)
            except RevisionConflict:
                continue  # another writer was faster: decide again
            else:
                return outcome if oddity is None else f"{outcome}_without_alias", oddity
        raise BadRequest(f"file {record.file_id} is being changed constantly; run the import again later")


def _conflict(here: _Stored, record: FileRecord) -> Oddity:
    revision = 0 if here is None else here.revision
    detail = f"changed in the source and here (revision {revision}); the local version is kept"
    return Oddity(kind="conflict", name=record.file_id, detail=detail)


def _alias_taken(record: FileRecord, holder: str) -> Oddity:
    detail = f"alias {record.alias!r} belongs to {holder} here; omitted"
    return Oddity(kind="alias_taken", name=record.file_id, detail=detail)
