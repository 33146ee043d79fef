"""Counts of files, kept as documents that are always a recount of what they count.

1. A file counts on the day on which it was made, which never changes. What changes of a day of an owner is counted
   anew: a document is never added to, it is written over with the sum of its parts. So counting twice is harmless, and
   a process that dies anywhere leaves documents that the repetition of its changes makes true.
2. The files of the days that change are held in memory, by revision, and so are the months that make up a sum: a change
   costs a read of the files of its day once, and afterwards one write per document.
3. What is held is a copy of the store since it was read. Every document is written over the revision that was read
   before its parts were. When another process wrote it, or anything fails, all is forgotten and read anew.
4. No more than ``MOST_HELD`` parts are held, and the files of one day of one owner.
5. A document has a bounded number of months in which files were taken: beyond it they count by creation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import takewhile
from typing import Any

from files_service.core import Core
from files_service.domain.analytics import CAPTURED_PREFIX, Sum, Tallies, beginning_of, day_of, tallies_of
from files_service.services.analytics.documents import (
    CAPTURED,
    Scope,
    listed,
    month_document,
    of_owner,
    read,
    sum_document,
    tallies_in,
    without_time,
)
from files_service.services.files import files_in, require
from storage_adapters import JSON, Change, Document, FileRecord, ListQuery, Position, Section, SupportsDocuments

MOST_HELD = 50_000
# Months of captures in one document, which a store refuses when it is too large.
MOST_CAPTURED = 5_000
_ORDER: Any = {"order_by": "created_at", "descending": False, "limit": 500}
_MONTH = len("2026-11")

# A day of an owner, and a month of a scope.
Day = tuple[str, str]
Month = tuple[Scope, str]


class Counts:
    """The counts of a store, as one process keeps them true. Used by one thread."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._documents: dict[str, Document] = {}
        self._files: dict[Day, Sum] = {}
        self._revisions: dict[str, int] = {}
        self._parts: dict[Month, Sum] = {}

    def forget(self) -> None:
        """Forget what is held, because it may not be what is stored."""
        for held in (self._documents, self._files, self._revisions, self._parts):
            held.clear()

    def count(self, changes: Iterable[Change]) -> None:
        """Count the days of changed files anew. Raises RevisionConflict when another process counts."""
        by_day: dict[Day, dict[str, Change]] = defaultdict(dict)
        for change in changes:
            by_day[change.record.owner, day_of(change.record.created_at)][change.file_id] = change
        self._refresh(by_day, lambda day: self._follow(day, by_day[day].values()))

    def recount(self, days: Iterable[Day]) -> None:
        """Count days of owners from the files that are there. Raises RevisionConflict when another process counts."""
        self._refresh(days, lambda day: self._held(day).total)

    def _refresh(self, days: Iterable[Day], count: Callable[[Day], Tallies]) -> None:
        try:
            by_month: dict[Month, dict[str, Tallies]] = defaultdict(dict)
            for owner, day in days:
                scope, month = of_owner(owner), day[:_MONTH]
                # Before the files are read (rule 3).
                self._read([month_document(scope, month)])
                by_month[scope, month][day] = count((owner, day))
            while by_month:
                by_month = self._write_months(by_month)
        except BaseException:
            self.forget()
            raise
        if len(self._revisions) + sum(len(each.members) for each in self._parts.values()) > MOST_HELD:
            self.forget()

    def _write_months(self, changed: dict[Month, dict[str, Tallies]]) -> dict[Month, dict[str, Tallies]]:
        """Write the changed days of months and the sums of months; return what changes above."""
        above: dict[Month, dict[str, Tallies]] = defaultdict(dict)
        sums: dict[Scope, dict[str, Tallies]] = defaultdict(dict)
        for (scope, month), days in changed.items():
            group = scope.group
            parts = self._members((group, month)) if group is not None else None
            [document] = self._read([month_document(scope, month)])
            written = self._write(document, "days", days)
            whole = tallies_in(written.body, "days")
            captured = tallies_in({CAPTURED: {}, **written.body}, CAPTURED)
            elsewhere = {CAPTURED_PREFIX + key: tally for key, tally in without_time(captured).items()}
            sums[scope][month] = without_time(whole) | elsewhere
            if group is not None and parts is not None:
                parts.put(scope.key, whole)
                for day in days:
                    start = f"{day} "
                    found = {k.removeprefix(start): t for k, t in parts.total.items() if k.startswith(start)}
                    above[group, month][day] = found
        for scope, months in sums.items():
            [document] = self._read([sum_document(scope)])
            self._write(document, "months", months)
        return above

    def _write(self, document: Document, name: str, changed: dict[str, Tallies]) -> Document:
        # An empty day stays: a count of all days that is broken off finds it again, and sums it up.
        entries: dict[str, JSON] = {name: {}, CAPTURED: {}}
        for when, found in changed.items():
            for each in entries.values():
                each[when] = {}
            for key, tally in sorted(found.items()):
                kept = CAPTURED if key.startswith(CAPTURED_PREFIX) else name
                entries[kept][when][key.removeprefix(CAPTURED_PREFIX)] = list(tally)
        body = {**document.body, name: {**document.body[name], **entries[name]}}
        captured = {**document.body.get(CAPTURED, {}), **entries[CAPTURED]}
        if captured := _bounded(captured):
            body[CAPTURED] = captured
        else:
            body.pop(CAPTURED, None)
        if body == document.body:
            return document
        written = require(self._core.metadata, SupportsDocuments).put_document(
            replace(document, body=body, updated_at=self._core.clock()), expected_revision=document.revision
        )
        self._documents[written.document_id] = written
        return written

    def _read(self, documents: list[Document]) -> list[Document]:
        missing = [each for each in documents if each.document_id not in self._documents]
        for each in read(self._core, missing) if missing else ():
            self._documents[each.document_id] = each
        return [self._documents[each.document_id] for each in documents]

    def _members(self, month: Month) -> Sum:
        """Return the months that make up a month of a tenant or of all."""
        held = self._parts.get(month)
        if held is None:
            scope, name = month
            self._read([month_document(scope, name)])
            held = Sum()
            for document in listed(self._core, scope.members(name)):
                held.put(document.document_id.partition(".")[0], tallies_in(document.body, "days"))
            self._parts[month] = held
        return held

    def _follow(self, day: Day, changes: Iterable[Change]) -> Tallies:
        """Apply changes to the files of a day; they may be older than what is held."""
        held = self._held(day)
        for change in changes:
            if self._revisions.get(change.file_id, 0) < change.revision:
                self._revisions[change.file_id] = change.revision
                held.put(change.file_id, {} if change.deleted else tallies_of(change.record))
        return held.total

    def _held(self, day: Day) -> Sum:
        """Return the files of a day of an owner."""
        held = self._files.get(day)
        if held is None:
            held = Sum()
            for record in files_of_day(self._core, *day):
                # One that moves between sections may come twice.
                if self._revisions.get(record.file_id, 0) < record.revision or record.file_id not in held.members:
                    self._revisions[record.file_id] = record.revision
                    held.put(record.file_id, tallies_of(record))
            self._files[day] = held
        return held


def _bounded(captured: JSON) -> JSON:
    """Return the days or months that have captures elsewhere, as many as there is room for: those with few first."""
    room, kept = MOST_CAPTURED, {}
    for when, found in sorted(captured.items(), key=lambda each: (len(each[1]), each[0])):
        room -= len(found)
        if found and room >= 0:
            kept[when] = found
    return kept


def files_of(core: Core, owner: str, after: Position | None = None) -> Iterator[Iterator[FileRecord]]:
    """Yield the files of an owner by section: listed ones, the trash, and uploads of versions."""
    for section in Section:
        yield files_in(core, ListQuery(owner=owner, section=section, **_ORDER, after=after))


def files_of_day(core: Core, owner: str, day: str) -> Iterator[FileRecord]:
    """Yield the files of an owner that were made on a day."""
    for files in files_of(core, owner, _before(day)):
        yield from takewhile(lambda record: day_of(record.created_at) == day, files)


def walk_files(core: Core, *, first: str) -> Iterator[FileRecord]:
    """Yield all files in the order of their creation, from a day on; "" is the first one."""
    yield from files_in(core, ListQuery(section=None, **_ORDER, after=_before(first) if first else None))


def _before(day: str) -> Position:
    return Position(value=beginning_of(day), file_id="")
