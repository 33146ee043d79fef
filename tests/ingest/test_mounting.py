"""Devices as sysfs has them, and mounts by udisks2: a tree of files stands for sysfs, and a script for the command.

The answers of the script are those of udisksctl 2.9.4; `test_udisks.py` takes udisks2 itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from files_service.ingest.devices import BlockDevice
from files_service.ingest.mounting import OPTIONS, Mounter

USB = "devices/pci0000:00/usb1/1-2/1-2:1.0/host6/target6:0:0/6:0:0:{lun}/block/sd{letter}"
SD = "devices/platform/soc/mmc0/mmc_host/mmc0/mmc0:1234/block/mmcblk0"
EMMC = "devices/platform/soc/mmc1/mmc_host/mmc1/mmc1:0001/block/mmcblk1"
DISK = "devices/pci0000:00/ata1/host0/target0:0:0/0:0:0:0/block/sda"


class Machine:
    """Devices of a made-up machine."""

    def __init__(self, folder: Path) -> None:
        self.sys, self.udev = folder / "sys", folder / "udev"
        self.block = self.sys / "dev" / "block"
        for each in (self.block, self.udev):
            each.mkdir(parents=True)
        self.mountinfo = folder / "mountinfo"
        self.system = "27 1 8:0 / / rw - ext4 /dev/sda rw\n"
        self.mountinfo.write_text(self.system)
        self.fstab = folder / "fstab"

    def add(
        self, numbers: str, disk: str, partition: str = "", *, usage: str = "filesystem", **attributes: str
    ) -> None:
        place = self.sys / disk
        (place / partition).mkdir(parents=True, exist_ok=True)
        if partition:
            (place / partition / "partition").write_text("1\n")
        for name, value in attributes.items():
            path = place / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{value}\n")
        (self.block / numbers).symlink_to(place / partition)
        (self.udev / f"b{numbers}").write_text(f"S:disk/x\nE:ID_FS_USAGE={usage}\nE:ID_FS_TYPE=exfat\n")

    def mount(self, numbers: str, name: str) -> None:
        """Have a device mounted."""
        self.mountinfo.write_text(f"{self.system}61 27 {numbers} / /media/c ro - exfat /dev/{name} ro\n")

    def put_in_again(self) -> None:
        """Put the card of the first slot in again, while its mount is gone."""
        place = self.sys / USB.format(lun=0, letter="b") / "diskseq"
        place.write_text(f"{int(place.read_text()) + 70}\n")

    def mounter(self, *, seconds: float = 60) -> Mounter:
        return Mounter(
            udev=self.udev, sys_block=self.block, mountinfo=self.mountinfo, fstab=self.fstab, seconds=seconds
        )

    def device(self, numbers: str) -> BlockDevice:
        return BlockDevice(numbers, self.block)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    found = Machine(tmp_path)
    found.add("8:0", DISK, removable="0", diskseq="1")
    found.add("8:17", USB.format(lun=0, letter="b"), "sdb1", removable="1", diskseq="7")
    found.add("8:33", USB.format(lun=1, letter="c"), "sdc1", removable="1", diskseq="8")
    found.add("179:1", SD, "mmcblk0p1", device__type="SD", diskseq="9")
    found.add("180:1", EMMC, "mmcblk1p1", device__type="MMC", diskseq="2")
    return found


def test_slots_of_one_reader_share_it_and_inner_disks_are_not_removable(machine: Machine) -> None:
    first, second, sd, emmc, disk = map(machine.device, ("8:17", "8:33", "179:1", "180:1", "8:0"))
    assert first.reader == second.reader != sd.reader
    assert [each.is_removable for each in (first, second, sd, emmc, disk)] == [True, True, True, False, False]
    assert first.disk.endswith("/sdb")
    assert (str(first.node), str(sd.node)) == ("/dev/sdb1", "/dev/mmcblk0p1")
    assert (first.insertion, sd.insertion) == ("7", "9")
    gone = machine.device("9:9")
    assert (gone.exists, gone.disk, gone.is_removable, gone.insertion) == (False, "", False, "")


class Udisks:
    """A command that answers as udisksctl 2.9.4 does."""

    def __init__(self, folder: Path) -> None:
        self._log, self._answers = folder / "calls", folder / "answers"
        self._log.touch()
        self._answers.mkdir()
        script = folder / "udisksctl"
        script.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {self._log}\n'
            f'answer="{self._answers}/$(basename "$4")"\n'
            '[ ! -e "$answer" ] || { cat "$answer" >&2; exit 1; }\n'
            'echo "Mounted $4 at /media/ann/CARD"\n'
        )
        script.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return self._log.read_text().splitlines()

    @property
    def asked(self) -> list[str]:
        """The names of the devices that were to be mounted."""
        return [call.split()[3].removeprefix("/dev/") for call in self.calls]

    def refuse(self, name: str, answer: bytes) -> None:
        """Answer so for a device from now on."""
        (self._answers / name).write_bytes(answer)


NO_TERMINAL = (
    "Error creating textual authentication agent: Error opening current controlling terminal for the process "
    "(`/dev/tty'): No such device or address (polkit-error-quark, 0)\n"
)
FAULT = "Error mounting /dev/sdb1: GDBus.Error:org.freedesktop.UDisks2.Error."
REFUSED = f"{FAULT}NotAuthorizedCanObtain: Not authorized to perform operation"
UNKNOWN = f"{FAULT}Failed: Error mounting /dev/sdb1 at /media/ann/CARD: Filesystem type exfat not configured in kernel."
BUSY = f"{FAULT}Failed: Error mounting /dev/sdb1 at /media/ann/CARD: Unknown error when mounting /dev/sdb1"
GONE = "Error looking up object for device /dev/sdb1"
AWAY = "Error connecting to the udisks daemon: Could not connect: No such file or directory"
ALREADY = f"{FAULT}AlreadyMounted: Device /dev/sdb1 is already mounted at `/media/ann/CARD'.\n"


@pytest.fixture
def udisks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Udisks:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return Udisks(folder)


def test_removable_file_systems_that_nothing_has_mounted_are_mounted_read_only(
    machine: Machine, udisks: Udisks
) -> None:
    machine.add("8:49", USB.format(lun=2, letter="d"), "sdd1", usage="crypto", removable="1")
    machine.mount("8:33", "sdc1")
    machine.mounter().look()
    expected = [f"mount --no-user-interaction -b /dev/{name} -o {OPTIONS}" for name in ("mmcblk0p1", "sdb1")]
    assert udisks.calls == expected
    assert OPTIONS.split(",")[0] == "ro"


@pytest.mark.parametrize("answer", [REFUSED, UNKNOWN, BUSY, GONE, AWAY])
def test_a_device_that_cannot_be_mounted_is_tried_three_times_at_each_insertion(
    machine: Machine, udisks: Udisks, caplog: pytest.LogCaptureFixture, answer: str
) -> None:
    udisks.refuse("sdb1", f"{NO_TERMINAL}{answer}\n".encode())
    mounter = machine.mounter()
    for _ in range(5):
        mounter.look()
    assert udisks.asked.count("sdb1") == 3
    assert [vars(record)["error"] for record in caplog.records] == 3 * [answer]
    machine.put_in_again()
    mounter.look()
    assert udisks.asked.count("sdb1") == 4


def test_a_card_that_a_person_unmounts_stays_so_until_it_is_put_in_again(machine: Machine, udisks: Udisks) -> None:
    mounter = machine.mounter()
    # Mounted by somebody else.
    machine.mount("8:33", "sdc1")
    mounter.look()
    machine.mount("8:17", "sdb1")
    mounter.look()
    machine.mountinfo.write_text(machine.system)
    for _ in range(3):
        mounter.look()
    assert udisks.asked == ["mmcblk0p1", "sdb1"]
    machine.put_in_again()
    mounter.look()
    assert udisks.asked.count("sdb1") == 2


def test_a_medium_that_was_away_is_put_in_again_also_where_no_number_tells(machine: Machine, udisks: Udisks) -> None:
    mounter = machine.mounter()
    mounter.look()
    entry = machine.udev / "b8:17"
    known = entry.read_text()
    # As an empty slot of a reader is there.
    entry.write_text("S:disk/by-diskseq/7\n")
    mounter.look()
    entry.write_text(known)
    mounter.look()
    assert udisks.asked.count("sdb1") == 2


def test_a_card_that_a_desktop_mounts_meanwhile_is_no_fault(
    machine: Machine, udisks: Udisks, caplog: pytest.LogCaptureFixture
) -> None:
    udisks.refuse("sdb1", ALREADY.encode())
    mounter = machine.mounter()
    for _ in range(2):
        mounter.look()
    assert udisks.asked.count("sdb1") == 1
    assert caplog.records == []


@pytest.mark.parametrize(("fs_type", "warnings"), [("ext3", 1), ("ext4", 1), ("f2fs", 1), ("btrfs", 0), ("xfs", 0)])
def test_a_file_system_whose_journal_a_mount_could_write_is_left_alone(
    machine: Machine, udisks: Udisks, caplog: pytest.LogCaptureFixture, fs_type: str, warnings: int
) -> None:
    entry = machine.udev / "b8:17"
    entry.write_text(entry.read_text().replace("exfat", fs_type))
    mounter = machine.mounter()
    for _ in range(3):
        mounter.look()
    assert "sdb1" not in udisks.asked
    assert len(caplog.records) == warnings


@pytest.mark.parametrize(
    "named",
    [
        *("/dev/sdb1", "UUID=7F0F-2B53", 'UUID="7F0F-2B53"', "LABEL=MY\\040CARD", "PARTUUID=b595cc49-01"),
        "/dev/disk/by-label/MY\\134x20CARD",
    ],
)
def test_a_device_of_fstab_is_left_alone(machine: Machine, udisks: Udisks, named: str) -> None:
    with (machine.udev / "b8:17").open("a") as entry:
        entry.write("S:disk/by-label/MY\\x20CARD\nE:ID_FS_LABEL=MY_CARD\nE:ID_FS_LABEL_ENC=MY\\x20CARD\n")
        entry.write("E:ID_FS_UUID_ENC=7F0F-2B53\nE:ID_PART_ENTRY_UUID=b595cc49-01\n")
    machine.fstab.write_text(f"# {named}\n\n/dev/sda / ext4 defaults 0 1\n")
    machine.mounter().look()
    assert udisks.asked.count("sdb1") == 1
    machine.fstab.write_text(f"{named} /srv/card exfat rw,noauto,user 0 0\n")
    machine.mounter().look()
    assert udisks.asked.count("sdb1") == 1


def test_a_command_that_does_not_end_is_ended(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script = tmp_path / "udisksctl"
    script.write_text("#!/bin/sh\nexec sleep 600\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    machine.mounter(seconds=0.1).look()
    assert [vars(record)["device"] for record in caplog.records] == ["/dev/mmcblk0p1", "/dev/sdb1", "/dev/sdc1"]
    assert all("timed out" in vars(record)["error"] for record in caplog.records)


def test_an_answer_in_another_encoding_is_no_fault(machine: Machine, udisks: Udisks) -> None:
    udisks.refuse("sdb1", b"Fehler: \xc4\xd6\n")
    machine.mounter().look()
    assert udisks.asked.count("sdb1") == 1


def test_a_machine_without_udisks_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    machine.mounter().look()
    Mounter(udev=tmp_path / "none", sys_block=machine.block, mountinfo=tmp_path / "none").look()


def test_the_card_from_which_the_machine_started_is_left_alone(machine: Machine, udisks: Udisks) -> None:
    machine.add("179:2", SD, "mmcblk0p2", device__type="SD", diskseq="9")
    machine.mountinfo.write_text("27 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n")
    machine.mounter().look()
    assert udisks.asked == ["sdb1", "sdc1"]
