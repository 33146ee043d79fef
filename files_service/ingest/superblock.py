"""UUID and label of a file system, read from its first bytes as blkid prints them. Nothing is written."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

# The super block of ext lies at 1024 and has 1024 bytes.
_HEAD = 2048
_EXFAT_LABEL = 0x83
_MAX_SHIFT = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystem:
    """A file system by what its own header says. ``uuid`` is "" where that is empty: several may be so."""

    uuid: str
    fs_type: str
    label: str = ""


def read_file_system(device: BinaryIO) -> FileSystem | None:
    """Return what a device or image holds; None when its kind is not known here. Raises OSError."""
    head = device.read(_HEAD)
    if len(head) < _HEAD:
        return None
    return _exfat(head, device) or _ntfs(head) or _fat(head) or _ext(head)


def _exfat(head: bytes, device: BinaryIO) -> FileSystem | None:
    if head[3:11] != b"EXFAT   ":
        return None
    return FileSystem(uuid=_serial(head, 0x64), fs_type="exfat", label=_exfat_label(head, device))


def _exfat_label(head: bytes, device: BinaryIO) -> str:
    heap, _, root = struct.unpack_from("<III", head, 0x58)
    sector, cluster = head[0x6C], head[0x6D]
    if root < 2 or sector + cluster > _MAX_SHIFT:
        return ""
    device.seek((heap + ((root - 2) << cluster)) << sector)
    # A formatting tool writes the label first.
    entries = device.read(8 * 32)
    for start in range(0, len(entries) - 31, 32):
        if entries[start] == _EXFAT_LABEL:
            return entries[start + 2 : start + 2 + 2 * min(entries[start + 1], 11)].decode("utf-16-le", "replace")
    return ""


def _ntfs(head: bytes) -> FileSystem | None:
    if head[3:11] != b"NTFS    ":
        return None
    (serial,) = struct.unpack_from("<Q", head, 0x48)
    return FileSystem(uuid=f"{serial:016X}" if serial else "", fs_type="ntfs")


def _fat(head: bytes) -> FileSystem | None:
    if head[510:512] != b"\x55\xaa":
        return None
    if head[0x52:0x57] == b"FAT32":
        serial, label = 0x43, head[0x47:0x52]
    elif head[0x36:0x39] == b"FAT":
        serial, label = 0x27, head[0x2B:0x36]
    else:
        return None
    text = label.decode("ascii", "replace").strip()
    return FileSystem(uuid=_serial(head, serial), fs_type="vfat", label="" if text == "NO NAME" else text)


def _serial(head: bytes, at: int) -> str:
    (serial,) = struct.unpack_from("<I", head, at)
    return f"{serial >> 16:04X}-{serial & 0xFFFF:04X}" if serial else ""


def _ext(head: bytes) -> FileSystem | None:
    if head[0x438:0x43A] != b"\x53\xef":
        return None
    hexes = head[0x468:0x478].hex()
    uuid = "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))
    return FileSystem(
        uuid=uuid if any(head[0x468:0x478]) else "",
        fs_type="ext",
        label=head[0x478:0x488].rstrip(b"\0").decode(errors="replace"),
    )
