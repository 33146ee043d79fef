"""The mount table of Linux, as proc(5) describes ``/proc/self/mountinfo``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

MOUNTINFO = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One line of the table. ``device`` is major and minor, as in ``/sys/dev/block``."""

    mount_id: int
    device: str
    root: str
    mount_point: Path
    fs_type: str
    source: str
    options: frozenset[str] = frozenset()

    @property
    def read_only(self) -> bool:
        """True when nothing can be written by this mount."""
        return "ro" in self.options


def read_mounts(path: Path = MOUNTINFO) -> tuple[Mount, ...]:
    """Return the mounts of this process in their order. Raises OSError where there is no such table."""
    return parse_mounts(path.read_bytes())


def parse_mounts(table: bytes) -> tuple[Mount, ...]:
    """Return the mounts of a table; a line that is not one of the documented form is passed over."""
    return tuple(mount for line in table.splitlines() if (mount := _parse(line.split(b" "))) is not None)


def _parse(fields: list[bytes]) -> Mount | None:
    # Between the options and the "-" there is any number of optional fields.
    if len(fields) < 10 or b"-" not in fields[6:] or not fields[0].isdigit():
        return None
    end = fields.index(b"-", 6)
    if len(fields) < end + 4:
        return None
    return Mount(
        mount_id=int(fields[0]),
        device=unescaped(fields[2]),
        root=unescaped(fields[3]),
        mount_point=Path(unescaped(fields[4])),
        fs_type=unescaped(fields[end + 1]),
        source=unescaped(fields[end + 2]),
        options=frozenset(unescaped(fields[5]).split(",")),
    )


def unescaped(field: bytes) -> str:
    """Return a field in which blanks, tabs, line feeds and backslashes are written as octal numbers."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda found: bytes([int(found[1], 8) & 255]), field))


def mount_of(path: Path, mounts: Iterable[Mount]) -> Mount | None:
    """Return the mount in which a resolved path lies; of several at one place the last one, which hides the others."""
    found: Mount | None = None
    for mount in mounts:
        if path.is_relative_to(mount.mount_point) and (
            found is None or len(mount.mount_point.parts) >= len(found.mount_point.parts)
        ):
            found = mount
    return found
