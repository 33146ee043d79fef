"""The import: a walk through the records of ms-files, one through its indexes, and on request one through our own.

1. An imported file bears, as its ``request_id``, a stamp: the fingerprint of what it was made from and the revision
   that it was given. A file whose fingerprint is still the same is not touched, however often the import runs.
2. One that has changed in the source is written again if it still has the stamped revision. If somebody has changed it
   here, both changes are kept apart: ours stays, and the report says so; with ``overwrite`` the source wins.
3. A file that is deleted here stays deleted.
4. Files without an alias are taken over in bulk; one with an alias is saved, so that the alias is claimed in the same
   atomic way as by everybody else. A writer that was faster keeps it, and the report says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from migrations.errors import BadRequest
from migrations.ms_files import model
from migrations.ms_files.mapping import Mapped, Oddity, Source, map_file
from migrations.ms_files.reading import examine_index, read_batch
from migrations.ms_files.report import Report
from migrations.run import Run
from migrations.stores import TargetStore
from storage_adapters import (
    FileRecord,
    Keyspace,
    NameTaken,
    RecordDeleted,
    RecordNotFound,
    RevisionConflict,
    Tombstone,
    record_to_document,
)

STAMP = "ms-files"
FILES, INDEXES, GONE = "files", "indexes", "gone from the source"
STAGES = (FILES, INDEXES, GONE)
SAVERS = 4
_ATTEMPTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """From what and as which revision a file was imported."""

    fingerprint: str
    revision: int

    def __str__(self) -> str:
        return f"{STAMP}:{self.fingerprint}:{self.revision}"


def stamp_of(record: FileRecord) -> Stamp | None:
    """The stamp that a record bears, None when it was not imported."""
    parts = (record.request_id or "").split(":")
    if len(parts) != 3 or parts[0] != STAMP or not parts[2].isdigit():
        return None
    return Stamp(fingerprint=parts[1], revision=int(parts[2]))


def stamped(record: FileRecord, revision: int) -> FileRecord:
    """The record as it is imported with this revision."""
    plain = replace(record, revision=1, request_id=None)
    fingerprint = hashlib.blake2b(record_to_document(plain), digest_size=16).hexdigest()
    return replace(plain, revision=revision, request_id=str(Stamp(fingerprint=fingerprint, revision=revision)))


@dataclass(kw_only=True)
class Import:
    """One import into one store."""

    source: Keyspace
    target: TargetStore
    report: Report
    rehearse: bool = False
    overwrite: bool = False
    remove_missing: bool = False
    clock: Callable[[], int]

    def carry_out(self, run: Run) -> None:
        """Import everything, or go on with an import that was cut short."""
        with ThreadPoolExecutor(SAVERS) as savers:
            self._savers = savers
            if not run.is_past(FILES, STAGES):
                self._walk_files(run)
            if not run.is_past(INDEXES, STAGES):
                self._walk_indexes(run)
            self._walk_target(run)

    def _save(self, run: Run, stage: str, place: str, files: int) -> None:
        self.report.flush()
        run.notes["counts"] = self.report.totals()
        run.save(stage, place, files=files)

    def _walk_files(self, run: Run) -> None:
        position = str(run.place(FILES) or "")
        while True:
            names, position = self.source.scan(model.FILE, after=position, limit=run.batch)
            # One round of a scan may return more than was asked for, and the same key twice.
            file_ids = list(dict.fromkeys(name.removeprefix(model.FILE) for name in names))
            for start in range(0, len(file_ids), run.batch):
                self._take(file_ids[start : start + run.batch])
            self._save(run, FILES, position, len(file_ids))
            if not position:
                return

    def _take(self, file_ids: Sequence[str]) -> None:
        sources, oddities = read_batch(self.source, file_ids)
        for oddity in oddities:
            self._note(oddity)
        wanted = []
        for source in sources:
            mapped = self._map(source)
            for oddity in mapped.oddities:
                self._note(oddity)
            if mapped.record is not None:
                wanted.append(stamped(mapped.record, 1))
        self._store(wanted)

    def _map(self, source: Source) -> Mapped:
        try:
            source.file_id.encode()
        except UnicodeEncodeError:
            oddity = Oddity(kind="not_utf8", name=source.file_id, detail="the id of the file", fatal=True)
            return Mapped(None, [oddity])
        return map_file(source)

    def _note(self, oddity: Oddity) -> None:
        self.report.note(oddity)
        if oddity.fatal:
            self.report.count("not_imported")

    def _store(self, records: Sequence[FileRecord]) -> None:
        if self.rehearse:
            outcomes = list(self._savers.map(self._rehearsed, records))
        else:
            plain = [record for record in records if record.alias is None]
            written = dict(zip((r.file_id for r in plain), self.target.replicate(plain), strict=True)) if plain else {}
            rest = [record for record in records if not written.get(record.file_id)]
            outcomes = ["imported"] * sum(written.values()) + list(self._savers.map(self._settle, rest))
        for outcome in outcomes:
            self.report.count(outcome)

    def _rehearsed(self, record: FileRecord) -> str:
        """What would become of the file; writes nothing."""
        try:
            here = self.target.get(record.file_id)
        except RecordDeleted:
            return "deleted_here"
        except RecordNotFound:
            taken = record.alias and self.target.resolve(record.owner, "alias", [record.alias])[0]
            return "imported_without_alias" if taken else "imported"
        return self._decide(here, record)[0]

    def _decide(self, here: FileRecord, record: FileRecord) -> tuple[str, FileRecord | None]:
        """What is to become of a file that is here already, and the record to write, if any."""
        old, new = stamp_of(here), stamp_of(record)
        assert new is not None
        if old is None and not self.overwrite:
            return "conflict", None
        if old is not None and old.fingerprint == new.fingerprint:
            return "unchanged", None
        if old is not None and old.revision != here.revision and not self.overwrite:
            return "conflict", None
        return "updated", stamped(record, here.revision + 1)

    def _settle(self, record: FileRecord) -> str:
        """Import a file that has an alias, or that is here already."""
        alias_taken = False
        for _ in range(_ATTEMPTS):
            wanted = replace(record, alias=None) if alias_taken else record
            revision, outcome = 0, "imported"
            try:
                here = self.target.get(record.file_id)
            except RecordDeleted:
                return "deleted_here"
            except RecordNotFound:
                pass
            else:
                outcome, decided = self._decide(here, record)
                if decided is None:
                    if outcome == "conflict":
                        detail = f"changed in the source and here (revision {here.revision}); left as it is here"
                        self.report.note(Oddity(kind="conflict", name=record.file_id, detail=detail))
                    return outcome
                revision = here.revision
                wanted = replace(decided, alias=None) if alias_taken else decided
            try:
                self.target.save(wanted, expected_revision=revision, changed_at=self.clock(), event=None)
            except NameTaken as error:
                if error.kind != "alias":
                    raise
                detail = f"alias {record.alias!r} belongs to {error.file_id} here; left out"
                self.report.note(Oddity(kind="alias_taken", name=record.file_id, detail=detail))
                alias_taken = True
            except RevisionConflict:
                continue  # somebody was faster: decide again
            else:
                return f"{outcome}_without_alias" if alias_taken else outcome
        raise BadRequest(f"file {record.file_id} is written by others without a pause; run again later")

    def _walk_indexes(self, run: Run) -> None:
        """Look for entries that lead nowhere: they are no files, but somebody may believe so."""
        beginnings = (model.INDEX, model.ALIASES)
        number, _, position = str(run.place(INDEXES) or "0:").partition(":")
        for current in range(int(number), len(beginnings)):
            while True:
                names, position = self.source.scan(beginnings[current], after=position, limit=run.batch)
                for name in names:
                    if not name.startswith(model.REFERENCED):
                        self._examine(run, name)
                self._save(run, INDEXES, f"{current}:{position}" if position else f"{current + 1}:", 0)
                if not position:
                    break

    def _examine(self, run: Run, name: str) -> None:
        position = ""
        while True:
            entries, position = self.source.members(name, after=position, limit=run.batch)
            for start in range(0, len(entries), run.batch):
                for oddity in examine_index(self.source, name, entries[start : start + run.batch]):
                    self.report.note(oddity)
            run.check()
            if not position:
                return

    def _walk_target(self, run: Run) -> None:
        """Find imported files that the source no longer has; with ``remove_missing`` remove them here too."""
        position = str(run.place(GONE) or "")
        while True:
            records, position = self.target.scan(after=position, limit=run.batch)
            imported = [record for record in records if stamp_of(record) is not None]
            rows = self.source.field([(model.FILE + record.file_id, "status") for record in imported])
            gone = [record for record, status in zip(imported, rows, strict=True) if status is None]
            for record in gone:
                self.report.count(self._remove(record))
            self._save(run, GONE, position, len(records))
            if not position:
                return

    def _remove(self, record: FileRecord) -> str:
        stamp = stamp_of(record)
        assert stamp is not None
        self.report.note(Oddity(kind="gone_from_source", name=record.file_id, detail="imported earlier"))
        if not self.remove_missing or self.rehearse:
            return "gone_from_source"
        if stamp.revision != record.revision:
            return "gone_but_changed_here"
        # The bytes are left alone: the source removed them, or still needs them.
        tombstone = Tombstone(
            file_id=record.file_id,
            owner=record.owner,
            revision=record.revision + 1,
            deleted_at=self.clock(),
            clean_after=self.clock(),
        )
        return "removed" if self.target.replicate([tombstone])[0] else "gone_but_changed_here"


def document_name(source: Keyspace) -> str:
    """Under which name the journal keeps how far the import from this source has come."""
    return f"import:{hashlib.blake2b(source.name.encode(), digest_size=8).hexdigest()}"
