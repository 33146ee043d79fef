"""A reader with one card, and a udisks2 with a bus and a udev of its own: the process of `test_udisks.py`.

It runs in namespaces of its own, so nothing of it is seen outside, and all of it ends with it. Where `/sys` says that a
loop device can be removed, it is a slot; a file without bytes is a slot without a card.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from files_service.ingest.devices import BlockDevice
from files_service.ingest.mounting import Mounter
from files_service.ingest.mounts import read_mounts
from files_service.ingest.udev import UDEV, read_entry
from files_service.ingest.volumes import LinuxVolumes
from tests.ingest.cards import attach, run
from tests.waiting import wait_until

SECONDS = 20
UDISKSD = (Path("/usr/libexec/udisks2/udisksd"), Path("/usr/lib/udisks2/udisksd"))
UDEVD = (Path("/lib/systemd/systemd-udevd"), Path("/usr/lib/systemd/systemd-udevd"))


def found(places: tuple[Path, ...]) -> Path | None:
    """Return the place at which a distribution has a program."""
    return next((place for place in places if place.exists()), None)


def start(folder: Path) -> None:
    """Start the bus, udev and udisks2."""
    for place in (Path("/run"), Path("/media"), Path("/dev/disk"), Path("/var/lib/udisks2")):
        place.mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", place)
    for name in ("dbus", "udev", "lock", "udisks2"):
        Path("/run", name).mkdir()
    commands = (
        ["dbus-daemon", "--system", "--nofork", "--nopidfile"],
        [str(found(UDEVD))],
        [str(found(UDISKSD))],
    )
    ready = (Path("/run/dbus/system_bus_socket").exists, Path("/run/udev/control").exists, answers)
    for command, is_ready in zip(commands, ready, strict=True):
        with (folder / f"log-of-{Path(command[0]).name}").open("wb") as log:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(is_ready, seconds=SECONDS, otherwise=command[0])


def answers() -> bool:
    """Return True when udisks2 does."""
    return subprocess.run(["udisksctl", "status"], capture_output=True, check=False).returncode == 0


class Reader:
    """A slot, with what the watcher makes of it."""

    def __init__(self, image: Path) -> None:
        self._image, self._bytes = image, image.read_bytes()
        self.loop = Path(attach(image))
        numbers = Path("/sys/block", self.loop.name, "dev").read_text().strip()
        self.device, self._entry = BlockDevice(numbers), UDEV / f"b{numbers}"
        yes = image.with_name("yes")
        yes.write_text("1\n")
        run("mount", "--bind", yes, Path("/sys/block", self.loop.name, "removable"))
        self._mounter, self._volumes = Mounter(), LinuxVolumes()
        wait_until(self._is_shown, seconds=SECONDS, otherwise="the card is not known")

    def _is_known(self) -> bool:
        return self._entry.exists() and "ID_FS_USAGE" in read_entry(self._entry).properties

    def _is_shown(self) -> bool:
        """Return True when udev and udisks2 know the file system."""
        done = subprocess.run(["udisksctl", "info", "-b", self.loop], capture_output=True, text=True, check=False)
        return self._is_known() and re.search(r"IdUsage: +filesystem", done.stdout) is not None

    def pull(self) -> None:
        """Take the card out, mounted or not."""
        self._image.write_bytes(b"")
        run("losetup", "--set-capacity", self.loop)
        wait_until(lambda: not self._is_known(), seconds=SECONDS, otherwise="the card is still known")
        wait_until(lambda: self.roots() == [], seconds=SECONDS, otherwise="the card is still mounted")

    def insert(self) -> None:
        """Put the same card in."""
        self._image.write_bytes(self._bytes)
        run("losetup", "--set-capacity", self.loop)
        wait_until(self._is_shown, seconds=SECONDS, otherwise="the card is not known")

    def look(self) -> list[str]:
        """Have cards mounted, and return where cards are."""
        self._mounter.look()
        return self.roots()

    def roots(self) -> list[str]:
        return [str(volume.root) for volume in self._volumes.current()]

    def options(self) -> list[str]:
        """Return how the card is mounted."""
        return next(sorted(mount.options) for mount in read_mounts() if mount.source == str(self.loop))


def main(image: Path) -> None:
    """Put a card in, unmount it, pull it twice, and write what there was to see."""
    start(image.parent)
    reader = Reader(image)
    seen: dict[str, object] = {"inserted": reader.look(), "options": reader.options()}
    run("udisksctl", "unmount", "-b", reader.loop)
    seen["unmounted"] = [reader.look(), reader.look()]
    reader.pull()
    seen["pulled"] = reader.look()
    reader.insert()
    seen["inserted again"] = reader.look()
    reader.pull()
    seen["pulled while mounted"] = reader.look()
    reader.insert()
    seen["inserted a third time"] = reader.look()
    run("udisksctl", "unmount", "-b", reader.loop)
    sys.stdout.write(json.dumps(seen))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
