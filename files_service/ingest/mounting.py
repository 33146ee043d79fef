"""Read-only mounts of cards that no desktop mounts, by udisks2."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

from files_service.ingest.devices import SYS_BLOCK, BlockDevice
from files_service.ingest.mounts import MOUNTINFO, read_mounts

logger = logging.getLogger(__name__)

COMMAND = "udisksctl"
OPTIONS = "ro,noatime,nosuid,nodev,noexec"
UDEV = Path("/run/udev/data")
_SECONDS = 60
_TRIES = 3


class Mounter:
    """Mounter of removable file systems that are not mounted; each insertion is tried a few times."""

    def __init__(self, *, udev: Path = UDEV, sys_block: Path = SYS_BLOCK, mountinfo: Path = MOUNTINFO) -> None:
        self._udev, self._sys_block, self._mountinfo = udev, sys_block, mountinfo
        self._tries: dict[str, int] = {}

    def look(self) -> None:
        """Mount what has been put in. Faults are logged."""
        try:
            waiting = list(self._waiting())
        except OSError as error:
            logger.warning("devices cannot be listed", extra={"error": str(error)})
            return
        present = {_insertion(device) for device in waiting}
        self._tries = {name: count for name, count in self._tries.items() if name in present}
        for device in waiting:
            tries = self._tries.get(_insertion(device), 0)
            if tries < _TRIES:
                self._tries[_insertion(device)] = tries + 1
                self._mount(device)

    def _waiting(self) -> Iterator[BlockDevice]:
        """Yield removable devices that hold a file system and are mounted nowhere."""
        mounts = read_mounts(self._mountinfo)
        mounted = {mount.device for mount in mounts}
        sources = {mount.source for mount in mounts}
        tops = (mount.device for mount in mounts if mount.mount_point == Path("/"))
        # Small machines start from an SD card.
        system = {BlockDevice(numbers, self._sys_block).disk for numbers in tops}
        for entry in sorted(self._udev.glob("b*")):
            device = BlockDevice(entry.name[1:], self._sys_block)
            is_mounted = device.numbers in mounted or str(device.node) in sources
            if is_mounted or not device.exists or device.disk in system:
                continue
            if device.is_removable and _holds_files(entry):
                yield device

    def _mount(self, device: BlockDevice) -> None:
        command = [COMMAND, "mount", "--no-user-interaction", "-b", str(device.node), "-o", OPTIONS]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                command, capture_output=True, text=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("udisks2 does not mount a card", extra={"device": str(device.node), "error": str(error)})
            return
        if done.returncode != 0:
            fault = done.stderr.strip()[:500]
            logger.warning("udisks2 does not mount a card", extra={"device": str(device.node), "error": fault})


def _insertion(device: BlockDevice) -> str:
    return f"{device.numbers} {device.insertion}"


def _holds_files(entry: Path) -> bool:
    """Return True when udev has found a file system on a device."""
    return "E:ID_FS_USAGE=filesystem" in entry.read_text(errors="replace").splitlines()
