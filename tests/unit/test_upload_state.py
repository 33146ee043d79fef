"""The pure core of uploads: ranges, cuts, names; and checksums of what passes by, for any order of arrival."""

from __future__ import annotations

import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from files_service.domain.chunking import (
    chunk_key,
    fits,
    has_expired,
    manifest_generation,
    manifest_of,
    names_in_upload_id,
    room_until,
    slices,
    upload_id_of,
    upload_id_of_part,
    wanted,
)
from files_service.domain.uploads import names_in_key, part_key
from files_service.services.uploads.hashing import Checksums, Hashes, WholeHash
from storage_adapters import Part, Ranges, Upload

FILE_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
PLACES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=30)


def make_upload(**changes: Any) -> Upload:
    return Upload(upload_id="u", owner="ann", created_at=0, expires_at=10, **{"size": 100, "chunk_size": 8, **changes})


def covered(places: list[tuple[int, int]]) -> set[int]:
    return {byte for start, end in places for byte in range(start, end)}


@given(PLACES)
def test_ranges_are_what_was_put_in_sorted_and_merged(places: list[tuple[int, int]]) -> None:
    ranges, model = Ranges(), set[int]()
    for start, length in places:
        bytes_of = set(range(start, start + length))
        assert ranges.overlaps(start, start + length) == bool(bytes_of & model)
        assert covered(ranges.gaps(start, start + length)) == bytes_of - model
        if bytes_of & model:
            with pytest.raises(ValueError, match="overlaps"):
                ranges.add(start, start + length)
        for gap in ranges.gaps(start, start + length):
            ranges.add(*gap)
        model |= bytes_of
    listed = ranges.as_list()
    assert covered(listed) == model
    assert all(end < start for (_, end), (start, _) in pairwise(listed))
    contiguous = next(byte for byte in range(200) if byte not in model)
    assert ranges.contiguous == contiguous
    assert Ranges(listed).as_list() == listed


@given(st.integers(0, 500), st.integers(0, 300), st.integers(1, 64))
def test_slices_end_where_chunks_are_cut_and_leave_nothing_out(start: int, length: int, size: int) -> None:
    cuts = list(slices(start, start + length, size))
    assert covered(cuts) == set(range(start, start + length))
    assert sum(end - begin for begin, end in cuts) == length
    for begin, end in cuts:
        assert 0 < end - begin <= size
        assert end == start + length or end % size == 0
        assert end <= begin + room_until(begin, size)


@given(PLACES, st.integers(0, 60), st.integers(0, 40))
def test_what_is_wanted_is_what_has_not_arrived(places: list[tuple[int, int]], start: int, length: int) -> None:
    arrived = Ranges()
    for place, size in places:
        for gap in arrived.gaps(place, place + size):
            arrived.add(*gap)
    missing = wanted(make_upload(), arrived, start, start + length)
    assert covered(missing) == set(range(start, start + length)) - covered(arrived.as_list())


@given(st.data())
def test_any_split_of_the_bytes_in_any_order_with_repeats_is_complete_in_the_end(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 80))
    upload = make_upload(size=size)
    cuts = sorted({0, size, *data.draw(st.lists(st.integers(0, size), max_size=10))})
    pieces = list(pairwise(cuts))
    order = data.draw(st.permutations(pieces))
    repeats = data.draw(st.lists(st.sampled_from(pieces), max_size=5)) if pieces else []
    arrived, stored = Ranges(), [0] * size
    for start, end in [*order, *repeats]:
        assert fits(upload, start, end - start)
        for begin, stop in wanted(upload, arrived, start, end):
            arrived.add(begin, stop)
            for byte in range(begin, stop):
                stored[byte] += 1
    assert stored == [1] * size
    assert arrived.contiguous == size


@pytest.mark.parametrize(
    ("offset", "length", "fit"), [(0, 100, True), (100, 0, True), (0, 101, False), (-1, 1, False), (5, -1, False)]
)
def test_bytes_belong_to_the_upload_or_not(offset: int, length: int, fit: bool) -> None:
    assert fits(make_upload(), offset, length) is fit
    assert fits(make_upload(size=None), 2**50, 5)


def test_only_an_open_upload_expires() -> None:
    assert not has_expired(make_upload(), now=9)
    assert has_expired(make_upload(), now=10)
    assert not has_expired(make_upload(sealed_at=5), now=10)


def test_an_upload_is_named_after_its_part() -> None:
    part = Part(part_id="p3", type="", content_type="", size=1, bucket="b", key=part_key("ann", FILE_ID, "p3"))
    upload_id = upload_id_of_part(part)
    assert upload_id == upload_id_of(FILE_ID, "p3") == f"{FILE_ID}-p3"
    assert names_in_upload_id(upload_id) == (FILE_ID, "p3")
    assert len(manifest_generation(upload_id)) <= 40, "files.finish takes no longer one"
    assert manifest_of(part) is None


@pytest.mark.parametrize("name", ["", "x", FILE_ID, f"{FILE_ID}-", f"{FILE_ID}-p0/..", f"../{FILE_ID}-p0", "é-p0"])
def test_other_names_are_no_uploads(name: str) -> None:
    assert names_in_upload_id(name) is None


def test_no_part_has_the_key_of_a_chunk() -> None:
    key = chunk_key("ann", "ab" * 32, "0" * 15)
    assert names_in_key(key) is None
    assert all(len(segment) <= 64 for segment in key.split("/"))


@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(0, 8), st.booleans())
def test_the_whole_is_hashed_while_it_passes_by_and_from_a_cut_on(
    pieces: list[bytes], broken_at: int, with_md5: bool
) -> None:
    whole, content = WholeHash(with_md5), b"".join(pieces)
    with ThreadPoolExecutor(2) as pool:

        def send(numbers: range) -> None:
            place = sum(len(piece) for piece in pieces[: numbers.start])
            whole.begin(place)
            fed = []
            for number in numbers:
                fed.append(whole.feed(place, memoryview(pieces[number]), pool))
                place += len(pieces[number])
            wait(fed)

        # The sender breaks off after everything was fed, and only so much was stored.
        send(range(len(pieces)))
        send(range(min(broken_at, len(pieces)), len(pieces)))
    md5 = hashlib.md5(content).hexdigest() if with_md5 else None
    expected = Checksums(hashlib.sha256(content).hexdigest(), md5, f"{zlib.crc32(content):08x}")
    assert whole.result(len(content)) == expected
    whole.spoil()
    assert whole.result(len(content)) is None


def test_what_comes_out_of_order_is_left_to_a_second_read() -> None:
    whole = WholeHash(with_md5=False)
    with ThreadPoolExecutor(1) as pool:
        whole.begin(0)
        for offset in (4, 0):
            whole.feed(offset, memoryview(b"abcd"), pool).result()
    assert whole.result(8) is None


def test_few_uploads_are_remembered() -> None:
    hashes = Hashes()
    first = hashes.of("u", with_md5=False)
    assert hashes.of("u", with_md5=False) is first
    hashes.forget("u")
    assert hashes.of("u", with_md5=False) is not first
