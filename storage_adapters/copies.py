"""The relation of a copy to its source: the mark in the copy, and what source and copy say about each other.

The mark names the identity of the source and the checkpoint up to which the copy has its changes. A syncer moves it
before the checkpoint in the source, so it is never behind that. Another mark, or none, means another copy: one that was
emptied, made anew, restored from a backup, or filled from another source.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import orjson

from storage_adapters.ports.documents import SupportsDocuments
from storage_adapters.ports.identity import SupportsIdentity
from storage_adapters.ports.metadata import MetadataStore, SupportsChanges

MARK = "copy"
MOST_COUNTED = 10_000
_COUNT_BATCH = 1_000

UNFILLED, UNMARKED, BEHIND, FOLLOWING = "unfilled", "unmarked", "behind", "following"
FOREIGN, UNKNOWN, LOST, SMALLER = "foreign", "unknown", "lost", "smaller"
REFUSALS = {
    FOREIGN: "the target is the copy of another source, or the source was emptied",
    UNKNOWN: "the target has files, and nothing says that they are copies of this source",
    LOST: "the source lacks the changes behind the checkpoint of the copy",
    SMALLER: "the source has far fewer files than the target and no changes that explain it",
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


class CopySource(MetadataStore, SupportsChanges, SupportsDocuments, SupportsIdentity):
    """Least capabilities of the source of a copy."""


class CopyTarget(MetadataStore, SupportsDocuments, SupportsIdentity):
    """Least capabilities of a copy."""


def copy_state(source: CopySource, target: CopyTarget, consumer: str, backfill_consumer: str) -> str:
    """Return the state of a copy: one of ``REFUSALS``, or UNFILLED, UNMARKED, BEHIND, FOLLOWING.

    Of these only FOLLOWING is a copy that may answer. In a state of ``REFUSALS`` nothing may be copied: it needs a
    person's decision. A copy is BEHIND that is older than the checkpoint, or empty, and UNMARKED when it is older
    than marks.
    """
    mark, checkpoint = CopyMark.from_text(target.read_note(MARK)), source.checkpoint(consumer)
    if mark is None and not checkpoint and not source.checkpoint(backfill_consumer) and _has_content(target):
        return UNKNOWN
    if mark is not None and mark.source != source.identity():
        return FOREIGN
    if not checkpoint:
        return UNFILLED
    if not source.has_changes_behind(checkpoint):
        return LOST
    if _is_far_smaller(source, target, checkpoint):
        return SMALLER
    if mark is None:
        return UNMARKED if _has_content(target) else BEHIND
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


def _has_content(store: CopySource | CopyTarget) -> bool:
    return bool(store.usage(None).total.files) or any(bucket.files for bucket in store.document_digest())


def _is_far_smaller(source: CopySource, target: CopyTarget, checkpoint: str) -> bool:
    there, here = target.usage(None).total.files, source.usage(None).total.files
    if 2 * here >= there:
        return False
    waiting = waiting_changes(source, checkpoint)
    return waiting < min(there - here, MOST_COUNTED)
