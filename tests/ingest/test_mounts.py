"""The mount table of Linux: fields, escapes, and the mount of a path."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.ingest.mounts import Mount, mount_of, parse_mounts, read_mounts

TABLE = rb"""22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
61 27 8:33 / /media/ann/EOS\040DIGITAL\134\011\012x ro,nosuid shared:3 propagate_from:2 - exfat /dev/sdc1 ro
62 27 8:34 / /media/\303\274 rw - vfat /dev/sdc2 rw
"""


def test_fields_are_those_that_proc_documents() -> None:
    _, top, bound, card, other = parse_mounts(TABLE)
    assert top == Mount(
        mount_id=27,
        device="254:0",
        root="/",
        mount_point=Path("/"),
        fs_type="ext4",
        source="/dev/vda",
        options=frozenset({"rw", "relatime"}),
    )
    assert (bound.root, bound.mount_point, bound.fs_type) == ("/mnt1", Path("/mnt2"), "ext3")
    assert card.mount_point == Path("/media/ann/EOS DIGITAL\\\t\nx")
    assert (card.source, card.fs_type, card.read_only, top.read_only) == ("/dev/sdc1", "exfat", True, False)
    assert other.mount_point == Path("/media/ü")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"22 27 0:21 / /proc rw,relatime",
        b"x 27 0:21 / /proc rw - proc proc rw",
        b"22 27 0:21 / /proc rw shared:1 proc proc rw",
        b"22 27 0:21 / /a rw shared:1 x:1 y:1 - proc",
    ],
)
def test_other_lines_are_passed_over(line: bytes) -> None:
    assert len(parse_mounts(line + b"\n" + TABLE)) == 5


@given(st.binary(max_size=300))
def test_no_table_breaks_the_parser(table: bytes) -> None:
    parse_mounts(table)
    parse_mounts(TABLE + table)


def test_a_path_lies_in_the_deepest_mount_and_in_the_last_of_one_place() -> None:
    mounts = parse_mounts(
        b"1 0 8:1 / / rw - ext4 /dev/a rw\n2 1 8:2 / /media/card rw - vfat /dev/b rw\n"
        b"3 2 8:3 / /media/card rw - vfat /dev/c rw\n4 1 8:4 / /media/car rw - vfat /dev/d rw\n"
    )
    found = [mount_of(Path(path), mounts) for path in ("/media/card/DCIM", "/media/card", "/media/cards", "/")]
    assert [mount.source if mount else "" for mount in found] == ["/dev/c", "/dev/c", "/dev/a", "/dev/a"]
    assert mount_of(Path("/x"), ()) is None


def test_the_table_of_this_process_has_its_top() -> None:
    assert Path("/") in {mount.mount_point for mount in read_mounts()}
