"""Block devices as sysfs describes them: their disk, their reader, and whether they can be pulled."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

SYS_BLOCK = Path("/sys/dev/block")
_READER = re.compile(r"(.*?)/(?:host\d+|mmc_host)/")


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """A device or partition by its numbers, ``8:17``."""

    numbers: str
    sys_block: Path = SYS_BLOCK

    @property
    def exists(self) -> bool:
        """True while the system knows the device."""
        return (self.sys_block / self.numbers).exists()

    @property
    def node(self) -> Path:
        """The device file."""
        return Path("/dev", Path(self._place).name)

    @property
    def disk(self) -> str:
        """The disk of a partition, "" for a file system without a device."""
        if not self.exists:
            return ""
        place = Path(self._place)
        return str(place.parent if (place / "partition").exists() else place)

    @property
    def reader(self) -> str:
        """The reader, which its slots share: the port of USB, or the host of a card slot."""
        found = _READER.match(self._place)
        return found[1] if found else self.disk or self._place

    @property
    def is_removable(self) -> bool:
        """True for what is pulled as a matter of course: USB, removable media, SD cards."""
        return "/usb" in self._place or self.attribute("removable") == "1" or self.attribute("device/type") == "SD"

    @property
    def insertion(self) -> str:
        """A number that is another one after each insertion of a medium."""
        return self.attribute("diskseq")

    def attribute(self, name: str) -> str:
        """Return an attribute of the disk, "" when it has none."""
        try:
            return (Path(self.disk) / name).read_text().strip() if self.disk else ""
        except OSError:
            return ""

    @property
    def _place(self) -> str:
        return os.path.realpath(self.sys_block / self.numbers)
