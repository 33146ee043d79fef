"""Walk over all files, oldest first, that examines their parts; it goes on from a position."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from files_service.core import Core
from files_service.domain.chunking import upload_id_of_part
from files_service.domain.versions import is_lost
from files_service.services.outages import require_stores
from files_service.services.scrub.examination import Loss, Reached, Whole, examine
from files_service.services.scrub.marks import clear_mark, mark_lost, note_crc32
from storage_adapters import (
    FileRecord,
    KeyUnavailable,
    ListQuery,
    Part,
    Position,
    StorageDenied,
    StorageUnavailable,
)

logger = logging.getLogger(__name__)

PAGE = 20
# Opening and describing an object costs as much as reading this many bytes.
PART_COST = 64 * 1024
# Failures at one place, while the stores answer otherwise, after which the rest of the part is left out.
_ATTEMPTS = 3
_ORDER = ListQuery(section=None, order_by="created_at", descending=False, limit=PAGE)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the walk: behind a file, and in the next one at a part and an offset; its bytes before are done."""

    after: Position | None = None
    file_id: str = ""
    part_id: str = ""
    offset: int = 0


START = Cursor()


class Walk:
    """One walk. ``cursor`` is what it has reached; ``created_at`` is that of the file under examination.

    ``on_loss`` gets every loss that is marked. After an error, ``steps`` goes on from the same place. ``unread`` counts
    parts that the store refuses, or never answers for: they are left out, and are no loss.
    """

    def __init__(
        self,
        core: Core,
        *,
        owner: str | None = None,
        cursor: Cursor = START,
        on_loss: Callable[[FileRecord, Part, Loss], None] = lambda record, part, loss: None,
    ) -> None:
        self.cursor = cursor
        self.created_at: int | None = None
        self.files = self.unread = 0
        self._failed_at, self._failures = cursor, 0
        self._core, self._owner, self._on_loss = core, owner, on_loss

    def steps(self) -> Iterator[int]:
        """Examine from the place on; yield the cost of each step in bytes. Raises StorageUnavailable."""
        while True:
            page = self._core.metadata.find(replace(_ORDER, owner=self._owner, after=self.cursor.after))
            for record in page.records:
                self.created_at = record.created_at
                yield from self._examine_file(record)
                self.cursor = Cursor(after=Position(value=record.created_at, file_id=record.file_id))
                self.files += 1
            if page.next_position is None:
                return
            self.cursor = Cursor(after=page.next_position)

    def _examine_file(self, record: FileRecord) -> Iterator[int]:
        begun = self.cursor if self.cursor.file_id == record.file_id else START
        parts = record.stored_parts
        first = next((index for index, part in enumerate(parts) if _place(part) == begun.part_id), 0)
        for part in parts[first:]:
            if part.received_at is not None and part.bucket == self._core.blobs.bucket:
                offset = begun.offset if _place(part) == begun.part_id else 0
                self.cursor = Cursor(self.cursor.after, record.file_id, _place(part), offset)
                yield PART_COST
                try:
                    yield from self._examine_part(record, part, offset)
                except KeyUnavailable:
                    # Bytes of a tenant whose key was deleted, or is not configured: neither readable nor lost.
                    pass
                except StorageUnavailable as error:
                    if not self._may_leave_out(error):
                        raise
                    self.unread += 1
                    extra = {"file_id": record.file_id, "part_id": part.part_id, "error": str(error)}
                    logger.warning("a part was not read", extra=extra)

    def _may_leave_out(self, error: StorageUnavailable) -> bool:
        """Return True when the part alone is refused, or has failed often enough, and the stores answer otherwise."""
        self._failures = self._failures + 1 if self.cursor == self._failed_at else 1
        self._failed_at = self.cursor
        if not isinstance(error, StorageDenied) and self._failures < _ATTEMPTS:
            return False
        try:
            require_stores(self._core)
        except StorageUnavailable:
            return False
        return True

    def _examine_part(self, record: FileRecord, part: Part, offset: int) -> Iterator[int]:
        for step in examine(self._core, part, offset=offset):
            match step:
                case Loss():
                    if mark_lost(self._core, record, part, step):
                        self._on_loss(record, part, step)
                case Whole() if not offset:
                    self._record_whole(record, part, step)
                case Reached():
                    inside = (record.file_id, _place(part), step.offset)
                    self.cursor = Cursor(self.cursor.after, *inside)
                case int():
                    yield step

    def _record_whole(self, record: FileRecord, part: Part, whole: Whole) -> None:
        """Take the mark from a part that is whole again, and take over a blob that was restored under another name."""
        if is_lost(record, part) or part.generation not in (None, whole.generation):
            clear_mark(self._core, record, part, generation=whole.generation)
        if part.crc32 is None and whole.crc32 is not None:
            note_crc32(self._core, record.file_id, replace(part, generation=whole.generation), whole.crc32)


def _place(part: Part) -> str:
    """Return what tells the part from those of other versions, too."""
    return upload_id_of_part(part) or part.part_id
