"""The card as it is after the copying, compared with the entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from files_service.ingest.card import Card, CardFile, LeftOut, Plan
from files_service.ingest.entries import Entry, FileState, wire_path
from files_service.ingest.held_root import HeldRoot
from files_service.ingest.listing import plan
from files_service.ingest.reader import DeviceGone

# States of what a listing has, and of which the service has nothing.
_UNTAKEN = (FileState.UNREADABLE, FileState.CHANGED)


@dataclass(frozen=True, slots=True)
class Relisted:
    """New entries of what came, changed or went, and paths of files that went, whose bytes the service keeps."""

    differing: list[Entry]
    gone: list[str]


def list_again(card: Card, held: HeldRoot) -> Plan:
    """List a card after its files were taken, and release it. Raises DeviceGone, CardUnlistable."""
    try:
        fresh = plan(card)
    except OSError as error:
        raise DeviceGone(f"cannot read {card.root}: {error.strerror}") from error
    held.require_same()
    held.close()
    return fresh


def relisted(fresh: Plan, entries: Mapping[str, Entry]) -> Relisted:
    """Compare a new listing of a card with its entries by their wire paths."""
    files = {wire_path(file.path): file for file in fresh.files}
    found = [_differing(path, file, entries.get(path)) for path, file in files.items()]
    found += [_left_out(each, entries.get(each.path)) for each in fresh.left_out]
    absent = entries.keys() - files.keys() - {each.path for each in fresh.left_out}
    found += [replace(entries[path], state=FileState.MISSING) for path in absent if entries[path].state in _UNTAKEN]
    gone = [path for path, entry in entries.items() if entry.state.is_safe and path not in files]
    return Relisted([each for each in found if each is not None], gone)


def _left_out(now: LeftOut, entry: Entry | None) -> Entry | None:
    """Return the entry of what can be neither taken nor passed over, None where it was so before."""
    state = FileState(now.status.value)
    if entry is not None and entry.state is state:
        return None
    return Entry(path=now.path, size=0, mtime_ns=0, state=state, reason=now.reason)


def _differing(path: str, file: CardFile, entry: Entry | None) -> Entry | None:
    if entry is None or entry.state is FileState.MISSING:
        state, reason = FileState.EXCLUDED, "it came after the card was listed"
    elif entry.state is not FileState.EXCLUDED and _state(entry) != _state(file):
        state, reason = FileState.CHANGED, "it changed after it was read"
    else:
        return None
    return Entry(path=path, size=file.size, mtime_ns=file.mtime_ns, state=state, reason=reason)


def _state(file: CardFile | Entry) -> tuple[int, int]:
    """Return size and time as a listing has them: a time that came over the wire has no more than milliseconds."""
    return file.size, file.mtime_ns // 1_000_000
