"""The stages of one run with one card: list, ask, send, read again, list again, have it judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import repeat

from files_service.domain.cards import Tally
from files_service.errors import Conflict, FilesError, Gone, NotFound, Unauthorized, WrongStatus
from files_service.ingest.bring import Bringer
from files_service.ingest.card import Card, CardFile, Plan
from files_service.ingest.catalogue import Catalogue, Found, Sought
from files_service.ingest.database import Database
from files_service.ingest.device_cache import forget_device
from files_service.ingest.entries import Entry, FileState, junk_entry, wire_path
from files_service.ingest.faults import Patience
from files_service.ingest.held_root import HeldRoot
from files_service.ingest.journal import Journal
from files_service.ingest.known import Keyed, KnownFiles, known_entry
from files_service.ingest.listing import listing_sha256, plan
from files_service.ingest.options import Ending, Options, Outcome
from files_service.ingest.progress import Sorting
from files_service.ingest.reader import CardReader, Changed, Missing, Unreadable
from files_service.ingest.relisting import list_again, relisted
from files_service.ingest.second_read import SecondRead, hash_file, read_again
from files_service.ingest.service import Remote, Unreachable
from files_service.ingest.sessions import CardSession
from files_service.ingest.threads import in_thread
from files_service.ingest.transfer import Transfer
from files_service.ingest.transports.transport import Transport
from files_service.runtime.cancelling import own_cancellation
from storage_adapters import JSON

# Files of one card that are under way at a time. FILES_READ of them are read; the others are declared, or wait for the
# disk of the service and of the journal, which takes longer than to read a picture.
LANES = 6
_TELL_SECONDS = 2.0
IGNORED = "ignored"


@dataclass
class Copying:
    """A run with one card at one service."""

    card: Card
    options: Options
    held: HeldRoot
    reader: CardReader
    remote: Remote
    patience: Patience
    transport: Transport
    database: Database
    pool: Executor
    session: CardSession | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    untold: list[Entry] = field(default_factory=list)
    transfer: Transfer = field(init=False)
    journal: Journal = field(init=False)
    catalogue: Catalogue = field(init=False)
    known_files: KnownFiles = field(init=False)

    def __post_init__(self) -> None:
        self.transfer = Transfer(self.reader, self.transport, self.pool, self.patience, self.options.window)

    async def run(self) -> Outcome:
        """Take the card through all stages. Raises DeviceGone."""
        listed = await in_thread(None, plan, self.card)
        await in_thread(None, self.held.require_same)
        self.options.progress.planned(self.card, files=len(listed.files), size=listed.size, clips=listed.clips)
        try:
            owner = await self.patience.until_done(self.remote.owner)
        except Unauthorized as error:
            return Outcome(ending=Ending.REFUSED, reason=f"{error.code}: {error}")
        url = self.remote.service.url
        self.journal = Journal(self.database, service=url, owner=owner, card_id=self.card.card_id)
        self.catalogue = Catalogue(self.database, service=url, owner=owner)
        self.known_files = KnownFiles(self.reader, self.remote, self.patience, self.catalogue, self.pool)
        try:
            if await self._begin(listed) == IGNORED:
                return Outcome(ending=Ending.REFUSED, reason="the card is ignored")
        except FilesError as error:
            return Outcome(ending=Ending.REFUSED, reason=f"{error.code}: {error}")
        assert self.session is not None
        self.patience.waits_for_token = True
        async with self._telling(self.session):
            rest = await self._not_done(listed.files)
            await self._leave_out(listed)
            keys = await self._sort(rest)
            new = [file for file in rest if wire_path(file.path) not in self.entries]
            await self._require_room(self.session, new)
            await self._send(new, keys)
        return await self._close(listed)

    def forget(self) -> None:
        """Forget what became of files: some of them may be those of another card."""
        if self.session is not None:
            self.journal.forget_entries()

    async def say_interrupted(self) -> None:
        """Tell the service that the card is gone, if it answers soon."""
        if self.session is not None:
            await self.session.note_once("interrupted")

    def outcome(self, ending: Ending, reason: str = "", *, session: JSON | None = None) -> Outcome:
        """Return the outcome so far."""
        states = [each.state for each in self.entries.values()]
        return Outcome(
            ending=ending,
            reason=reason,
            session=session,
            uploaded=states.count(FileState.UPLOADED),
            known=states.count(FileState.KNOWN),
            failed=tuple(each for each in self.entries.values() if not each.state.is_safe),
            sent_bytes=self.transfer.sent_bytes,
            read_bytes=self.reader.bytes_read,
        )

    async def _begin(self, listed: Plan) -> str:
        """Begin or continue the session; return the state of the card at the service."""
        digest, options = listing_sha256(listed), self.options
        await in_thread(None, self.journal.open)
        session = CardSession(self.remote, self.patience, self.journal)
        state = ""
        if options.announce:
            shown = await session.show_card(self.card, options.host, digest)
            state = str(shown["card"]["state"])
        if state == IGNORED:
            return state
        if self.journal.is_continued:
            try:
                await session.note("copying")
            except (NotFound, Conflict, Gone, WrongStatus):
                # The service has closed it, or has never known it.
                await in_thread(None, self.journal.begin)
        if not self.journal.is_continued:
            await session.begin(
                self.card,
                verify=options.verify,
                clock_offset_ms=options.clock_offset_ms,
                folder=options.folder,
                files=len(listed.files),
                bytes=listed.size,
                listing_sha256=digest,
                host=options.host,
            )
        self.session = session
        return state

    async def _not_done(self, files: Sequence[CardFile]) -> list[CardFile]:
        """Return the files that no earlier run of this session has brought as they are now.

        The fast keys tell: a camera without a clock gives two cards one serial, and their files one time.
        """
        done = {each.path: each for each in self.journal.entries() if each.state.is_safe}
        alike = [file for file in files if _is_alike(done.get(wire_path(file.path)), file)]
        keys = {each.file.path: each.fast_key for each in await self.known_files.keys(alike)}
        for file in alike:
            entry = done[wire_path(file.path)]
            # The bytes of one that cannot be read now have come, too.
            if entry.fast_key is None or keys.get(file.path, entry.fast_key) == entry.fast_key:
                self.entries[entry.path] = entry
        return [file for file in files if wire_path(file.path) not in self.entries]

    async def _leave_out(self, listed: Plan) -> None:
        """Note what is on the card and cannot be taken: no verdict may pass over it in silence."""
        entries = [
            Entry(path=each.path, size=0, mtime_ns=0, state=FileState(each.status.value), reason=each.reason)
            for each in listed.left_out
        ]
        junk = await in_thread(None, lambda: [junk_entry(self.card.root, path) for path in listed.junk])
        # Junk hinders no verdict, so it is told and forgotten.
        await in_thread(None, self.journal.note_entries, [*entries, *junk])
        self.entries |= {each.path: each for each in entries}
        for entry in entries:
            self.options.progress.ended(entry)

    async def _sort(self, files: Sequence[CardFile]) -> dict[str, str]:
        """Note the files that the service has; return the fast keys."""
        keyed = await self.known_files.keys(files)
        found = await self.known_files.find(keyed)
        pairs = [(each, found[each.file.path]) for each in keyed if each.file.path in found]
        entries = [known_entry(each, it) for each, it in pairs if await self._is_same(each, it)]
        await in_thread(None, self.journal.note_entries, entries)
        brought = _tally(each for each in self.entries.values() if each.state.is_safe)
        self.entries |= {each.path: each for each in entries}
        known = _tally(entries)
        self.options.progress.sorted(Sorting(new=_tally(files).minus(known), known=known, brought=brought))
        return {each.file.path: each.fast_key for each in keyed}

    async def _require_room(self, session: CardSession, files: Sequence[CardFile]) -> None:
        """Wait until the service has room for all new files: half a card is of no use to anybody."""
        begun = await in_thread(None, self.journal.uploads)
        # An upload that was begun has its room already.
        size = sum(file.size for file in files if wire_path(file.path) not in begun)
        if size:
            await session.note("copying", new_bytes=size)

    async def _is_same(self, keyed: Keyed, found: Found) -> bool:
        """Return True when a file need not be sent; with ``full`` all its bytes are compared."""
        if not self.options.full:
            return True
        try:
            with self.reader.open(keyed.file.path) as file:
                hashes = await in_thread(self.pool, hash_file, file, keyed.file.size)
        except (Unreadable, Missing, Changed):
            return False
        return hashes == (found.sha256, found.xxh64)

    async def _send(self, files: Sequence[CardFile], keys: dict[str, str]) -> None:
        options = self.options
        bringer = Bringer(
            self.transfer,
            self.remote,
            self.patience,
            self.journal,
            options.progress,
            young_seconds=options.young_seconds,
        )
        now = time.time()
        # What is still being written comes last.
        waiting = iter(sorted(files, key=lambda file: 0 <= now - file.mtime_ns / 1e9 < options.young_seconds))

        async def lane(files: Iterator[CardFile]) -> None:
            for file in files:
                with own_cancellation(Unreachable):
                    entry = await bringer.bring(file, keys.get(file.path))
                self.entries[entry.path] = entry
                self.untold.append(entry)

        try:
            async with asyncio.TaskGroup() as lanes:
                for each in repeat(waiting, LANES):
                    lanes.create_task(lane(each))
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None

    async def _remember(self) -> None:
        """Note the files that came since the last call in the catalogue, which need not have the newest."""
        entries, self.untold = self.untold, []
        found = []
        for entry in entries:
            if entry.state is FileState.UPLOADED and entry.fast_key is not None:
                assert entry.file_id is not None
                mtime_at = entry.mtime_ns // 1_000_000
                known = Found(entry.file_id, mtime_at, entry.sha256 or "", entry.xxh64 or "")
                found.append((Sought(entry.path, entry.size, mtime_at, entry.fast_key), known))
        if found:
            await in_thread(None, self.catalogue.add, found)

    @asynccontextmanager
    async def _telling(self, session: CardSession) -> AsyncIterator[None]:
        """Tell the service of files while others are sent, and of all at the end."""

        async def tell() -> None:
            while True:
                await session.tell()
                await self._remember()
                await asyncio.sleep(_TELL_SECONDS)

        telling = asyncio.create_task(tell())
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait((telling,))
            await self._remember()
        await session.tell()

    async def _close(self, listed: Plan) -> Outcome:
        """Read the card again, list it again, and have the session judged."""
        assert self.session is not None
        second = await self._read_again(listed) if self.options.verify == "card" else None
        fresh = await in_thread(None, list_again, self.card, self.held)
        await self._note_differing(fresh)
        excluded = {path for path, each in self.entries.items() if each.state is FileState.EXCLUDED}
        await self.session.note(
            "uploaded",
            bytes_done=sum(each.size for each in self.entries.values() if each.state.is_safe),
            listing_sha256=listing_sha256(fresh, excluded=excluded),
            **({"second_read": second.to_wire(full=self._reads_known())} if second is not None else {}),
        )
        session = await self.session.verdict(self.options.verdict_seconds)
        await in_thread(None, self.journal.end)
        await in_thread(None, self.catalogue.forget_oldest)
        complete = all(each.state.is_safe for each in self.entries.values())
        judged = session.get("state") not in ("not_safe", "stale")
        return self.outcome(Ending.COMPLETE if complete and judged else Ending.PARTLY_FAILED, session=session)

    async def _note_differing(self, fresh: Plan) -> None:
        """Tell by its name each file that came, changed or went since the card was listed."""
        assert self.session is not None
        found = relisted(fresh, self.entries)
        await in_thread(None, self.journal.note_entries, found.differing)
        await self.session.tell()
        self.entries |= {each.path: each for each in found.differing}
        for each in found.differing:
            self.options.progress.ended(each)
        for path in found.gone:
            self.options.progress.said(f"{path} is no longer on the card")

    def _reads_known(self) -> bool:
        return self.options.full or all(each.state is not FileState.KNOWN for each in self.entries.values())

    async def _read_again(self, listed: Plan) -> SecondRead | None:
        """Read the card a second time; None where its bytes would come from memory."""
        states = (FileState.UPLOADED, FileState.KNOWN) if self.options.full else (FileState.UPLOADED,)
        pairs = [(file.path, entry) for file in listed.files if (entry := self.entries.get(wire_path(file.path)))]
        chosen = [pair for pair in pairs if pair[1].state in states]
        total = sum(entry.size for _, entry in chosen)
        try:
            if chosen:
                await in_thread(None, forget_device, self.card.root)
        except OSError as error:
            self.options.progress.said(f"no second reading: memory would answer, and not the card: {error}")
            return None
        return await read_again(
            self.reader,
            chosen,
            moved=lambda count: self.options.progress.reread(count, total),
        )


def _is_alike(entry: Entry | None, file: CardFile) -> bool:
    return entry is not None and (entry.size, entry.mtime_ns) == (file.size, file.mtime_ns)


def _tally(files: Iterable[CardFile | Entry]) -> Tally:
    sizes = [each.size for each in files]
    return Tally(len(sizes), sum(sizes))
