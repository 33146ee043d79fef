"""Outcome of each file of a card, as the session at the service is told."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from files_service.domain.cards import JUNK
from files_service.ingest.reader import Ranges
from storage_adapters import JSON

MOST_RANGES = 100
MOST_PATH = 250
_NO_LINE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\udc80-\udcff]")
# Backslashes of a name that could be ours.
_LIKE_OURS = re.compile(r"\\([\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4})")


class FileState(StrEnum):
    """Outcome of a file."""

    UPLOADED = "uploaded"
    KNOWN = "known"
    UNREADABLE = "unreadable"
    CHANGED = "changed"
    EXCLUDED = "excluded"
    MISSING = "missing"

    @property
    def is_safe(self) -> bool:
        """True when the service has the file."""
        return self in (FileState.UPLOADED, FileState.KNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file of a card in its session. ``path`` is in its wire form."""

    path: str
    size: int
    mtime_ns: int
    state: FileState
    file_id: str | None = None
    sha256: str | None = None
    xxh64: str | None = None
    fast_key: str | None = None
    ranges: Ranges = ()
    reason: str | None = None

    def to_wire(self) -> JSON:
        """Return the item of ``cards.add``."""
        said: dict[str, Any] = {
            "path": self.path,
            "size": self.size,
            "mtime_at": self.mtime_ns // 1_000_000,
            "status": self.state.value,
            "file_id": self.file_id,
            "sha256": self.sha256,
            "xxh64": self.xxh64,
            "fast_key": self.fast_key,
            "ranges": [list(each) for each in self.ranges[:MOST_RANGES]] or None,
            "reason": self.reason and self.reason[:200],
        }
        return {name: value for name, value in said.items() if value is not None}


def junk_entry(root: Path, path: str) -> Entry:
    """Return the entry of junk; a folder of it is one entry, whose size is not known."""
    try:
        found = (root / path).lstat()
    except OSError:
        found = None
    is_file = found is not None and stat.S_ISREG(found.st_mode)
    return Entry(
        path=wire_path(path.rstrip("/"))[-MOST_PATH:].lstrip("/"),
        size=found.st_size if found is not None and is_file else 0,
        mtime_ns=found.st_mtime_ns if found is not None else 0,
        state=FileState.EXCLUDED,
        reason=JUNK,
    )


def wire_path(path: str) -> str:
    r"""Return a path as one line of text: other bytes become ``\xff``, so that two paths never become one."""
    if "\\" in path and (_NO_TEXT.search(path) or _LIKE_OURS.search(path)):
        path = path.replace("\\", "\\\\")
    text = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return _NO_LINE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
