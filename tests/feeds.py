"""What the change feed tells of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from files_service.worker.relay import CONSUMER, CONSUMERS
from storage_adapters import Change, SupportsChanges


def file_changes(store: SupportsChanges, *, after: str = "", limit: int = 1_000_000) -> list[Change]:
    """Changes of files behind a sequence; the service also keeps documents, of which the feed tells too."""
    return [change for change in store.changes(after=after, limit=limit) if isinstance(change, Change)]


def is_announced(store: SupportsChanges, sequence: str | None = None) -> bool:
    """Whether all partitions of the relay have passed a change, by default the newest one."""
    wanted = store.last_sequence() if sequence is None else sequence
    return not store.checkpoint(CONSUMER) and all(
        store.has_passed(wanted, place) for place in store.checkpoints(CONSUMERS)
    )


def by_file(event_ids: Iterable[str]) -> dict[str, list[str]]:
    """The events of each file in their order: those of different files have none."""
    found = defaultdict(list)
    for event_id in event_ids:
        found[event_id.rpartition(":")[0]].append(event_id)
    return found
