"""From declared parts to a complete upload."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.uploads import (
    declared_parts,
    find_part,
    mismatch,
    names_in_key,
    owner_segment,
    part_key,
    prolong,
    receive_part,
    same_declaration,
)
from storage_adapters import BlobInfo, FileRecord, FileStatus, Part
from tests.unit.records import STATUSES, in_status, part, record

OWNERS = st.text(min_size=1, max_size=78).filter(lambda owner: owner.isprintable())


def blob(of: Part, **fields: object) -> BlobInfo:
    found = BlobInfo(
        bucket=of.bucket, key=of.key, size=of.size, content_type=of.content_type, created_at=5, generation="g1"
    )
    return replace(found, **fields)  # type: ignore[arg-type]


def file_of(count: int) -> FileRecord:
    return record(parts=tuple(part(part_id=f"p{index}", key=f"k/f/p{index}", size=index) for index in range(count)))


@given(OWNERS, st.text("0123456789ABCDEF", min_size=26, max_size=26), st.integers(0, 99))
def test_a_key_names_its_file_and_part(owner: str, file_id: str, index: int) -> None:
    key = part_key(owner, file_id, f"p{index}")
    assert names_in_key(key) == (file_id, f"p{index}")
    assert key.isascii()


@pytest.mark.parametrize("key", ["", "a", "a/b/c", "a/b", f"{'0' * 32}/f", f"{'0' * 32}/f/p0/x", f"/{'0' * 32}/f/p0"])
def test_a_foreign_key_names_nothing(key: str) -> None:
    assert names_in_key(key) is None


@given(OWNERS, OWNERS)
def test_owners_have_folders_of_their_own(one: str, other: str) -> None:
    assert (owner_segment(one) == owner_segment(other)) is (one == other)


def test_parts_are_numbered_in_their_order() -> None:
    declared = {"type": "file", "content_type": "text/plain", "size": 1}
    parts = declared_parts("ann", "F", "bucket", [declared, {**declared, "md5": "0" * 32}])
    assert [(each.part_id, each.bucket, each.md5) for each in parts] == [
        ("p0", "bucket", None),
        ("p1", "bucket", "0" * 32),
    ]
    assert [names_in_key(each.key) for each in parts] == [("F", "p0"), ("F", "p1")]


def test_a_part_is_found_by_its_id() -> None:
    assert find_part(file_of(3), "p1") == file_of(3).parts[1]
    assert find_part(file_of(3), "p3") is None


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"name": "else", "tags": ("x",)}, True),
        ({"parts": (part(size=4),)}, False),
        ({"parts": (part(type="preview"),)}, False),
        ({"parts": (part(content_type="text/html"),)}, False),
        ({"parts": (part(), part())}, False),
        ({"parts": (part(md5="0" * 32),)}, True),
        ({"parts": (part(sha256="1" * 64, md5="0" * 32),)}, False),
        ({"parent_id": "G"}, False),
    ],
)
def test_a_repeated_declaration_is_told_from_another(change: dict[str, object], same: bool) -> None:
    earlier = record(parts=(part(sha256="0" * 64, received_at=5, generation="g"),))
    assert same_declaration(earlier, record(**change)) is same
    assert same_declaration(record(**change), earlier) is same


def test_a_blob_as_declared_has_no_mismatch() -> None:
    assert mismatch(part(), blob(part())) is None
    assert mismatch(part(md5="a" * 32), blob(part(), md5="a" * 32)) is None


def test_the_size_is_compared_first() -> None:
    assert mismatch(part(md5="a" * 32), blob(part(), size=4, md5="b" * 32)) == ("size", 3, 4)


@pytest.mark.parametrize("name", ["md5", "crc32c", "sha256"])
def test_every_checksum_is_compared_where_both_sides_know_it(name: str) -> None:
    declared = part(**{name: "a"})
    assert mismatch(declared, blob(part(), **{name: "b"})) == (name, "a", "b")
    assert mismatch(declared, blob(part())) is None
    assert mismatch(part(), blob(part(), **{name: "b"})) is None


def test_a_received_part_carries_what_the_store_knows() -> None:
    declared = record(parts=(part(md5="a" * 32), part(part_id="p1")))
    after = receive_part(declared, declared.parts[0], blob(part(), sha256="c" * 64), now=50)
    received = after.parts[0]
    assert (received.md5, received.sha256, received.generation, received.received_at) == ("a" * 32, "c" * 64, "g1", 50)
    assert (after.status, after.parts[1]) == (FileStatus.PENDING, declared.parts[1])


@given(st.permutations(range(5)), st.lists(st.integers(0, 4)))
def test_parts_may_arrive_in_any_order_and_more_than_once(order: list[int], repeats: list[int]) -> None:
    current = file_of(5)
    for step, index in enumerate(order):
        assert current.status is FileStatus.PENDING
        current = receive_part(current, current.parts[index], blob(current.parts[index]), now=step)
        for repeat in set(repeats) & set(order[: step + 1]):
            assert receive_part(current, current.parts[repeat], blob(current.parts[repeat]), now=99) == current
    assert (current.status, current.uploaded_at, current.size) == (FileStatus.UPLOADED, 4, sum(range(5)))
    assert [each.received_at for each in current.parts] == [order.index(index) for index in range(5)]


def test_a_pending_file_that_has_all_its_parts_completes_on_any_call() -> None:
    stuck = record(parts=(part(received_at=5),))
    assert receive_part(stuck, stuck.parts[0], blob(part()), now=9).status is FileStatus.UPLOADED


@pytest.mark.parametrize("status", [status for status in STATUSES if status is not FileStatus.PENDING])
def test_a_finished_file_receives_nothing(status: FileStatus) -> None:
    finished = in_status(status)
    assert receive_part(finished, finished.parts[0], blob(part()), now=9) is finished


def test_a_part_of_another_file_is_not_received() -> None:
    assert receive_part(record(), part(part_id="p9"), blob(part()), now=9) == record()


@pytest.mark.parametrize("status", STATUSES)
def test_only_a_pending_upload_is_prolonged_and_never_shortened(status: FileStatus) -> None:
    current = in_status(status)
    later = 2_000 if status is FileStatus.PENDING else 1_000
    assert prolong(current, 2_000).upload_expires_at == later
    assert prolong(current, 1_000) is current
    assert prolong(current, 1) is current
