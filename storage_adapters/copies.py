"""The relation of a copy to its source: the mark in the copy, and what source and copy say about each other.

The mark names the identity of the source and the checkpoint up to which the copy has its changes. A syncer moves it
before the checkpoint in the source, so it is never behind that. Another mark, or none, means another copy: one that was
emptied, made anew, restored from a backup, or filled from another source.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

import orjson

from storage_adapters.ports.digest import DigestBucket
from storage_adapters.ports.metadata import SupportsChanges
from storage_adapters.records import Usage

MARK = "copy"
MOST_COUNTED = 10_000
_COUNT_BATCH = 1_000

UNFILLED, UNMARKED, BEHIND, FOLLOWING = "unfilled", "unmarked", "behind", "following"
REFUSALS = {
    "foreign": "the target is the copy of another source, or the source was emptied",
    "unknown": "the target has files, and nothing says that they are copies of this source",
    "lost": "the source lacks the changes behind the checkpoint of the copy",
    "smaller": "the source has far fewer files than the target and no changes that explain it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyMark:
    """Mark of a copy. ``fill`` is the time at which the backfill under way began; then there is no checkpoint."""

    source: str
    checkpoint: str = ""
    fill: int = 0

    def to_text(self) -> str:
        """Write it as a note."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_text(cls, text: str) -> CopyMark | None:
        """Read a note; None without one."""
        return cls(**orjson.loads(text)) if text else None


class Marked(Protocol):
    """A store with notes and sums of its content: each end of a copy."""

    def read_note(self, name: str) -> str:
        """See ``SupportsIdentity``."""

    def identity(self, *, make: bool = False) -> str:
        """See ``SupportsIdentity``."""

    def usage(self, owner: str | None) -> Usage:
        """See ``MetadataStore``."""

    def document_digest(self) -> list[DigestBucket]:
        """See ``SupportsDocuments``."""


class Followed(Marked, Protocol):
    """A store with a feed as well: the source of a copy."""

    def checkpoint(self, consumer: str) -> str:
        """See ``SupportsChanges``."""

    def has_passed(self, sequence: str, checkpoint: str) -> bool:
        """See ``SupportsChanges``."""

    def has_changes_behind(self, sequence: str) -> bool:
        """See ``SupportsChanges``."""


def copy_state(source: Followed, target: Marked, consumer: str, backfill_consumer: str) -> str:
    """Return the state of a copy: one of ``REFUSALS``, or UNFILLED, UNMARKED, BEHIND, FOLLOWING.

    Of these only FOLLOWING is a copy that may answer. In a state of ``REFUSALS`` nothing may be copied: it needs a
    person's decision. A copy is BEHIND that is older than the checkpoint, and UNMARKED when it is older than marks.
    """
    mark, checkpoint = CopyMark.from_text(target.read_note(MARK)), source.checkpoint(consumer)
    if mark is None and not checkpoint and not source.checkpoint(backfill_consumer) and _has_content(target):
        return "unknown"
    if mark is not None and mark.source != source.identity():
        return "foreign"
    if not checkpoint:
        return UNFILLED
    if not source.has_changes_behind(checkpoint):
        return "lost"
    if _is_far_smaller(source, target, checkpoint):
        return "smaller"
    if mark is None:
        return UNMARKED
    return FOLLOWING if source.has_passed(checkpoint, mark.checkpoint) else BEHIND


def consumers_of(name: str) -> tuple[str, str]:
    """Return the checkpoints, in the source, of the copy to a target of this name, and of its backfill."""
    return f"sync:{name}", f"backfill:{name}"


def waiting_changes(source: SupportsChanges, position: str) -> int:
    """Count the changes behind a position: exactly where sequences are numbers, else up to ``MOST_COUNTED``."""
    last = source.last_sequence()
    if last.isdecimal() and (position or "0").isdecimal():
        # A source that lost its latest writes may be before the position.
        return max(0, int(last) - int(position or "0"))
    count = 0
    while count < MOST_COUNTED and (changes := source.changes(after=position, limit=_COUNT_BATCH)):
        count += len(changes)
        position = changes[-1].sequence
    return count


def _has_content(store: Marked) -> bool:
    return bool(store.usage(None).total.files) or any(bucket.files for bucket in store.document_digest())


def _is_far_smaller(source: Followed, target: Marked, checkpoint: str) -> bool:
    there, here = target.usage(None).total.files, source.usage(None).total.files
    if 2 * here >= there:
        return False
    assert isinstance(source, SupportsChanges)
    waiting = waiting_changes(source, checkpoint)
    return waiting < min(there - here, MOST_COUNTED)
