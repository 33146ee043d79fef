"""The journal of a card's session on this machine: what a killed reader must know to go on.

An upload is noted before its first byte is sent, and a file after its last one is acknowledged, each on stable storage.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from ulid import ULID

from files_service.ingest.database import Database
from files_service.ingest.entries import Entry, FileState
from files_service.ingest.reader import State

DECLARED_WITH_BYTES = ""
# Of a session whose card does not come back.
KEPT_MS = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class NotedUpload:
    """An upload that was begun for a file in a certain state; ``number`` counts the uploads of the path.

    Without ``upload_id`` it may have been declared, by a reader that died before the answer, but has no bytes.
    ``DECLARED_WITH_BYTES`` is the id of one that the service may have in part or whole.
    """

    state: State
    number: int
    upload_id: str | None = None


class Journal:
    """The newest session of a card with one service and owner; an unfinished one is continued."""

    def __init__(self, database: Database, *, service: str, owner: str, card_id: str) -> None:
        self._database = database
        self._of = (service, owner, card_id)
        self.request_id, self.session_id, self.folder = "", "", ""

    @property
    def is_continued(self) -> bool:
        """True when the service knows the session from an earlier run."""
        return bool(self.session_id)

    def open(self) -> None:
        """Continue the unfinished session, or note a new one."""
        found = self._database.rows(
            "SELECT * FROM sessions WHERE service = ? AND owner = ? AND card_id = ? AND is_open = 1"
            " ORDER BY started_at DESC LIMIT 1",
            *self._of,
        )
        if found:
            self.request_id = found[0]["request_id"]
            self.session_id, self.folder = found[0]["session_id"] or "", found[0]["folder"] or ""
        else:
            self.begin()

    def begin(self) -> None:
        """Note a new session, end the others of the card, and forget what is of no use any more."""
        self.request_id, self.session_id, self.folder = str(ULID()), "", ""
        self.end()
        now = time.time_ns() // 1_000_000
        with self._database.writing() as connection:
            connection.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, NULL, NULL, 1, ?)", (self.request_id, *self._of, now)
            )
            # A card that comes back later has no upload that goes on, and its complete files are known.
            connection.execute("DELETE FROM sessions WHERE is_open = 0 OR started_at < ?", (now - KEPT_MS,))
            for table in ("uploads", "entries"):
                connection.execute(f"DELETE FROM {table} WHERE request_id NOT IN (SELECT request_id FROM sessions)")  # noqa: S608

    def note_session(self, session_id: str, folder: str) -> None:
        """Note the names that the service gave."""
        self.session_id, self.folder = session_id, folder
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE sessions SET session_id = ?, folder = ? WHERE request_id = ?",
                (session_id, folder, self.request_id),
            )

    def end(self) -> None:
        """Note that nothing of the card's sessions is left to do."""
        with self._database.writing() as connection:
            connection.execute(
                "UPDATE sessions SET is_open = 0 WHERE service = ? AND owner = ? AND card_id = ?", self._of
            )

    def upload_of(self, path: str) -> NotedUpload | None:
        """Return the last upload that was begun for a path."""
        found = self._database.rows("SELECT * FROM uploads WHERE request_id = ? AND path = ?", self.request_id, path)
        if not found:
            return None
        row = found[0]
        return NotedUpload(State(row["size"], row["mtime_ns"]), row["number"], row["upload_id"])

    def uploads(self) -> set[str]:
        """Return the paths for which an upload was begun."""
        return {
            row["path"] for row in self._database.rows("SELECT path FROM uploads WHERE request_id = ?", self.request_id)
        }

    def note_upload(self, path: str, noted: NotedUpload) -> None:
        """Note an upload."""
        state = noted.state
        with self._database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?)",
                (self.request_id, path, state.size, state.mtime_ns, noted.number, noted.upload_id),
            )

    def note_entries(self, entries: Iterable[Entry]) -> None:
        """Note what became of files, which the service is still to be told."""
        rows = [
            (
                self.request_id,
                each.path,
                each.size,
                each.mtime_ns,
                each.state.value,
                each.file_id,
                each.sha256,
                each.xxh64,
                each.fast_key,
                orjson.dumps(each.ranges).decode(),
                each.reason,
                0,
            )
            for each in entries
        ]
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget_entries(self) -> None:
        """Forget what became of files. Uploads stay noted, so that what they brought is found or removed."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM entries WHERE request_id = ?", (self.request_id,))

    def entries(self, *, untold: bool = False, limit: int = -1) -> list[Entry]:
        """Return what became of files; only what the service is still to be told with ``untold``."""
        rows = self._database.rows(
            "SELECT * FROM entries WHERE request_id = ? AND is_told <= ? LIMIT ?",
            self.request_id,
            0 if untold else 1,
            limit,
        )
        return [
            Entry(
                path=row["path"],
                size=row["size"],
                mtime_ns=row["mtime_ns"],
                state=FileState(row["state"]),
                file_id=row["file_id"],
                sha256=row["sha256"],
                xxh64=row["xxh64"],
                fast_key=row["fast_key"],
                ranges=tuple((start, end) for start, end in orjson.loads(row["ranges"])),
                reason=row["reason"],
            )
            for row in rows
        ]

    def has_come(self, path: str, file_id: str) -> bool:
        """Return True for a file that came whole, as the entry of its path says."""
        query = "SELECT 1 FROM entries WHERE request_id = ? AND path = ? AND file_id = ?"
        return bool(self._database.rows(query, self.request_id, path, file_id))

    def note_told(self, entries: Iterable[Entry]) -> None:
        """Note that the service was told of these; one that has changed since stays to be told."""
        with self._database.writing() as connection:
            connection.executemany(
                "UPDATE entries SET is_told = 1 WHERE request_id = ? AND path = ? AND state = ? AND file_id IS ?",
                [(self.request_id, each.path, each.state.value, each.file_id) for each in entries],
            )
