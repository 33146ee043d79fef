"""Identity of cards: the file system on a device, and folders."""

from __future__ import annotations

import io
import shutil
import struct
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from files_service.ingest import identity
from files_service.ingest.held_root import HeldRoot
from files_service.ingest.identity import card_id, identify
from files_service.ingest.listing import plan
from files_service.ingest.mounts import Mount
from files_service.ingest.reader import Exchanged
from files_service.ingest.superblock import read_file_system
from tests.ingest.cards import GOPRO, can_mount, inserted, make_image, mounted
from tests.ingest.untouched import watched


def test_a_card_is_identified_and_planned_without_a_write(tmp_path: Path) -> None:
    with inserted(tmp_path, GOPRO, label="HERO") as test_card:
        card = identify(test_card.root)
        found = plan(card)
        assert (card.camera, card.serial, card.layout) == ("GoPro HERO9 Black", "C3441325000001", "gopro")
        if test_card.is_mounted:
            assert (card.fs_type, card.label, card.size_bytes) == ("exfat", "HERO", 16 * 2**20)
            assert card.card_id == card_id(card.fs_uuid, card.size_bytes)
        else:
            assert (card.fs_type, card.label) == ("folder", "card")
        assert [file.path.rpartition("/")[2] for file in found.files] == [
            *("version.txt", "GX010123.MP4", "GL010123.LRV", "GX010123.THM", "GX020123.MP4", "GOPR0122.JPG"),
        ]
        assert found.junk == ("Get_started_with_GoPro.url",)
        assert found.left_out == ()
        assert found.size == sum(map(len, GOPRO.values())) - len(GOPRO["Get_started_with_GoPro.url"])
        assert identify(test_card.root) == card


def test_a_card_keeps_its_identity_at_another_place_and_loses_it_when_formatted(tmp_path: Path) -> None:
    if can_mount():
        image = tmp_path / "one.img"
        make_image(image, GOPRO)
        with mounted(image, tmp_path / "here") as root:
            first = identify(root)
        with mounted(image, tmp_path / "there") as root:
            assert identify(root) == replace(first, root=root)
        make_image(image, GOPRO)
        with mounted(image, tmp_path / "here") as root:
            again = identify(root)
    else:
        folder = tmp_path / "card"
        folder.mkdir()
        first = identify(folder)
        assert identify(folder) == first
        # A folder that was there in the meantime takes the number of the removed one.
        folder.rename(tmp_path / "away")
        folder.mkdir()
        again = identify(folder)
    assert again.card_id != first.card_id


def test_a_folder_has_an_identity_of_its_own_and_is_not_marked(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        (folder / "DCIM" / "100CANON").mkdir(parents=True)
    with watched(tmp_path):
        first, second = identify(one), identify(other)
    assert first.card_id != second.card_id
    assert identify(one) == first
    assert (first.fs_type, first.label, first.camera) == ("folder", "one", "Canon")
    shutil.copytree(one, tmp_path / "copy")
    assert identify(tmp_path / "copy").card_id not in (first.card_id, second.card_id)


def test_a_card_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        identify(tmp_path / "gone")


def sector(**fields: bytes) -> bytearray:
    head = bytearray(4096)
    head[510:512] = b"\x55\xaa"
    for place, content in fields.items():
        at = int(place.removeprefix("at_"), 16)
        head[at : at + len(content)] = content
    return head


FAT32 = sector(at_52=b"FAT32   ", at_43=struct.pack("<I", 0x1234ABCD), at_47=b"EOS_DIGITAL")
FAT16 = sector(at_36=b"FAT16   ", at_27=struct.pack("<I", 0x00010002), at_2B=b"NO NAME    ")
NTFS = sector(at_3=b"NTFS    ", at_48=struct.pack("<Q", 0x0123456789ABCDEF))
EXT = sector(at_438=b"\x53\xef", at_468=bytes(range(16)), at_478=b"disk")
EXFAT = sector(
    at_3=b"EXFAT   ",
    at_64=struct.pack("<I", 0xCAFE1234),
    at_58=struct.pack("<III", 4, 9, 2),
    at_6C=b"\x09\x03",
    at_800=b"\x83\x03" + "Ü1c".encode("utf-16-le"),
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (FAT32, ("1234-ABCD", "vfat", "EOS_DIGITAL")),
        (FAT16, ("0001-0002", "vfat", "")),
        (NTFS, ("0123456789ABCDEF", "ntfs", "")),
        (EXT, ("00010203-0405-0607-0809-0a0b0c0d0e0f", "ext", "disk")),
        (EXFAT, ("CAFE-1234", "exfat", "Ü1c")),
    ],
)
def test_the_header_of_a_file_system_tells_what_blkid_prints(head: bytes, expected: tuple[str, str, str]) -> None:
    found = read_file_system(io.BytesIO(head))
    assert found is not None
    assert (found.uuid, found.fs_type, found.label) == expected


@pytest.mark.parametrize("head", [b"", b"short", bytes(4096), b"\xff" * 4096])
def test_other_bytes_are_no_file_system(head: bytes) -> None:
    assert read_file_system(io.BytesIO(head)) is None


def test_a_label_behind_the_end_of_the_device_is_none() -> None:
    head = bytearray(EXFAT)
    head[0x58:0x64] = b"\xff" * 12
    found = read_file_system(io.BytesIO(head))
    assert found is not None
    assert found.label == ""


@pytest.mark.parametrize("readable", [True, False])
def test_a_card_without_a_serial_number_is_another_one_each_time_it_is_put_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    device, card = tmp_path / "device", tmp_path / "card"
    device.write_bytes(sector(at_52=b"FAT32   ", at_47=b"NO NAME    ") if readable else b"")
    card.mkdir()
    mounts = (Mount(mount_id=1, device="8:17", root="/", mount_point=card, fs_type="vfat", source="/dev/sdb1"),)
    insertions = ["first"]
    monkeypatch.setattr(identity, "device_node", lambda mount: device)
    monkeypatch.setattr(identity, "insertion_of", lambda node: insertions[-1])
    monkeypatch.setattr(identity, "_mounts", lambda: mounts)
    first = identify(card, mounts)
    assert identify(card, mounts) == first
    with closing(HeldRoot(first)) as held:
        held.require_same()
        insertions.append("second")
        assert identify(card, mounts).card_id != first.card_id
        with pytest.raises(Exchanged):
            held.require_same()


def test_an_insertion_is_told_from_another_one_of_the_same_device(tmp_path: Path) -> None:
    # One that is no device has no number, and an end all the same.
    assert identity.insertion_of(tmp_path).endswith(identity.BOOT_ID.read_text().strip())
