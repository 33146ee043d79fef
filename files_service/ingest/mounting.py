"""Read-only mounts of cards that no desktop mounts, by udisks2.

Invariant: nothing is mounted that would be written to. Linux replays a journal also where it mounts read-only, and
udisks2 mounts the devices of ``/etc/fstab`` as it says there. Without its journal a file system is not the one that its
camera left, and no verdict may rest on it.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from files_service.ingest.devices import SYS_BLOCK, BlockDevice
from files_service.ingest.fstab import FSTAB, is_named, read_fstab
from files_service.ingest.mounts import MOUNTINFO, read_mounts
from files_service.ingest.udev import UDEV, read_entry

logger = logging.getLogger(__name__)

COMMAND = "udisksctl"
OPTIONS = "ro,noatime,nosuid,nodev,noexec"
# By the names of udev.
TYPES = frozenset(("exfat", "vfat", "ntfs", "udf", "hfsplus", "ext2"))
JOURNALED = frozenset(("ext3", "ext4", "ext4dev", "f2fs"))
_SECONDS = 60
_TRIES = 3
# The names of errors on D-Bus are not translated.
_MOUNTED = "org.freedesktop.UDisks2.Error.AlreadyMounted"


@dataclass(frozen=True, slots=True)
class _Present:
    """A removable file system."""

    device: BlockDevice
    fs_type: str
    is_mounted: bool

    @property
    def insertion(self) -> str:
        return f"{self.device.numbers} {self.device.insertion}"


class Mounter:
    """Mounts of removable file systems: each insertion is mounted once, and tried a few times until then."""

    def __init__(
        self,
        *,
        udev: Path = UDEV,
        sys_block: Path = SYS_BLOCK,
        mountinfo: Path = MOUNTINFO,
        fstab: Path = FSTAB,
        seconds: float = _SECONDS,
    ) -> None:
        self._udev, self._sys_block, self._mountinfo, self._fstab = udev, sys_block, mountinfo, fstab
        self._seconds = seconds
        self._left: dict[str, int] = {}

    def look(self) -> None:
        """Mount what has been put in. Faults are logged."""
        try:
            present = {each.insertion: each for each in self._present()}
        except OSError as error:
            logger.warning("devices cannot be listed", extra={"error": str(error)})
            return
        self._left = {name: self._left.get(name, _TRIES) for name in present}
        for name, each in present.items():
            if each.is_mounted:
                # Who unmounts it has a reason.
                self._left[name] = 0
            elif self._left[name]:
                self._left[name] = 0 if self._is_settled(each) else self._left[name] - 1

    def _present(self) -> Iterator[_Present]:
        """Yield the removable devices on which udev has found a file system."""
        mounts = read_mounts(self._mountinfo)
        mounted = {mount.device for mount in mounts}
        sources = {mount.source for mount in mounts}
        tops = (mount.device for mount in mounts if mount.mount_point == Path("/"))
        # Small machines start from an SD card.
        system = {BlockDevice(numbers, self._sys_block).disk for numbers in tops}
        fstab = read_fstab(self._fstab)
        for path in sorted(self._udev.glob("b*")):
            device = BlockDevice(path.name[1:], self._sys_block)
            if not device.exists or device.disk in system or not device.is_removable:
                continue
            try:
                entry = read_entry(path)
            except FileNotFoundError:
                # It was pulled meanwhile.
                continue
            if entry.properties.get("ID_FS_USAGE") == "filesystem" and not is_named(entry, device.node, fstab):
                is_mounted = device.numbers in mounted or str(device.node) in sources
                yield _Present(device, entry.properties.get("ID_FS_TYPE", ""), is_mounted)

    def _is_settled(self, present: _Present) -> bool:
        """Mount a file system; return True when there is nothing left to try."""
        about = {"device": str(present.device.node), "file_system": present.fs_type}
        if present.fs_type not in TYPES:
            if present.fs_type in JOURNALED:
                logger.warning("a card is left alone: mounting could write its journal", extra=about)
            return True
        fault = self._mount(present.device)
        if fault:
            logger.warning("udisks2 does not mount a card", extra={**about, "error": fault})
        return not fault

    def _mount(self, device: BlockDevice) -> str:
        """Return why a device is not mounted, "" when it is."""
        command = [COMMAND, "mount", "--no-user-interaction", "-b", str(device.node), "-o", OPTIONS]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, errors="replace", timeout=self._seconds, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
        if done.returncode == 0 or _MOUNTED in done.stderr:
            return ""
        # Without a terminal, the line before says that no password can be asked for.
        return done.stderr.strip().rpartition("\n")[2][:500] or f"exit status {done.returncode}"
