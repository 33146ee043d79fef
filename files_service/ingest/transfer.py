"""Transfer of one file of a card: each block is read once, and hashed beside the socket that sends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field

from files_service.domain.chunking import file_id_of_upload
from files_service.errors import FilesError
from files_service.ingest.faults import Patience, Remedy, remedy_for
from files_service.ingest.hashing import WholeHash
from files_service.ingest.reader import (
    BLOCK_BYTES,
    CardReader,
    Changed,
    DeviceGone,
    Missing,
    OpenFile,
    State,
    Unreadable,
)
from files_service.ingest.service import Unreachable
from files_service.ingest.threads import in_thread
from files_service.ingest.transports.transport import Block, Corrupted, OpenUpload, Stored, Transport, UploadSession
from files_service.ingest.window import Window, blocks_of_file
from files_service.runtime.cancelling import own_cancellation

# Files of one card that are read at a time, each with a thread that reads and one that hashes.
FILES_READ = 2
CARD_FAULTS = (DeviceGone, Missing, Changed, Unreadable)
Moved = Callable[[int], None]
# Begins or continues the upload of one file.
Opening = Callable[[], Awaitable[UploadSession]]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that the service has whole."""

    upload_id: str
    sha256: str
    xxh64: str

    @property
    def file_id(self) -> str:
        """The id of the file."""
        return file_id_of_upload(self.upload_id)


class NoUpload(Exception):
    """An upload that was lost, and must begin anew."""


@dataclass
class Transfer:
    """Sender of the files of one card."""

    card: CardReader
    transport: Transport
    pool: Executor
    patience: Patience
    window: Window
    sent_bytes: int = 0
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FILES_READ))

    async def send(self, file: OpenFile, state: State, opening: Opening, moved: Moved) -> Sent:
        """Send an open file in a certain state through its upload, which each attempt opens.

        Raises NoUpload when the upload is lost, Changed, Unreadable, DeviceGone, and FilesError that no waiting helps
        against.
        """
        file.read_ahead()
        progress = _Progress(moved)

        async def attempt() -> str:
            with own_cancellation(Unreachable):
                session = await opening()
                try:
                    return await _Attempt(self, file, state, session, progress).run()
                finally:
                    await session.close()

        try:
            upload_id = await self.patience.until_done(attempt, moved=lambda: progress.acknowledged)
        except (FilesError, Corrupted) as error:
            if remedy_for(error) is Remedy.NEW_UPLOAD:
                raise NoUpload(str(error)) from error
            raise
        return Sent(upload_id, progress.hash.sha256, progress.hash.xxh64)


@dataclass
class _Progress:
    """State of a file that outlives a connection."""

    moved: Moved
    hash: WholeHash = field(default_factory=WholeHash)
    acknowledged: int = 0

    def reach(self, count: int) -> None:
        if count > self.acknowledged:
            self.moved(count - self.acknowledged)
            self.acknowledged = count


@dataclass
class _Attempt:
    """One connection's share of a file."""

    transfer: Transfer
    file: OpenFile
    state: State
    session: UploadSession
    progress: _Progress

    async def run(self) -> str:
        upload = self.session.state
        self.progress.reach(upload.arrived)
        block_bytes = min(BLOCK_BYTES, upload.chunk_bytes)
        # One block is read and hashed while a whole window is on its way.
        places = asyncio.Semaphore(blocks_of_file(block_bytes) + 1)
        try:
            async with asyncio.TaskGroup() as blocks, self.transfer.reading:
                for offset in range(0, self.state.size, block_bytes):
                    size = min(block_bytes, self.state.size - offset)
                    if upload.has(offset, offset + size) and offset < self.progress.hash.end:
                        continue
                    await places.acquire()
                    read = asyncio.get_running_loop().create_future()
                    blocks.create_task(self._take(offset, size, upload, read, places))
                    # The next read begins when this one has ended: a card is read in one place at a time.
                    await read
        except BaseExceptionGroup as group:
            raise _first(group) from None
        if self.file.state != self.state:
            raise Changed("changed while it was read")
        return await self.session.finish(self.progress.hash.sha256)

    async def _take(
        self, offset: int, size: int, upload: OpenUpload, read: asyncio.Future[None], places: asyncio.Semaphore
    ) -> None:
        def reach() -> None:
            self.progress.reach(self.progress.acknowledged + upload.missing(offset, offset + size))

        with own_cancellation(Unreachable), ExitStack() as place:
            place.callback(places.release)
            stored = await self._send(offset, size, upload, read)
            if stored is None:
                return
            if not self.session.acknowledges_blocks:
                # The service itself bounds what it has taken and not stored.
                place.close()
                reach()
            await stored()
            if self.session.acknowledges_blocks:
                reach()

    async def _send(self, offset: int, size: int, upload: OpenUpload, read: asyncio.Future[None]) -> Stored | None:
        """Read and hash a block, and send it unless it is there; hold its memory as long."""
        stored: Stored | None = None
        async with self.transfer.window.room(size):
            block = Block.at(offset, size)
            await self._read(block)
            if not read.done():
                read.set_result(None)
            feeding = self.progress.hash.feed(block, self.transfer.pool, alone=self.session.compares_blocks)
            hashing = asyncio.ensure_future(feeding)
            try:
                if not upload.has(offset, offset + size):
                    if self.session.acknowledges_blocks:
                        self.transfer.sent_bytes += size
                    stored = await self.session.send(block, hashing)
                    if not self.session.acknowledges_blocks:
                        # Until now it may have waited for its turn in a request.
                        self.transfer.sent_bytes += size
                await hashing
            finally:
                hashing.cancel()
            del block
        return stored

    async def _read(self, block: Block) -> None:
        pool = self.transfer.pool
        try:
            await in_thread(pool, self.file.read, block.data, block.offset)
        except Unreadable as error:
            ranges = await in_thread(pool, self.file.bad_ranges, block.offset, self.state.size)
            raise Unreadable(str(error), ranges) from error
        self.file.forget(block.offset, block.size)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error of a group that says most: that of the card before that of the service."""
    errors = list(_flat(group))
    return next((each for each in errors if isinstance(each, CARD_FAULTS)), errors[0])


def _flat(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _flat(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found
