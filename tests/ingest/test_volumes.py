"""Detection: no volume that comes or goes is missed, however busy its listener is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from files_service.ingest.usb import connected_cameras, hint
from files_service.ingest.volumes import Change, Detector, LinuxVolumes, PolledVolumes, Volume, Volumes
from tests.ingest.cards import attach, can_mount, make_image, mount, run
from tests.waiting import PATIENCE_SECONDS, wait_until

MOUNTS = 20
LOOK_SECONDS = 0.05


@contextmanager
def detecting(volumes: Volumes) -> Iterator[list[Change]]:
    """Detect for the duration of the block; the changes so far."""
    seen: list[Change] = []
    detector = Detector(volumes, seen.append, look_seconds=LOOK_SECONDS)
    detector.start()
    try:
        yield seen
    finally:
        detector.stop()


def roots(changes: list[Change], *, is_there: bool) -> list[Path]:
    return sorted(change.volume.root for change in changes if change.is_there is is_there)


def test_of_many_mounts_none_is_missed_and_no_removal(tmp_path: Path) -> None:
    """Mount images one after the other, or fill folders where nothing can be mounted."""
    places = [tmp_path / f"card{number:02}" for number in range(MOUNTS)]
    with ExitStack() as undo:
        if can_mount():
            image = tmp_path / "image"
            make_image(image, {"DCIM/100GOPRO/GX010001.MP4": b"1"})
            for place in places:
                place.mkdir()
            # Read-only, so that one image serves all.
            loops = [attach(image) for _ in places]
            for loop in loops:
                undo.callback(run, "losetup", "--detach", loop)
            volumes: Volumes = LinuxVolumes(places=(tmp_path,))
        else:
            volumes = LinuxVolumes(folders=places)
        with detecting(volumes) as seen:
            for number, place in enumerate(places):
                if can_mount():
                    mount(loops[number], place)
                else:
                    (place / "DCIM").mkdir(parents=True)
            wait_until(lambda: roots(seen, is_there=True) == places, seconds=PATIENCE_SECONDS)
            for place in places:
                if can_mount():
                    run("umount", place)
                else:
                    (place / "DCIM").rmdir()
            wait_until(lambda: roots(seen, is_there=False) == places, seconds=PATIENCE_SECONDS)
        assert len(seen) == 2 * MOUNTS
        assert len({change.volume.key for change in seen}) == MOUNTS


def test_a_volume_that_was_there_before_is_told(tmp_path: Path) -> None:
    (tmp_path / "card" / "DCIM").mkdir(parents=True)
    with detecting(LinuxVolumes(folders=[tmp_path / "card", tmp_path / "missing"])) as seen:
        wait_until(lambda: roots(seen, is_there=True) == [tmp_path / "card"], seconds=PATIENCE_SECONDS)


class Scripted(Volumes):
    """Volumes that a test puts in and takes out; each look waits for the test."""

    def __init__(self) -> None:
        self.scenes: SimpleQueue[tuple[Volume, ...] | Exception] = SimpleQueue()
        self.is_closed = threading.Event()
        self.looks = 0

    def current(self) -> tuple[Volume, ...]:
        scene = self.scenes.get(timeout=PATIENCE_SECONDS)
        self.looks += 1
        if isinstance(scene, Exception):
            raise scene
        return scene

    def wait(self, seconds: float) -> None:
        return

    def close(self) -> None:
        self.is_closed.set()


def volume(key: str, root: str = "/media/card") -> Volume:
    return Volume(key=key, root=Path(root), reader="usb1")


def test_another_card_at_the_same_place_is_a_removal_and_an_insertion() -> None:
    volumes = Scripted()
    with detecting(volumes) as seen:
        for scene in ((volume("1"),), OSError("busy"), (volume("2"),), ()):
            volumes.scenes.put(scene)
        wait_until(lambda: volumes.looks == 4 and len(seen) == 4, seconds=PATIENCE_SECONDS)
        volumes.scenes.put(())
    assert [(change.volume.key, change.is_there) for change in seen] == [
        *(("1", True), ("1", False), ("2", True), ("2", False)),
    ]


def test_a_fault_of_a_look_or_of_its_listener_keeps_no_later_change_from_being_told() -> None:
    volumes, told = Scripted(), list[Change]()

    def tell(change: Change) -> None:
        told.append(change)
        raise BrokenPipeError

    detector = Detector(volumes, tell, look_seconds=0)
    detector.start()
    for scene in ((volume("1"), volume("2")), ValueError("a strange table"), (volume("1"),)):
        volumes.scenes.put(scene)
    wait_until(lambda: len(told) == 3, seconds=PATIENCE_SECONDS)
    volumes.scenes.put(())
    detector.stop()
    assert [(change.volume.key, change.is_there) for change in told[2:3]] == [("2", False)]


def table(tmp_path: Path, *lines: str) -> LinuxVolumes:
    path = tmp_path / "mountinfo"
    path.write_text("".join(f"{line}\n" for line in lines))
    return LinuxVolumes(places=(Path("/media"),), mountinfo=path)


@pytest.mark.parametrize(
    ("line", "is_card"),
    [
        ("61 27 7:0 / /media/a rw - exfat {device} rw", True),
        ("61 27 7:0 / /media/a rw - fuseblk {device} rw", True),
        ("61 27 7:0 / /srv/a rw - exfat {device} rw", False),
        ("61 27 7:0 / /media/a rw - squashfs {device} ro", False),
        ("61 27 7:0 /DCIM /media/a rw - exfat {device} rw", False),
        ("61 27 0:50 / /media/a rw - fuse.sshfs ann@host: rw", False),
        ("61 27 0:50 / /media/a rw - exfat /dev/none rw", False),
    ],
)
def test_a_card_is_a_whole_file_system_of_a_device_at_its_place(tmp_path: Path, line: str, is_card: bool) -> None:
    device = next((path for path in sorted(Path("/dev").glob("*")) if path.is_block_device()), None)
    if device is None:
        # A machine without devices has no cards; the table still is read.
        is_card, device = False, Path("/dev/none")
    volumes = table(tmp_path, line.format(device=device))
    assert [each.root for each in volumes.current()] == ([Path("/media/a")] if is_card else [])
    volumes.close()


def test_a_device_that_is_mounted_twice_is_one_volume(tmp_path: Path) -> None:
    device = next((path for path in sorted(Path("/dev").glob("*")) if path.is_block_device()), None)
    lines = [f"6{number} 27 7:0 / /media/{number} rw - exfat {device} rw" for number in (1, 2)]
    volumes = table(tmp_path, *lines)
    assert len(volumes.current()) == (1 if device else 0)
    volumes.close()


def test_the_disk_of_the_system_is_no_card(tmp_path: Path) -> None:
    disk = Path("/sys/block")
    for device in sorted(disk.iterdir()) if disk.exists() else ():
        numbers = (device / "dev").read_text().strip()
        if not Path("/dev", device.name).is_block_device():
            continue
        top = f"1 0 {numbers} / / rw - ext4 /dev/{device.name} rw"
        volumes = table(tmp_path, top, f"2 1 {numbers} / /media/x rw - vfat /dev/{device.name} rw")
        assert volumes.current() == ()
        volumes.close()


def test_the_volumes_of_other_systems_are_polled(tmp_path: Path) -> None:
    card = tmp_path / "card"
    with detecting(PolledVolumes(lambda: [card])) as seen:
        (card / "DCIM").mkdir(parents=True)
        wait_until(lambda: roots(seen, is_there=True) == [card], seconds=PATIENCE_SECONDS)
        (card / "DCIM").rmdir()
        wait_until(lambda: roots(seen, is_there=False) == [card], seconds=PATIENCE_SECONDS)


def test_a_camera_at_usb_is_named(tmp_path: Path) -> None:
    for port, vendor in (("1-1", "2672\n"), ("1-2", "8086\n")):
        (tmp_path / port).mkdir()
        (tmp_path / port / "idVendor").write_text(vendor)
    (tmp_path / "usb1").mkdir()
    assert connected_cameras(tmp_path) == {"1-1": "GoPro"}
    assert "card reader" in hint("GoPro")
    assert connected_cameras(tmp_path / "missing") == {}
