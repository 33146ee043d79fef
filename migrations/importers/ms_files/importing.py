"""The import: one scan of ms-files' records, one of its other keys, and one of our own files.

While a batch is written, the next one is read and mapped; the checkpoint covers written batches only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from migrations.errors import BadRequest
from migrations.importers.ms_files import model
from migrations.importers.ms_files.conflict_resolution import ConflictResolver
from migrations.importers.ms_files.examining import examine_index, examine_keys, is_index
from migrations.importers.ms_files.mapping import map_file
from migrations.importers.ms_files.oddities import Oddity
from migrations.importers.ms_files.reading import read_batch
from migrations.importers.ms_files.report import Report
from migrations.importers.ms_files.stamps import source_of, stamp_of, stamped
from migrations.run import Run
from migrations.stores import TargetStore
from storage_adapters import FileRecord, Keyspace, Tombstone

FILES, OTHERS, GONE = "files", "indexes", "gone from the source"
STAGES = (FILES, OTHERS, GONE)
_END = "end"  # position of a finished stage


@dataclass(frozen=True, slots=True)
class _Batch:
    """Records to import, with their oddities."""

    records: list[FileRecord]
    oddities: list[Oddity]


@dataclass(kw_only=True)
class Import:
    """One import into one store. ``is_blank``: the store has no schema yet and is only rehearsed with."""

    source: Keyspace
    target: TargetStore
    report: Report
    rehearse: bool = False
    is_blank: bool = False
    overwrite: bool = False
    remove_missing: bool = False
    clock: Callable[[], int]

    def carry_out(self, run: Run) -> None:
        """Import everything, or continue an interrupted import."""
        self._source = source_of(self.source)
        if self.remove_missing and not self._has_files(run):
            raise BadRequest(f"no file exists at {self.source.name}: --remove-missing would remove all imported files")
        for stage, walk in ((FILES, self._walk_files), (OTHERS, self._walk_others), (GONE, self._walk_target)):
            if not run.is_past(stage, STAGES) and run.place(stage) != _END:
                walk(run)

    def _has_files(self, run: Run) -> bool:
        position = ""
        while True:
            names, position = self.source.scan(model.FILE, after=position, limit=run.batch)
            if names or not position:
                return bool(names)

    def _save(self, run: Run, stage: str, place: str, files: int) -> None:
        self.report.flush()
        run.notes["counts"] = self.report.totals()
        run.save(stage, place or _END, files=files)

    def _walk_files(self, run: Run) -> None:
        position = str(run.place(FILES) or "")
        writing: Future[None] | None = None
        taken = 0
        resolver = ConflictResolver(
            self.target, self.report, overwrite=self.overwrite, is_blank=self.is_blank, clock=self.clock
        )
        with resolver, ThreadPoolExecutor(1) as writer:
            while True:
                names, behind = self.source.scan(model.FILE, after=position, limit=run.batch)
                # One page of a scan may return more keys than requested, and duplicates.
                file_ids = list(dict.fromkeys(name.removeprefix(model.FILE) for name in names))
                batches = [
                    self._read(file_ids[start : start + run.batch]) for start in range(0, len(file_ids), run.batch)
                ]
                if writing is not None:
                    writing.result()
                    self._save(run, FILES, position, taken)
                writing, taken, position = writer.submit(self._write, resolver, batches), len(file_ids), behind
                if not position:
                    writing.result()
                    self._save(run, FILES, position, taken)
                    return

    def _read(self, file_ids: Sequence[str]) -> _Batch:
        readable = []
        batch = _Batch([], [])
        for file_id in file_ids:
            with suppress(UnicodeEncodeError):
                file_id.encode()
                readable.append(file_id)
                continue
            batch.oddities.append(Oddity(kind="not_utf8", name=file_id, detail="the id of the file", fatal=True))
        sources, oddities = read_batch(self.source, readable)
        batch.oddities.extend(oddities)
        for source in sources:
            mapped = map_file(source)
            batch.oddities.extend(mapped.oddities)
            if mapped.record is not None:
                batch.records.append(stamped(mapped.record, source=self._source))
        return batch

    def _write(self, resolver: ConflictResolver, batches: Sequence[_Batch]) -> None:
        for batch in batches:
            for oddity in batch.oddities:
                self.report.note(oddity)
                if oddity.fatal:
                    self.report.count("not_imported")
            if self.rehearse:
                resolver.rehearse(batch.records)
            else:
                resolver.store(batch.records)

    def _walk_others(self, run: Run) -> None:
        """Report keys that are not imported."""
        position = str(run.place(OTHERS) or "")
        while True:
            names, position = self.source.scan("", after=position, limit=run.batch)
            for oddity in examine_keys(self.source, names):
                self.report.note(oddity)
            for name in filter(is_index, names):
                self._examine(run, name)
            self._save(run, OTHERS, position, 0)
            if not position:
                return

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
        """Find imported files that the source no longer has; with ``remove_missing`` delete them here too."""
        if self.is_blank:
            return
        position = str(run.place(GONE) or "")
        while True:
            records, position = self.target.scan(after=position, limit=run.batch)
            imported = [record for record in records if (stamp := stamp_of(record)) and stamp.source == self._source]
            rows = self.source.fields([model.FILE + record.file_id for record in imported], ["status"])
            gone = [record for record, (status,) in zip(imported, rows, strict=True) if status is None]
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
        # Leave the bytes: the source has deleted them, or still needs them.
        tombstone = Tombstone(
            file_id=record.file_id,
            owner=record.owner,
            revision=record.revision + 1,
            deleted_at=self.clock(),
            clean_after=self.clock(),
        )
        return "removed" if self.target.replicate([tombstone])[0] else "gone_but_changed_here"


def document_name(source: Keyspace) -> str:
    """Return the journal's name for the progress of this import."""
    return f"import:{source_of(source)}"
