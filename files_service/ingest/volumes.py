"""Detection of cards: volumes that come and go, behind one interface for all systems.

Linux wakes up at each change of the mount table, and looks at the table itself alone: a card that does not answer
keeps no other from being seen. macOS and Windows are looked at every two seconds.
"""

from __future__ import annotations

import logging
import os
import select
import string
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from files_service.ingest.devices import BlockDevice
from files_service.ingest.identity import device_node
from files_service.ingest.mounts import MOUNTINFO, Mount, parse_mounts

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# A folder on a dead disk may never answer.
_STOP_SECONDS = 5.0
# Where desktops, administrators and udisks mount what is put in.
PLACES = (Path("/media"), Path("/run/media"), Path("/mnt"))
# File systems of cards; `fuseblk` is any of them in user space.
CARD_TYPES = frozenset("exfat vfat msdos fuseblk ntfs ntfs3 udf hfsplus ext2 ext3 ext4 f2fs".split())  # noqa: SIM905
_SYSTEM: str = sys.platform


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A file system that may be a card.

    ``key`` is another one each time it is put in. ``reader`` is shared by the slots of one reader.
    """

    key: str
    root: Path
    reader: str


class Volumes(ABC):
    """The volumes of a machine that may be cards."""

    @abstractmethod
    def current(self) -> tuple[Volume, ...]:
        """Return the volumes that are there now. Reads no mounted card. Raises OSError."""

    @abstractmethod
    def wait(self, seconds: float) -> None:
        """Return when the volumes may have changed since ``current`` was called, at the latest after some seconds."""

    def interrupt(self) -> None:  # noqa: B027 - a short wait needs none
        """End the wait of another thread."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Release what was opened."""


class LinuxVolumes(Volumes):
    """The mount table, and folders that are treated as cards while they exist and are not empty.

    A mount is a volume when its device is removable, or when it lies below one of ``places``.
    """

    def __init__(
        self, *, places: Iterable[Path] = PLACES, folders: Iterable[Path] = (), mountinfo: Path = MOUNTINFO
    ) -> None:
        self._places, self._folders = tuple(places), tuple(folders)
        # Opened before the first look: the kernel reports changes since then.
        self._table = os.open(mountinfo, os.O_RDONLY | os.O_CLOEXEC)
        self._poll = select.poll()
        self._poll.register(self._table, select.POLLPRI | select.POLLERR)
        self._interrupted, self._interrupt = os.pipe()
        self._poll.register(self._interrupted, select.POLLIN)

    def current(self) -> tuple[Volume, ...]:
        """Return one volume for each device, at its first mount, and the folders."""
        mounts = parse_mounts(self._read())
        system = {_device(mount).disk for mount in mounts if mount.mount_point == Path("/")} - {""}
        found: dict[str, Volume] = {}
        for mount in mounts:
            if self._may_be_card(mount, system) and mount.device not in found:
                device = _device(mount)
                # The kernel gives ids and numbers of devices again; it counts what was put into a drive.
                key = f"{mount.mount_id} {mount.device} {device.insertion} {mount.mount_point}"
                found[mount.device] = Volume(key=key, root=mount.mount_point, reader=device.reader)
        return (*found.values(), *(volume for folder in self._folders if (volume := _folder(folder)) is not None))

    def wait(self, seconds: float) -> None:
        """Return at a change of the mount table, after these seconds to look at the folders."""
        self._poll.poll(1000 * seconds)

    def interrupt(self) -> None:
        """End the wait of another thread, and every later one."""
        os.write(self._interrupt, b"!")

    def close(self) -> None:
        """Close the mount table."""
        for descriptor in (self._table, self._interrupted, self._interrupt):
            os.close(descriptor)

    def _read(self) -> bytes:
        os.lseek(self._table, 0, os.SEEK_SET)
        return b"".join(iter(lambda: os.read(self._table, 65_536), b""))

    def _may_be_card(self, mount: Mount, system: set[str]) -> bool:
        if mount.fs_type not in CARD_TYPES or mount.root != "/" or device_node(mount) is None:
            return False
        device = _device(mount)
        if device.disk in system:
            return False
        return device.is_removable or any(mount.mount_point.is_relative_to(place) for place in self._places)


def _device(mount: Mount) -> BlockDevice:
    """Return the device of a mount; the table has the numbers of none for some file systems in user space."""
    node = device_node(mount)
    try:
        number = node.stat().st_rdev if node is not None else None
    except OSError:
        number = None
    return BlockDevice(mount.device if number is None else f"{os.major(number)}:{os.minor(number)}")


def _folder(folder: Path) -> Volume | None:
    try:
        found = folder.stat()
        with os.scandir(folder) as entries:
            is_empty = next(entries, None) is None
    except OSError:
        return None
    return None if is_empty else Volume(key=f"{folder} {found.st_dev} {found.st_ino}", root=folder, reader=str(folder))


class PolledVolumes(Volumes):
    """Folders that a system makes for volumes: those of ``/Volumes`` on macOS, the drives of Windows."""

    def __init__(self, roots: Callable[[], Iterable[Path]]) -> None:
        self._roots, self._interrupted = roots, threading.Event()

    def current(self) -> tuple[Volume, ...]:
        """Return the volumes that answer."""
        return tuple(volume for root in self._roots() if (volume := _folder(root)) is not None)

    def wait(self, seconds: float) -> None:
        """Wait until it is time to look again."""
        self._interrupted.wait(seconds)

    def interrupt(self) -> None:
        """End the wait of another thread, and every later one."""
        self._interrupted.set()


def open_volumes(*, places: Iterable[Path] = (), folders: Iterable[Path] = ()) -> Volumes:
    """Return the volumes of this machine. ``places`` are further folders below which cards are mounted."""
    given = tuple(folders)
    if _SYSTEM == "linux":
        return LinuxVolumes(places=(*PLACES, *places), folders=given)
    return PolledVolumes(lambda: (*_drives(), *given))


def _drives() -> Iterable[Path]:
    if _SYSTEM == "win32":
        system = os.environ.get("SYSTEMDRIVE", "C:")
        return [Path(f"{letter}:\\") for letter in string.ascii_uppercase if f"{letter}:" != system]
    try:
        # The system's own volume is a link.
        return [each for each in Path("/Volumes").iterdir() if not each.is_symlink()]
    except OSError:
        return []


@dataclass(frozen=True, slots=True)
class Change:
    """A volume that was put in or taken out."""

    volume: Volume
    is_there: bool


class Detector:
    """Thread that tells every change, in order. ``tell`` must return at once."""

    def __init__(self, volumes: Volumes, tell: Callable[[Change], None], *, look_seconds: float = LOOK_SECONDS) -> None:
        self._volumes, self._tell, self._look_seconds = volumes, tell, look_seconds
        self._stop = threading.Event()
        self._known: dict[str, Volume] = {}
        self._thread = threading.Thread(target=self._run, name="card-detector", daemon=True)

    def start(self) -> None:
        """Tell of the volumes that are there, and of every change from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and close the volumes."""
        self._stop.set()
        self._volumes.interrupt()
        self._thread.join(_STOP_SECONDS)
        if not self._thread.is_alive():
            self._volumes.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
                self._volumes.wait(self._look_seconds)
            except Exception:
                logger.exception("a look at the volumes failed")
                self._stop.wait(self._look_seconds)

    def _look(self) -> None:
        try:
            current = {volume.key: volume for volume in self._volumes.current()}
        except OSError:
            logger.exception("volumes cannot be listed")
            return
        for key in self._known.keys() - current.keys():
            self._say(Change(self._known[key], is_there=False))
        for key in current.keys() - self._known.keys():
            self._say(Change(current[key], is_there=True))
        self._known = current

    def _say(self, change: Change) -> None:
        """Tell one change; a fault keeps no other from being told."""
        try:
            self._tell(change)
        except Exception:
            logger.exception("a change of the volumes failed", extra={"root": str(change.volume.root)})
