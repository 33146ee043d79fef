"""Progress of the scrub, kept in a document: the pass that runs and the place that it has reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from files_service.core import Core
from files_service.services.files import require
from files_service.services.scrub.walk import START, Cursor
from storage_adapters import Document, DocumentNotFound, Position, SupportsDocuments

COLLECTION = "scrub"
_ID = "pass"


@dataclass(frozen=True, slots=True)
class Progress:
    """A pass over all files. Every byte that was there before has been read since ``previous_began_at``.

    ``cost`` is what the pass has read so far; ``ended_at`` is None while it runs.
    """

    began_at: int
    previous_began_at: int = 0
    ended_at: int | None = None
    cost: int = 0
    cursor: Cursor = START
    revision: int = 0

    def following(self, now: int) -> Progress:
        """Return the pass after this one."""
        return Progress(began_at=now, previous_began_at=self.began_at, revision=self.revision)

    def unverified_since(self, created_at: int | None) -> int | None:
        """Return the time since which some bytes were not read; ``created_at`` is that of the next file, if any.

        Files are read in the order of their creation. Bytes of a pass that has ended were read after its beginning.
        """
        if self.ended_at is not None:
            return self.began_at
        return None if created_at is None else max(created_at, self.previous_began_at)


def load_progress(store: object, *, now: int) -> Progress | None:
    """Read the progress; None before the first pass."""
    try:
        found = require(store, SupportsDocuments).get_document(COLLECTION, _ID, now=now)
    except DocumentNotFound:
        return None
    known: dict[str, Any] = dict(found.body)
    after, *inside = known.pop("cursor")
    cursor = Cursor(None if after is None else Position(value=after[0], file_id=after[1]), *inside)
    return Progress(**known, cursor=cursor, revision=found.revision)


def save_progress(core: Core, progress: Progress) -> Progress:
    """Write the progress over the revision that was read. Raises RevisionConflict."""
    body = asdict(progress)
    del body["revision"]
    cursor = progress.cursor
    after = None if cursor.after is None else [cursor.after.value, cursor.after.file_id]
    body["cursor"] = [after, cursor.file_id, cursor.part_id, cursor.offset]
    document = Document(collection=COLLECTION, document_id=_ID, body=body, updated_at=core.clock())
    stored = require(core.metadata, SupportsDocuments).put_document(document, expected_revision=progress.revision)
    return replace(progress, revision=stored.revision)
