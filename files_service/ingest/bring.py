"""One file of a card, whatever happens to it: declared, sent, begun anew where that helps, and noted."""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from files_service.domain.chunking import file_id_of_upload, upload_id_of
from files_service.domain.local_names import type_of_name
from files_service.domain.paths import segment_of
from files_service.errors import FilesError
from files_service.ingest.card import CardFile
from files_service.ingest.entries import Entry, FileState, wire_path
from files_service.ingest.faults import Patience
from files_service.ingest.journal import DECLARED_WITH_BYTES, Journal, NotedUpload
from files_service.ingest.progress import Progress
from files_service.ingest.reader import Changed, Missing, OpenFile, State, Unreadable
from files_service.ingest.second_read import hash_file
from files_service.ingest.service import Remote
from files_service.ingest.threads import in_thread
from files_service.ingest.transfer import NoUpload, Sent, Transfer
from files_service.ingest.transports.transport import Corrupted, Declaration, UploadSession

MOST_TRIES = 3
YOUNG_SECONDS = 10
_HAS_BYTES = frozenset(("uploaded", "processing", "processed"))


@dataclass
class Bringer:
    """Carrier of the files of one session to the service."""

    transfer: Transfer
    remote: Remote
    patience: Patience
    journal: Journal
    progress: Progress
    young_seconds: float = YOUNG_SECONDS

    async def bring(self, file: CardFile, fast_key: str | None) -> Entry:
        """Return what became of a file, which is in the journal then. Raises DeviceGone."""
        path = wire_path(file.path)
        self.progress.began(path, file.size)
        entry = await self._outcome(file, path, fast_key)
        await in_thread(None, self.journal.note_entries, [entry])
        self.progress.ended(entry)
        return entry

    async def _outcome(self, file: CardFile, path: str, fast_key: str | None) -> Entry:
        def entry(state: FileState, **more: Any) -> Entry:
            return Entry(path=path, size=file.size, mtime_ns=file.mtime_ns, state=state, fast_key=fast_key, **more)

        try:
            for _ in range(MOST_TRIES):
                try:
                    state, sent = await self._send(file, path)
                except (Changed, NoUpload, Corrupted) as error:
                    fault: Exception = error
                    await self._discard(path)
                    continue
                same = (state.size, state.mtime_ns) == (file.size, file.mtime_ns)
                return replace(
                    entry(FileState.UPLOADED, file_id=sent.file_id, sha256=sent.sha256, xxh64=sent.xxh64),
                    size=state.size,
                    mtime_ns=state.mtime_ns,
                    # The key is that of the bytes that were there when the card was listed.
                    fast_key=fast_key if same else None,
                )
        except Missing as error:
            await self._discard(path)
            return entry(FileState.MISSING, reason=str(error))
        except Unreadable as error:
            await self._discard(path)
            return entry(FileState.UNREADABLE, reason=str(error), ranges=error.ranges)
        except FilesError as error:
            return entry(FileState.EXCLUDED, reason=f"{error.code}: {error}")
        state_now = FileState.CHANGED if isinstance(fault, Changed) else FileState.EXCLUDED
        return entry(state_now, reason=str(fault))

    async def _send(self, file: CardFile, path: str) -> tuple[State, Sent]:
        await self._wait_until_old(file)
        with self.transfer.card.open(file.path) as opened:
            state = opened.state
            noted = await in_thread(None, self.journal.upload_of, path)
            if noted is not None and noted.state != state:
                await self._discard(path)
                noted = await in_thread(None, self.journal.upload_of, path)
            noted = replace(noted, state=state) if noted is not None else NotedUpload(state, number=1)
            opening = _Opening(self, path, noted)
            moved = lambda count: self.progress.moved(path, count)  # noqa: E731 - of this path
            try:
                return state, await self.transfer.send(opened, state, opening, moved)
            except NoUpload:
                if (sent := await self._arrived(opened, state, opening)) is not None:
                    return state, sent
                raise

    async def _wait_until_old(self, file: CardFile) -> None:
        """Wait while the camera, or whoever writes the card, may not be done with the file."""
        for _ in range(MOST_TRIES):
            age = time.time() - self._mtime_seconds(file)
            if not 0 <= age < self.young_seconds:
                return
            await asyncio.sleep(self.young_seconds - age)

    def _mtime_seconds(self, file: CardFile) -> float:
        with self.transfer.card.open(file.path) as opened:
            return opened.state.mtime_ns / 1e9

    async def _arrived(self, opened: OpenFile, state: State, opening: _Opening) -> Sent | None:
        """Return the upload if it was completed by an earlier run that could not note it."""
        try:
            upload_id = await self.patience.until_done(opening.upload_id)
            file_id = file_id_of_upload(upload_id)
            record = await self.patience.until_done(lambda: self.remote.call("files.info", file_id=file_id))
        except FilesError:
            return None
        if record["status"] not in _HAS_BYTES or record["size"] != state.size:
            return None
        sha256, xxh64 = await in_thread(self.transfer.pool, hash_file, opened, state.size)
        if record["parts"][0]["sha256"] != sha256 or opened.state != state:
            return None
        return Sent(upload_id, sha256, xxh64)

    async def _discard(self, path: str) -> None:
        """Remove the unfinished file of an upload that is given up.

        One that came whole stays: the card may have another file of its name by now, and this be all that is left.
        """
        noted = await in_thread(None, self.journal.upload_of, path)
        if noted is None or noted.upload_id is None:
            return
        with suppress(FilesError):
            upload_id = await self.patience.until_done(_Opening(self, path, noted).upload_id)
            file_id = file_id_of_upload(upload_id)
            if not await in_thread(None, self.journal.has_come, path, file_id):
                await self.patience.until_done(lambda: self.remote.call("files.remove", file_id=file_id))
        # The next declaration is another one.
        further = replace(noted, number=noted.number + 1, upload_id=None)
        await in_thread(None, self.journal.note_upload, path, further)


@dataclass
class _Opening:
    """Beginning of the upload of one file, and its continuation on other connections.

    A killed reader declares the same again, and the answer is the same. What is begun is noted before any byte is sent.
    """

    bringer: Bringer
    path: str
    noted: NotedUpload

    async def __call__(self) -> UploadSession:
        """Open the upload."""
        size, transport = self.noted.state.size, self.bringer.transfer.transport
        is_new = self.noted.upload_id is None
        if is_new and transport.declares(size):
            declaration = await self._declaration()
            await self._note(DECLARED_WITH_BYTES)
            return await transport.declare(declaration)
        return await transport.open(await self.upload_id(), size, is_new=is_new)

    async def upload_id(self) -> str:
        """Return the id of the upload. Declare the file if its id is not known."""
        if not self.noted.upload_id:
            declaration = await self._declaration()
            record = await self.bringer.remote.call("files.upload", **declaration.as_params())
            await self._note(upload_id_of(record["file_id"], record["parts"][0]["part_id"]))
        assert self.noted.upload_id
        return self.noted.upload_id

    async def _declaration(self) -> Declaration:
        journal, state = self.bringer.journal, self.noted.state
        digest = hashlib.sha256(f"{self.path}\0{state.size}\0{state.mtime_ns}".encode()).hexdigest()[:24]
        return Declaration(
            owner=await self.bringer.remote.owner(),
            path=f"{journal.folder}/{stored_path(self.path)}",
            size=state.size,
            content_type=type_of_name(self.path),
            meta={"card_session": journal.session_id},
            request_id=f"{journal.request_id}-{digest}-{self.noted.number}",
        )

    async def _note(self, upload_id: str) -> None:
        self.noted = replace(self.noted, upload_id=upload_id)
        await in_thread(None, self.bringer.journal.note_upload, self.path, self.noted)


def stored_path(path: str) -> str:
    """Return the path below the folder of the session under which the service keeps a file."""
    return "/".join(segment_of(segment) for segment in path.split("/"))
