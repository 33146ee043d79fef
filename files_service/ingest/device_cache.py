"""The page cache of a device below a file system in user space, which reads through it whatever is asked of a file."""

from __future__ import annotations

import os
from pathlib import Path

from files_service.ingest.identity import device_node
from files_service.ingest.mounts import mount_of, read_mounts

_IN_USER_SPACE = "fuse"


def forget_device(root: Path) -> None:
    """Drop what the system remembers of the device of a card, if files are read through it. Raises OSError."""
    try:
        mount = mount_of(root.resolve(strict=True), read_mounts())
    except FileNotFoundError:
        # A system without a mount table.
        return
    node = device_node(mount) if mount is not None and mount.fs_type.startswith(_IN_USER_SPACE) else None
    if node is None:
        return
    descriptor = os.open(node, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
