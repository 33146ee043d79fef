"""The devices of ``/etc/fstab``, which udisks2 mounts as it says there: also for writing, whatever is asked for."""

from __future__ import annotations

from pathlib import Path

from files_service.ingest.mounts import unescaped
from files_service.ingest.udev import Entry

FSTAB = Path("/etc/fstab")
_TAGS = {
    "UUID": "ID_FS_UUID_ENC",
    "LABEL": "ID_FS_LABEL_ENC",
    "PARTUUID": "ID_PART_ENTRY_UUID",
    "PARTLABEL": "ID_PART_ENTRY_NAME",
}


def read_fstab(path: Path = FSTAB) -> frozenset[str]:
    """Return the first field of each line; nothing where there is no such file. Raises OSError."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return frozenset()
    fields = (line.split()[0] for line in lines if line.strip() and not line.lstrip().startswith(b"#"))
    return frozenset(unescaped(field).replace('"', "") for field in fields)


def is_named(entry: Entry, node: Path, fstab: frozenset[str]) -> bool:
    """Return True when a table names a device in one of the ways of fstab(5)."""
    tags = {f"{tag}={entry.text(name)}" for tag, name in _TAGS.items() if entry.text(name)}
    return not fstab.isdisjoint({str(node), *tags, *(f"/dev/{link}" for link in entry.links)})
