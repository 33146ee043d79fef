"""UUID, type and label of volumes on macOS and Windows, by what those systems bring along."""

from __future__ import annotations

import sys
from pathlib import Path

from files_service.ingest.superblock import FileSystem

SECONDS = 20


def volume_of(root: Path) -> FileSystem | None:
    """Return the file system whose top is ``root``; None for a folder within one, and when it has no identity."""
    if sys.platform == "darwin":
        return _by_diskutil(root) if root.is_mount() else None
    if sys.platform == "win32":
        return _by_windows(root) if root == Path(root.anchor) else None
    return None


def _by_diskutil(root: Path) -> FileSystem | None:
    import plistlib
    import subprocess

    command = ["/usr/sbin/diskutil", "info", "-plist", str(root)]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, timeout=SECONDS).stdout  # noqa: S603
        found = plistlib.loads(answer)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    uuid = str(found.get("VolumeUUID") or "")
    if not uuid:
        return None
    return FileSystem(
        uuid=uuid, fs_type=str(found.get("FilesystemType") or ""), label=str(found.get("VolumeName") or "")
    )


def _by_windows(root: Path) -> FileSystem | None:
    import ctypes

    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - only Windows has it
    label, kind = ctypes.create_unicode_buffer(261), ctypes.create_unicode_buffer(261)
    serial = ctypes.c_uint32()
    known = kernel.GetVolumeInformationW(str(root), label, 261, ctypes.byref(serial), None, None, kind, 261)
    if not known or not serial.value:
        return None
    uuid = f"{serial.value >> 16:04X}-{serial.value & 0xFFFF:04X}"
    return FileSystem(uuid=uuid, fs_type=kind.value.lower(), label=label.value)
