"""Mounts by udisks2 itself. Needs the rights of root, a loop device, and Debian's udisks2, dbus, udev and e2fsprogs."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.ingest.cards import GOPRO, fill, run, sha256
from tests.ingest.udisks_scene import UDEVD, UDISKSD, found
from tests.servers.commands import run_command
from tests.waiting import PATIENCE_SECONDS

TOOLS = ("udisksctl", "dbus-daemon", "mkfs.ext2", "losetup", "unshare", "umount")
NAMESPACES = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc")
pytestmark = pytest.mark.nightly


def can_run() -> bool:
    """Return True when this machine has the programs, and lets them have a namespace and a loop device."""
    if os.geteuid() != 0 or not Path("/dev/loop-control").exists() or not found(UDEVD) or not found(UDISKSD):
        return False
    if any(shutil.which(tool) is None for tool in TOOLS):
        return False
    return run_command([*NAMESPACES, "true"]).returncode == 0


def test_udisks_mounts_a_card_once_for_each_insertion_and_read_only(disk_path: Path) -> None:
    if not can_run():
        pytest.skip("there is no udisks2, or no right to start one in a namespace")
    image, content = disk_path / "card.img", disk_path / "content"
    fill(content, GOPRO)
    # A type that each kernel with ext4 has, made without a mount.
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    run("mkfs.ext2", "-q", "-L", "HERO", "-d", content, image)
    before = sha256(image)
    try:
        scene = [*NAMESPACES, sys.executable, "-m", "tests.ingest.udisks_scene", str(image)]
        done = run_command(scene, seconds=PATIENCE_SECONDS)
    finally:
        for loop in run("losetup", "--noheadings", "--output", "NAME", "--associated", image).split():
            run("losetup", "--detach", loop)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = json.loads(done.stdout)
    options = seen.pop("options")
    [root] = seen["inserted"]
    assert Path(root).name == "HERO"
    assert seen == {
        "inserted": [root],
        "unmounted": [[], []],
        "pulled": [],
        "inserted again": [root],
        "pulled while mounted": [],
        "inserted a third time": [root],
    }
    assert {"ro", "noatime", "nosuid", "nodev", "noexec"} <= set(options)
    assert sha256(image) == before, "the card was written to"
