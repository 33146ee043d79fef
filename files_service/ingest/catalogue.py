"""The catalogue of this machine: files that it brought to a service, found again by their fast key.

Neither the catalogue nor a name makes a file known: the service must still have it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from files_service.ingest.database import Database

# About 300 bytes each.
MOST_KNOWN = 1_000_000
QUARTER_HOUR_MS = 15 * 60 * 1000
# Time zones reach from -12 to +14 hours, and a camera may be set to any.
_LONGEST_SHIFT_MS = 26 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Sought:
    """A file of a card that may be known."""

    path: str
    size: int
    mtime_at: int
    fast_key: str


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the service with the same fast key, size and path."""

    file_id: str
    mtime_at: int
    sha256: str
    xxh64: str


class Catalogue:
    """The files of one owner at one service."""

    def __init__(self, database: Database, *, service: str, owner: str) -> None:
        self._database, self._of = database, (service, owner)

    def find(self, sought: Sought) -> Found | None:
        """Return the file that this machine brought."""
        rows = self._database.rows(
            "SELECT * FROM known WHERE service = ? AND owner = ? AND fast_key = ? AND size = ? AND path = ?",
            *self._of,
            sought.fast_key,
            sought.size,
            sought.path,
        )
        return Found(*(rows[0][name] for name in ("file_id", "mtime_at", "sha256", "xxh64"))) if rows else None

    def add(self, brought: Iterable[tuple[Sought, Found]]) -> None:
        """Note files that were brought."""
        rows = [
            (
                *self._of,
                *(sought.fast_key, sought.size, sought.path),
                *(found.file_id, found.mtime_at, found.sha256, found.xxh64),
            )
            for sought, found in brought
        ]
        with self._database.writing() as connection:
            connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def forget_oldest(self) -> None:
        """Forget the files beyond ``MOST_KNOWN`` of all services, the oldest first; the services know them, too."""
        with self._database.writing() as connection:
            connection.execute(
                "DELETE FROM known WHERE mtime_at <="
                " (SELECT mtime_at FROM known ORDER BY mtime_at DESC LIMIT 1 OFFSET ?)",
                (MOST_KNOWN,),
            )


def with_one_shift(pairs: Iterable[tuple[Sought, Found]]) -> list[tuple[Sought, Found]]:
    """Return the pairs whose times agree: equal, or apart by the one whole number of quarter hours of the card.

    FAT keeps local times, so all of a card move together when the clocks change; a time that moved alone is that of
    another file.
    """
    pairs = list(pairs)
    shifts = Counter(shift for pair in pairs if (shift := _shift(*pair)) and _is_whole(shift))
    # One file alone may have been changed at that time.
    common = next((shift for shift, count in shifts.most_common(1) if count > 1), 0)
    return [pair for pair in pairs if _shift(*pair) in (0, common)]


def _shift(sought: Sought, found: Found) -> int:
    return sought.mtime_at - found.mtime_at


def _is_whole(shift: int) -> bool:
    return shift % QUARTER_HOUR_MS == 0 and abs(shift) <= _LONGEST_SHIFT_MS
