"""Identity of a card: its file system and size, so that formatting makes a new card and a copy of files does not.

Sources in this order: the first bytes of the device where they may be read, the database of udev, and the links of
``/dev/disk``. A folder that is no mounted file system of a device has the identity of its place; no marker is written.
A file system without a UUID has an identity until it is taken out: another one may be just like it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from files_service.ingest.card import Card
from files_service.ingest.devices import BlockDevice
from files_service.ingest.layouts import recognize
from files_service.ingest.mounts import Mount, mount_of, read_mounts
from files_service.ingest.superblock import FileSystem, read_file_system
from files_service.ingest.udev import UDEV, read_entry, unescaped
from files_service.ingest.volume_info import volume_of

FOLDER = "folder"
# The kernel counts insertions from its start on.
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
ID_LENGTH = 20
# Of a name that the card or its camera gives itself.
MAX_TEXT = 100


def identify(root: Path, mounts: tuple[Mount, ...] | None = None) -> Card:
    """Return the card whose files lie at ``root``. Raises OSError when it cannot be read.

    ``mounts`` is the mount table; by default that of this process.
    """
    place = root.resolve(strict=True)
    mount = mount_of(place, _mounts() if mounts is None else mounts)
    is_whole = mount is not None and mount.mount_point == place and mount.root == "/"
    system = file_system(mount) if mount is not None and is_whole else volume_of(place)
    if system is not None:
        fs_uuid, fs_type, label = system.uuid or _medium(mount), system.fs_type, system.label
        size = _size(mount, place)
    else:
        fs_uuid, fs_type, label, size = _folder_marker(place, mount), FOLDER, place.name, 0
    layout = recognize(place)
    return Card(
        card_id=card_id(fs_uuid, size),
        root=place,
        fs_uuid=fs_uuid,
        fs_type=fs_type,
        size_bytes=size,
        label=_line(label),
        camera=_line(layout.camera),
        serial=_line(layout.serial),
        layout=layout.name,
    )


def _line(text: str) -> str:
    """Return a text of a card as one short line."""
    return "".join(each for each in text if each.isprintable()).strip()[:MAX_TEXT]


def card_id(fs_uuid: str, size_bytes: int) -> str:
    """Return the id of the card that holds this file system."""
    return hashlib.sha256(f"{fs_uuid}\0{size_bytes}".encode()).hexdigest()[:ID_LENGTH]


def file_system(mount: Mount) -> FileSystem | None:
    """Return the file system of a mount, None when it is not one of a device or is not known."""
    node = device_node(mount)
    if node is None:
        return None
    return _first_bytes(node) or _udev(node, mount) or _disk_links(node, mount)


def device_node(mount: Mount) -> Path | None:
    """Return the device of a mount; that of a file system in user space stands in its source."""
    source = Path(mount.source)
    return source.resolve() if source.is_absolute() and source.is_block_device() else None


def _udev(node: Path, mount: Mount) -> FileSystem | None:
    try:
        entry = read_entry(UDEV / f"b{_numbers(node)}")
    except OSError:
        return None
    uuid = entry.properties.get("ID_FS_UUID", "")
    if not uuid:
        return None
    kind = entry.properties.get("ID_FS_TYPE") or mount.fs_type
    return FileSystem(uuid=uuid, fs_type=kind, label=entry.text("ID_FS_LABEL_ENC"))


def _first_bytes(node: Path) -> FileSystem | None:
    try:
        with node.open("rb") as device:
            return read_file_system(device)
    except OSError:
        return None


def _disk_links(node: Path, mount: Mount) -> FileSystem | None:
    uuid = _link_to(Path("/dev/disk/by-uuid"), node)
    label = _link_to(Path("/dev/disk/by-label"), node)
    return FileSystem(uuid=uuid, fs_type=mount.fs_type, label=label) if uuid else None


def _link_to(folder: Path, node: Path) -> str:
    try:
        return next((unescaped(link.name) for link in folder.iterdir() if link.resolve() == node), "")
    except OSError:
        return ""


def _size(mount: Mount | None, root: Path) -> int:
    """Return the bytes of the device, which no driver rounds; of the file system where there is none to ask."""
    node = device_node(mount) if mount is not None else None
    if node is not None:
        try:
            return int(Path(f"/sys/dev/block/{_numbers(node)}/size").read_text()) * 512
        except (OSError, ValueError):
            pass
    return shutil.disk_usage(root).total


def _numbers(node: Path) -> str:
    number = node.stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def medium_of(root: Path) -> str:
    """Return what tells the file system of a path from another one that was mounted in its place."""
    return _medium(mount_of(root.resolve(strict=True), _mounts()))


def _medium(mount: Mount | None) -> str:
    if mount is None:
        return ""
    system, node = file_system(mount), device_node(mount)
    if system is not None and system.uuid:
        return system.uuid
    return mount.source if node is None else hashlib.sha256(insertion_of(node).encode()).hexdigest()[:32]


def insertion_of(node: Path) -> str:
    """Return what is another one each time that a medium is put into a device."""
    numbers = _numbers(node)
    try:
        boot = BOOT_ID.read_text().strip()
    except OSError:
        boot = ""
    return f"{numbers} {BlockDevice(numbers).insertion} {boot}"


def _folder_marker(root: Path, mount: Mount | None) -> str:
    """Return a text that stays the same for a folder at its place, and differs for one made anew there."""
    found = root.stat()
    return hashlib.sha256(
        b"\0".join((_medium(mount).encode(), str(found.st_ino).encode(), os.fsencode(root)))
    ).hexdigest()[:32]


def _mounts() -> tuple[Mount, ...]:
    try:
        return read_mounts()
    except OSError:
        return ()
