"""Devices as sysfs has them, and mounts by udisks2: a tree of files stands for sysfs, and a script for the command."""

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
        self.mountinfo.write_text("27 1 8:0 / / rw - ext4 /dev/sda rw\n")

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


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a command that refuses each device."""
    log, script = tmp_path / "calls", tmp_path / "bin" / "udisksctl"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n[ "$(grep -c "$4" {log})" -gt 1 ] || {{ echo "not now" >&2; exit 1; }}\n'
    )
    script.chmod(0o755)
    log.touch()
    monkeypatch.setenv("PATH", f"{script.parent}:/usr/bin:/bin")
    return log


def test_removable_file_systems_that_nothing_has_mounted_are_mounted_read_only(machine: Machine, calls: Path) -> None:
    machine.add("8:49", USB.format(lun=2, letter="d"), "sdd1", usage="crypto", removable="1")
    machine.mountinfo.write_text(machine.mountinfo.read_text() + "61 27 8:33 / /media/c ro - exfat /dev/sdc1 ro\n")
    mounter = Mounter(udev=machine.udev, sys_block=machine.block, mountinfo=machine.mountinfo)
    mounter.look()
    expected = [f"mount --no-user-interaction -b /dev/{name} -o {OPTIONS}" for name in ("mmcblk0p1", "sdb1")]
    assert calls.read_text().splitlines() == expected
    assert OPTIONS.split(",")[0] == "ro"


def test_a_device_that_cannot_be_mounted_is_tried_three_times_at_each_insertion(machine: Machine, calls: Path) -> None:
    mounter = Mounter(udev=machine.udev, sys_block=machine.block, mountinfo=machine.mountinfo)
    for _ in range(5):
        mounter.look()
    assert len(calls.read_text().splitlines()) == 3 * 3
    (machine.sys / USB.format(lun=0, letter="b") / "diskseq").write_text("70\n")
    mounter.look()
    assert len(calls.read_text().splitlines()) == 3 * 3 + 1


def test_a_machine_without_udisks_goes_on(machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    Mounter(udev=machine.udev, sys_block=machine.block, mountinfo=machine.mountinfo).look()
    Mounter(udev=tmp_path / "none", sys_block=machine.block, mountinfo=tmp_path / "none").look()


def test_the_card_from_which_the_machine_started_is_left_alone(machine: Machine, calls: Path) -> None:
    machine.add("179:2", SD, "mmcblk0p2", device__type="SD", diskseq="9")
    machine.mountinfo.write_text("27 1 179:2 / / rw - ext4 /dev/mmcblk0p2 rw\n")
    Mounter(udev=machine.udev, sys_block=machine.block, mountinfo=machine.mountinfo).look()
    assert "mmcblk0" not in calls.read_text()
    assert "sdb1" in calls.read_text()
