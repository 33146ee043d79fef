"""Files of a card that the service has already: found by their fast keys, 128 KiB read of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

from files_service.errors import NotFound
from files_service.ingest.batches import batches
from files_service.ingest.card import CardFile
from files_service.ingest.catalogue import Catalogue, Found, Sought, with_one_shift
from files_service.ingest.entries import Entry, FileState, wire_path
from files_service.ingest.fast_key import fast_key
from files_service.ingest.faults import Patience
from files_service.ingest.reader import CardReader, Changed, Missing, Unreadable
from files_service.ingest.service import Remote
from files_service.ingest.threads import in_thread

_AT_ONCE = 4
_HAS_BYTES = frozenset(("uploaded", "processing", "processed"))
# Fields of a record of a file whose bytes are lost, or will be deleted.
_NOT_TO_STAY = ("trashed_at", "expires_at", "lost_parts")


@dataclass(frozen=True, slots=True)
class Keyed:
    """A file of a card, and its fast key."""

    file: CardFile
    fast_key: str

    @property
    def sought(self) -> Sought:
        """The file as it is asked for."""
        file = self.file
        return Sought(wire_path(file.path), file.size, file.mtime_ns // 1_000_000, self.fast_key)


@dataclass
class KnownFiles:
    """Questions to the service, and then to the catalogue, whose answers the service confirms."""

    card: CardReader
    remote: Remote
    patience: Patience
    catalogue: Catalogue
    pool: Executor

    async def keys(self, files: Sequence[CardFile]) -> list[Keyed]:
        """Read the fast keys; a file that cannot be read has none. Raises DeviceGone."""
        places = asyncio.Semaphore(_AT_ONCE)

        async def key(file: CardFile) -> Keyed | None:
            async with places:
                try:
                    found, state = await in_thread(self.pool, fast_key, self.card, file.path)
                except (Unreadable, Missing, Changed):
                    return None
                return Keyed(file, found) if (state.size, state.mtime_ns) == (file.size, file.mtime_ns) else None

        return [keyed for keyed in await asyncio.gather(*map(key, files)) if keyed is not None]

    async def find(self, keyed: Sequence[Keyed]) -> Mapping[str, Found]:
        """Return the files that the service has, by path as on the card."""
        pairs = [(each, found) for batch in batches(keyed, _wire) for each, found in await self._ask(batch) if found]
        path_of = {each.sought: each.file.path for each, _ in pairs}
        agreeing = with_one_shift((each.sought, found) for each, found in pairs)
        return {path_of[sought]: found for sought, found in agreeing}

    async def _ask(self, batch: Sequence[Keyed]) -> list[tuple[Keyed, Found | None]]:
        params = {"files": [_wire(each) for each in batch]}
        answers = await self.patience.until_done(lambda: self.remote.ask("POST", "/api/files/known", params))
        return [(each, await self._found(each, said)) for each, said in zip(batch, answers["files"], strict=True)]

    async def _found(self, keyed: Keyed, said: Mapping[str, str | int] | None) -> Found | None:
        if said is not None:
            return Found(
                str(said["file_id"]), int(said["mtime_at"]), str(said["sha256"] or ""), str(said["xxh64"] or "")
            )
        found = await in_thread(None, self.catalogue.find, keyed.sought)
        return found if found is not None and await self._has(found, keyed.file.size) else None

    async def _has(self, found: Found, size: int) -> bool:
        try:
            record = await self.patience.until_done(lambda: self.remote.call("files.info", file_id=found.file_id))
        except NotFound:
            return False
        is_there = record["status"] in _HAS_BYTES and not any(record.get(each) for each in _NOT_TO_STAY)
        return is_there and record["size"] == size and record["parts"][0]["sha256"] in (found.sha256, None)


def _wire(keyed: Keyed) -> dict[str, str | int]:
    sought = keyed.sought
    return {"path": sought.path, "size": sought.size, "fast_key": sought.fast_key}


def known_entry(keyed: Keyed, found: Found) -> Entry:
    """Return the entry of a file that the service has."""
    return Entry(
        path=keyed.sought.path,
        size=keyed.file.size,
        mtime_ns=keyed.file.mtime_ns,
        state=FileState.KNOWN,
        file_id=found.file_id,
        sha256=found.sha256 or None,
        xxh64=found.xxh64 or None,
        fast_key=keyed.fast_key,
    )
